// PCM coding units in I slices (ITU-T H.265, 7.3.8.7), each with the few CABAC bins that lead to it (9.3).
#include <algorithm>

#include "coder.h"

namespace standin {

namespace {

constexpr unsigned kBlock = 16;  // coding tree block and smallest coding block at once: nothing is ever split
constexpr uint8_t kTrailN = 0, kTrailR = 1, kIdr = 19, kVps = 32, kSps = 33, kPps = 34, kDelimiter = 35;

void append(Bytes& out, uint8_t type, const Bytes& payload) { appendNal(out, {static_cast<uint8_t>(type << 1), 1}, payload); }

/** The encoder of 9.3.4.5 for bins of two kinds: the most probable symbol, and termination. */
class Cabac {
 public:
  explicit Cabac(BitWriter& bits) : bits_(bits) {}

  void mostProbable(unsigned leastRange) {
    range_ -= leastRange;
    renormalise();
  }
  void goOn() {  // a terminating bin that is 0
    range_ -= 2;
    renormalise();
  }
  /** A terminating bin that is 1, and the flush with its last bit (EncodeFlush). */
  void terminate() {
    low_ += range_ - 2;
    range_ = 2;
    renormalise();
    put(low_ >> 9 & 1);
    bits_.u(2, (low_ >> 7 & 3) | 1);
    low_ = 0;
    range_ = 510;
    first_ = true;
    outstanding_ = 0;
  }

