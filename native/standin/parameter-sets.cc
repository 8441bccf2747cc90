#include "parameter-sets.h"

#include <algorithm>
#include <iterator>

namespace standin {

namespace {

/** An RBSP: without the bytes that keep start codes out of it (ITU-T H.264, 7.3.1). */
class Bits {
 public:
  Bits(const uint8_t* data, size_t size) {
    for (size_t i = 0; i < size; ++i)
      if (i < 2 || data[i] != 3 || data[i - 1] != 0 || data[i - 2] != 0) bytes_.push_back(data[i]);
  }
  unsigned u(int count) {
    unsigned value = 0;
    for (; count > 0; --count, ++at_) value = value << 1 | (at_ / 8 < bytes_.size() ? bytes_[at_ / 8] >> (7 - at_ % 8) & 1u : 0u);
    return value;
  }
  void skip(size_t count) { at_ += count; }
  unsigned ue() {
    int zeros = 0;
    while (zeros < 32 && at_ / 8 < bytes_.size() && u(1) == 0) ++zeros;
    return (1u << std::min(zeros, 31)) - 1 + u(std::min(zeros, 31));
  }
  int se() {
    const unsigned code = ue();
    return code % 2 ? static_cast<int>((code + 1) / 2) : -static_cast<int>(code / 2);
  }

