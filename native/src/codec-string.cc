#include "codec-string.h"

#include <cstdio>

namespace sortie {

namespace {

constexpr int kAvcSequence = 7, kHevcSequence = 33;  // nal_unit_type of the sequence parameter set

/** The set of the type, without its header of `header` bytes and without emulation prevention (ITU-T H.264, 7.3.1). */
std::vector<uint8_t> parameterSet(const AVCodecParameters& parameters, int type, size_t header) {
  const uint8_t* data = parameters.extradata;
  const auto size = static_cast<size_t>(std::max(0, parameters.extradata_size));
  for (size_t i = 0; i + 3 + header < size; ++i) {
    if (data[i] != 0 || data[i + 1] != 0 || data[i + 2] != 1) continue;
    const int found = header == 1 ? data[i + 3] & 0x1f : data[i + 3] >> 1 & 0x3f;
    if (found != type) continue;
    std::vector<uint8_t> bytes;
    int zeros = 0;
    for (size_t at = i + 3 + header; at < size; ++at) {
      if (zeros >= 2 && data[at] == 3) {
        zeros = 0;
        continue;
      }
      if (zeros >= 2 && data[at] == 1) break;  // the next set
      bytes.push_back(data[at]);
      zeros = data[at] == 0 ? zeros + 1 : 0;
    }
    return bytes;
  }
  throw EngineError(Code::kEncodeFailed, "The encoder gave no sequence parameter set.");
}

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[32];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/** RFC 6381, 3.3: profile, constraints and level as they stand in the set. */
std::string avc(const std::vector<uint8_t>& set) {
  if (set.size() < 3) throw EngineError(Code::kEncodeFailed, "The encoder's sequence parameter set is cut short.");
  return format("avc1.%02x%02x%02x", set[0], set[1], set[2]);
}

/** ISO 14496-15, E.3: profile, compatibility in reverse order of bits, tier and level, constraints without trailing zeros. */
std::string hevc(const std::vector<uint8_t>& set) {
  if (set.size() < 13) throw EngineError(Code::kEncodeFailed, "The encoder's sequence parameter set is cut short.");
  const uint8_t* level = set.data() + 1;  // profile_tier_level() after ids and sub-layers
  std::string text = "hvc1.";
  if (const int space = level[0] >> 6) text += static_cast<char>('A' + space - 1);
  uint32_t compatible = 0;
  for (int bit = 0; bit < 32; ++bit)
    if (level[1 + bit / 8] >> (7 - bit % 8) & 1) compatible |= 1u << bit;
  text += format("%d.%X.%c%d", level[0] & 31, compatible, level[0] >> 5 & 1 ? 'H' : 'L', level[11]);
  int last = 10;
  while (last > 4 && level[last] == 0) --last;
  for (int i = 5; i <= last; ++i) text += format(".%X", level[i]);
  return text;
}

}  // namespace

std::string codecString(const AVCodecParameters& parameters) {
  return parameters.codec_id == AV_CODEC_ID_HEVC ? hevc(parameterSet(parameters, kHevcSequence, 2))
                                                 : avc(parameterSet(parameters, kAvcSequence, 1));
}

}  // namespace sortie