 private:
  void put(unsigned bit) {
    if (!first_) bits_.u(1, bit);
    first_ = false;
    for (; outstanding_ > 0; --outstanding_) bits_.u(1, 1 - bit);
  }
  void renormalise() {
    while (range_ < 256) {
      if (low_ < 256) {
        put(0);
      } else if (low_ >= 512) {
        low_ -= 512;
        put(1);
      } else {
        low_ -= 256;
        ++outstanding_;
      }
      range_ <<= 1;
      low_ <<= 1;
    }
  }
  BitWriter& bits_;
  unsigned low_ = 0;
  unsigned range_ = 510;
  bool first_ = true;
  int outstanding_ = 0;
};

// Table 9-52 (rangeTabLps), the column of qRangeIdx 3: the range is above 447 whenever a bin is coded here.
constexpr uint8_t kLeastRange[63] = {240, 227, 216, 205, 195, 185, 175, 166, 158, 150, 142, 135, 128, 122, 116, 110, 104, 99, 94, 89, 85,
                                     80,  76,  72,  69,  65,  62,  59,  56,  53,  50,  48,  45,  43,  41,  39,  37,  35,  33, 31, 30, 28,
                                     27,  25,  24,  23,  22,  21,  20,  19,  18,  17,  16,  15,  14,  14,  13,  12,  12,  11, 11, 10, 9};

void profile(BitWriter& bits, const Form& form) {  // 7.3.3
  bits.u(3, 0);
  bits.u(5, form.tenBit ? 2 : 1);
  for (int i = 0; i < 32; ++i) bits.u(1, i == 2 || (i == 1 && !form.tenBit));
  bits.u(4, 9);  // progressive, frames only
  bits.u(32, 0);
  bits.u(12, 0);
  bits.u(8, 153);  // level 5.1
}

void buffering(BitWriter& bits) {
  bits.u(1, 1);
  bits.ue(4);
  bits.ue(2);
  bits.ue(0);
}

unsigned blocks(unsigned size) { return (size + kBlock - 1) / kBlock; }

template <typename Sample>
void samples(const Form& form, const Picture& picture, unsigned bx, unsigned by, BitWriter& bits) {
  const auto put = [&](unsigned value) {
    if constexpr (sizeof(Sample) == 1) bits.bytes.push_back(static_cast<uint8_t>(value));
    else bits.u(10, value >> 6);
  };
  for (unsigned y = 0; y < kBlock; ++y) {
    const auto* row = reinterpret_cast<const Sample*>(picture.luma + std::min(by * kBlock + y, form.height - 1) * picture.pitch);
    for (unsigned x = 0; x < kBlock; ++x) put(row[std::min(bx * kBlock + x, form.width - 1)]);
  }
  for (unsigned c = 0; c < 2; ++c)
    for (unsigned y = 0; y < kBlock / 2; ++y) {
      const auto* row = reinterpret_cast<const Sample*>(picture.chroma + std::min(by * kBlock / 2 + y, (form.height + 1) / 2 - 1) * picture.pitch);
      for (unsigned x = 0; x < kBlock / 2; ++x) put(row[std::min(bx * kBlock / 2 + x, (form.width + 1) / 2 - 1) * 2 + c]);
    }
}

}  // namespace

Bytes hevcHeaders(const Form& form) {
  Bytes out;
  BitWriter vps;
  vps.u(4, 0);
  vps.u(2, 3);
  vps.u(6, 0);
  vps.u(3, 0);
  vps.u(1, 1);
  vps.u(16, 0xffff);
  profile(vps, form);
  buffering(vps);
  vps.u(6, 0);
  vps.ue(0);
  vps.u(2, 0);
  vps.trailing();
  append(out, kVps, vps.bytes);

  BitWriter sps;
  const unsigned width = blocks(form.width) * kBlock, height = blocks(form.height) * kBlock;
  const unsigned depth = form.tenBit ? 10 : 8;
  sps.u(4, 0);
  sps.u(3, 0);
  sps.u(1, 1);
  profile(sps, form);
  sps.ue(0);
  sps.ue(1);  // 4:2:0
  sps.ue(width);
  sps.ue(height);
  const bool crop = width != form.width || height != form.height;
  sps.u(1, crop);
  if (crop) {
    sps.ue(0);
    sps.ue((width - form.width) / 2);
    sps.ue(0);
    sps.ue((height - form.height) / 2);
  }
  sps.ue(depth - 8);
  sps.ue(depth - 8);
  sps.ue(12);  // 16 bits of picture order
  buffering(sps);
  sps.ue(1);  // smallest coding block 16
  sps.ue(0);  // and the largest
  sps.ue(0);  // smallest transform 4
  sps.ue(2);  // largest 16
  sps.ue(0);
  sps.ue(0);
  sps.u(3, 0);  // no scaling lists, asymmetric partitions, sample adaptive offset
  sps.u(1, 1);  // PCM
  sps.u(4, depth - 1);
  sps.u(4, depth - 1);
  sps.ue(1);  // of blocks of 16
  sps.ue(0);
  sps.u(1, 1);  // not filtered
  sps.ue(0);    // short-term reference picture sets
  sps.u(3, 0);
  sps.u(1, 1);  // VUI
  sps.u(2, 0);
  sps.u(1, form.signal);
  if (form.signal) {
    sps.u(3, form.videoFormat);
    sps.u(1, form.fullRange);
    sps.u(1, 1);
    sps.u(8, form.primaries);
    sps.u(8, form.transfer);
    sps.u(8, form.matrix);
  }
  sps.u(5, 0);
  sps.u(1, 1);  // timing
  sps.u(32, form.frameRateDen);
  sps.u(32, form.frameRateNum);
  sps.u(3, 0);
  sps.u(1, 0);
  sps.trailing();
  append(out, kSps, sps.bytes);

  BitWriter pps;
  pps.ue(0);
  pps.ue(0);
  pps.u(7, 0);
  pps.ue(0);
  pps.ue(0);
  pps.se(0);
  pps.u(3, 0);
  pps.se(0);
  pps.se(0);
  pps.u(7, 0);
  pps.u(1, 1);  // deblocking control:
  pps.u(1, 0);
  pps.u(1, 1);  // off
  pps.u(2, 0);
  pps.ue(0);
  pps.u(2, 0);
  pps.trailing();
  append(out, kPps, pps.bytes);
  return out;
}

void codeHevc(const Form& form, const Picture& picture, bool delimiter, bool headers, Bytes& out) {
  const bool idr = picture.type == Type::kIdr;
  if (delimiter) {
    BitWriter type;
    type.u(3, static_cast<unsigned>(picture.type));
    type.trailing();
    append(out, kDelimiter, type.bytes);
  }
  if (headers) {
    const Bytes sets = hevcHeaders(form);
    out.insert(out.end(), sets.begin(), sets.end());
  }
  BitWriter slice;
  slice.u(1, 1);
  if (idr) slice.u(1, 0);
  slice.ue(0);
  slice.ue(2);  // I
  if (!idr) {
    slice.u(16, picture.order & 0xffff);
    slice.u(1, 0);  // a reference picture set of its own, and an empty one
    slice.ue(0);
    slice.ue(0);
  }
  slice.se(0);
  slice.trailing();
  Cabac cabac(slice);
  const unsigned columns = blocks(form.width), rows = blocks(form.height);
  slice.bytes.reserve(static_cast<size_t>(columns) * rows * (form.tenBit ? 490 : 392));
  size_t state = 0;  // of part_mode: initValue 184 at QP 26 is state 0 with most probable value 1 (table 9-11)
  for (unsigned by = 0; by < rows; ++by)
    for (unsigned bx = 0; bx < columns; ++bx) {
      if (bx + by > 0) cabac.goOn();  // end_of_slice_segment_flag of the block before
      cabac.mostProbable(kLeastRange[state]);
      state = std::min<size_t>(state + 1, 62);
      cabac.terminate();  // pcm_flag
      slice.zerosToByte();
      if (form.tenBit) samples<uint16_t>(form, picture, bx, by, slice);
      else samples<uint8_t>(form, picture, bx, by, slice);
    }
  cabac.terminate();  // end of the slice; the flush's last bit is the stop bit
  slice.zerosToByte();
  append(out, idr ? kIdr : picture.type == Type::kB ? kTrailN : kTrailR, slice.bytes);
}

}  // namespace standin