 private:
  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
};

void skipScalingList(Bits& bits, int size) {  // 7.3.2.1.1.1
  int last = 8, next = 8;
  for (int i = 0; i < size; ++i) {
    if (next != 0) next = (last + bits.se() + 256) % 256;
    last = next == 0 ? last : next;
  }
}

void skipHrd(Bits& bits) {  // E.1.2
  const unsigned count = bits.ue() + 1;
  bits.skip(8);
  for (unsigned i = 0; i < std::min(count, 32u); ++i) {
    bits.ue();
    bits.ue();
    bits.skip(1);
  }
  bits.skip(20);
}

/** Table A-1, MaxDpbMbs. */
unsigned maxDpbMacroblocks(unsigned level) {
  struct {
    unsigned level, macroblocks;
  } constexpr kLevels[] = {{10, 396}, {11, 900}, {20, 2376}, {21, 4752}, {30, 8100}, {31, 18000}, {32, 20480}, {41, 32768}, {42, 34816}, {50, 110400}};
  for (const auto& row : kLevels)
    if (level <= row.level) return row.macroblocks;
  return 184320;
}

/** Table E-1. */
constexpr int kSampleAspects[][2] = {{0, 0}, {1, 1}, {12, 11}, {10, 11}, {16, 11}, {40, 33}, {24, 11}, {20, 11}, {32, 11}, {80, 33}, {18, 11}, {15, 11}, {64, 33}, {160, 99}, {4, 3}, {3, 2}, {2, 1}};

void readAvc(Bits bits, SequenceSet& set) {  // 7.3.2.1.1
  bits.skip(8);
  const unsigned profile = bits.u(8);
  bits.skip(8);
  const unsigned level = bits.u(8);
  bits.ue();
  constexpr unsigned kHigh[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  if (std::find(std::begin(kHigh), std::end(kHigh), profile) != std::end(kHigh)) {
    const unsigned chroma = bits.ue();
    if (chroma == 3) bits.skip(1);
    bits.ue();
    bits.ue();
    bits.skip(1);
    if (bits.u(1))
      for (int i = 0; i < (chroma == 3 ? 12 : 8); ++i)
        if (bits.u(1)) skipScalingList(bits, i < 6 ? 16 : 64);
  }
  bits.ue();
  const unsigned order = bits.ue();
  if (order == 0) {
    bits.ue();
  } else if (order == 1) {
    bits.skip(1);
    bits.se();
    bits.se();
    for (unsigned i = std::min(bits.ue(), 255u); i > 0; --i) bits.se();
  }
  const unsigned references = bits.ue();
  bits.skip(1);
  const unsigned width = bits.ue() + 1, units = bits.ue() + 1;
  const unsigned framesOnly = bits.u(1);
  if (!framesOnly) bits.skip(1);
  bits.skip(1);
  if (bits.u(1))
    for (int i = 0; i < 4; ++i) bits.ue();
  const unsigned height = (2 - framesOnly) * units;
  unsigned buffering = std::min(16u, maxDpbMacroblocks(level) / std::max(1u, width * height));
  if (bits.u(1)) {  // E.1.1
    if (bits.u(1)) {
      const unsigned idc = bits.u(8);
      const bool listed = idc < std::size(kSampleAspects);
      set.sampleWidth = idc == 255 ? static_cast<int>(bits.u(16)) : listed ? kSampleAspects[idc][0] : 0;
      set.sampleHeight = idc == 255 ? static_cast<int>(bits.u(16)) : listed ? kSampleAspects[idc][1] : 0;
    }
    if (bits.u(1)) bits.skip(1);
    if (bits.u(1)) {
      bits.skip(4);
      if (bits.u(1)) bits.skip(24);
    }
    if (bits.u(1)) {
      bits.ue();
      bits.ue();
    }
    if (bits.u(1)) bits.skip(65);
    const unsigned nal = bits.u(1);
    if (nal) skipHrd(bits);
    const unsigned vcl = bits.u(1);
    if (vcl) skipHrd(bits);
    if (nal || vcl) bits.skip(1);
    bits.skip(1);
    if (bits.u(1)) {
      bits.skip(1);
      for (int i = 0; i < 5; ++i) bits.ue();
      buffering = bits.ue();
    }
  }
  // VulkanH264Parser.cpp: MaxDecFrameBuffering + 1.
  set.surfaces = static_cast<int>(std::min(std::max(buffering, references), 16u)) + 1;
}

void readHevc(Bits bits, SequenceSet& set) {  // ITU-T H.265, 7.3.2.2
  bits.skip(16 + 4);
  const unsigned layers = bits.u(3);
  bits.skip(1 + 88 + 8);
  unsigned present[8][2] = {};
  for (unsigned i = 0; i < layers; ++i)
    for (unsigned& flag : present[i]) flag = bits.u(1);
  if (layers > 0) bits.skip(2 * (8 - layers));
  for (unsigned i = 0; i < layers; ++i) bits.skip(88 * present[i][0] + 8 * present[i][1]);
  bits.ue();
  if (bits.ue() == 3) bits.skip(1);
  bits.ue();
  bits.ue();
  if (bits.u(1))
    for (int i = 0; i < 4; ++i) bits.ue();
  for (int i = 0; i < 3; ++i) bits.ue();
  unsigned buffering = 0;
  for (unsigned i = bits.u(1) ? 0 : layers; i <= layers; ++i) {
    buffering = bits.ue() + 1;
    bits.ue();
    bits.ue();
  }
  // VulkanH265Parser.cpp: max_dec_pic_buffering + 3.
  set.surfaces = static_cast<int>(std::min(buffering, 16u)) + 3;
}

}  // namespace

int findAspectCode(const uint8_t* data, size_t size) {
  for (size_t i = 0; i + 7 < size; ++i)
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1 && data[i + 3] == 0xb3) return data[i + 7] >> 4;
  return 0;
}

SequenceSet findSequenceSet(const uint8_t* data, size_t size, bool hevc) {
  SequenceSet found;
  for (size_t i = 0; i + 4 < size; ++i) {
    if (data[i] != 0 || data[i + 1] != 0 || data[i + 2] != 1) continue;
    const size_t begin = i + 3;
    const int type = hevc ? data[begin] >> 1 & 63 : data[begin] & 31;
    i = begin;
    if (type != (hevc ? 33 : 7)) continue;
    size_t end = begin;
    while (end < size && !(end + 2 < size && data[end] == 0 && data[end + 1] == 0 && data[end + 2] <= 1)) ++end;
    found.bytes.assign(data + begin, data + end);
    found.sampleWidth = found.sampleHeight = 0;
    (hevc ? readHevc : readAvc)(Bits(data + begin, end - begin), found);
  }
  return found;
}

}  // namespace standin
