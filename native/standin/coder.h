// Pictures as legal H.264 and HEVC without compression: every decoder gives back exactly the samples that went in, so that
// scaling, order, key frames and timestamps can be tested to the last bit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace standin {

using Bytes = std::vector<uint8_t>;

enum class Type { kIdr, kP, kB };

/** What stands in the parameter sets. */
struct Form {
  unsigned width, height;
  bool tenBit;
  unsigned frameRateNum, frameRateDen;
  bool signal;
  unsigned videoFormat, fullRange, primaries, transfer, matrix;
  bool reorders;
  /** Frames may be coded as two fields. */
  bool fields;
};

/** One picture: NV12, or P010, and its place in coding and display order. */
struct Picture {
  const uint8_t* luma;
  const uint8_t* chroma;
  size_t pitch;
  Type type;
  unsigned frameNumber;  // of reference pictures since the IDR
  unsigned order;        // in display order since the IDR
  unsigned idr;          // of the IDR pictures
};

Bytes avcHeaders(const Form& form);
void codeAvc(const Form& form, const Picture& picture, bool delimiter, bool headers, Bytes& out);
Bytes hevcHeaders(const Form& form);
void codeHevc(const Form& form, const Picture& picture, bool delimiter, bool headers, Bytes& out);

/** Bits, most significant first, and Exp-Golomb codes (ITU-T H.264, 7.2 and 9.1). */
class BitWriter {
 public:
  void u(int bits, uint32_t value) {
    for (int i = bits - 1; i >= 0; --i) {
      byte_ = byte_ << 1 | (value >> i & 1);
      if (++filled_ < 8) continue;
      bytes.push_back(static_cast<uint8_t>(byte_));
      byte_ = 0;
      filled_ = 0;
    }
  }
  void ue(uint32_t value) {
    const int length = 31 - __builtin_clz(value + 1);
    u(length, 0);
    u(length + 1, value + 1);
  }
  void se(int value) { ue(static_cast<uint32_t>(value > 0 ? 2 * value - 1 : -2 * value)); }
  void zerosToByte() {
    while (filled_ != 0) u(1, 0);
  }
  void trailing() {
    u(1, 1);
    zerosToByte();
  }
  Bytes bytes;

 private:
  uint32_t byte_ = 0;
  int filled_ = 0;
};

/** A NAL unit in the byte stream format, with emulation prevention (ITU-T H.264, 7.4.1 and annex B). */
inline void appendNal(Bytes& out, std::initializer_list<uint8_t> header, const Bytes& payload) {
  out.insert(out.end(), {0, 0, 0, 1});
  out.insert(out.end(), header);
  int zeros = 0;
  for (const uint8_t byte : payload) {
    if (zeros >= 2 && byte <= 3) {
      out.push_back(3);
      zeros = 0;
    }
    out.push_back(byte);
    zeros = byte == 0 ? zeros + 1 : 0;
  }
}

}  // namespace standin
