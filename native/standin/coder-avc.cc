// I_PCM macroblocks in I, P and B slices (ITU-T H.264, 7.3.5 and 8.3.5), CAVLC.
#include <algorithm>

#include "coder.h"

namespace standin {

namespace {

constexpr uint8_t kSlice = 1, kIdrSlice = 5, kSps = 7, kPps = 8, kDelimiter = 9;
constexpr uint8_t nal(int reference, uint8_t type) { return static_cast<uint8_t>(reference << 5 | type); }

unsigned blocks(unsigned size) { return (size + 15) / 16; }

void macroblock(const Form& form, const Picture& picture, unsigned mx, unsigned my, Bytes& out) {
  for (unsigned y = 0; y < 16; ++y) {
    const uint8_t* row = picture.luma + std::min(my * 16 + y, form.height - 1) * picture.pitch;
    for (unsigned x = 0; x < 16; ++x) out.push_back(row[std::min(mx * 16 + x, form.width - 1)]);
  }
  for (unsigned c = 0; c < 2; ++c)
    for (unsigned y = 0; y < 8; ++y) {
      const uint8_t* row = picture.chroma + std::min(my * 8 + y, (form.height + 1) / 2 - 1) * picture.pitch;
      for (unsigned x = 0; x < 8; ++x) out.push_back(row[std::min(mx * 8 + x, (form.width + 1) / 2 - 1) * 2 + c]);
    }
}

}  // namespace

Bytes avcHeaders(const Form& form) {
  Bytes out;
  const unsigned columns = blocks(form.width), rows = blocks(form.height);
  BitWriter sps;
  sps.u(8, 100);  // High
  sps.u(8, 0);
  sps.u(8, 52);  // level 5.2
  sps.ue(0);
  sps.ue(1);  // 4:2:0
  sps.ue(0);
  sps.ue(0);
  sps.u(2, 0);
  sps.ue(4);   // log2_max_frame_num_minus4: 8 bits
  sps.ue(0);   // pic_order_cnt_type
  sps.ue(12);  // 16 bits
  sps.ue(2);   // max_num_ref_frames
  sps.u(1, 0);
  sps.ue(columns - 1);
  sps.ue(form.fields ? rows / 2 - 1 : rows - 1);
  sps.u(1, !form.fields);  // frame_mbs_only
  if (form.fields) sps.u(1, 0);
  sps.u(1, 1);
  const bool crop = columns * 16 != form.width || rows * 16 != form.height;
  sps.u(1, crop);
  if (crop) {
    sps.ue(0);
    sps.ue((columns * 16 - form.width) / 2);
    sps.ue(0);
    sps.ue((rows * 16 - form.height) / 2);
  }
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
  sps.u(1, 0);
  sps.u(1, 1);  // timing
  sps.u(32, form.frameRateDen);
  sps.u(32, form.frameRateNum * 2);
  sps.u(1, 1);
  sps.u(3, 0);
  sps.u(1, 1);  // bitstream_restriction
  sps.u(1, 1);
  sps.ue(0);
  sps.ue(0);
  sps.ue(16);
  sps.ue(16);
  sps.ue(form.reorders ? 1 : 0);
  sps.ue(2);
  sps.trailing();
  appendNal(out, {nal(3, kSps)}, sps.bytes);

  BitWriter pps;
  pps.ue(0);
  pps.ue(0);
  pps.u(1, 0);
  pps.u(1, form.fields);  // bottom_field_pic_order_in_frame_present
  pps.ue(0);
  pps.ue(0);
  pps.ue(0);
  pps.u(3, 0);
  pps.se(0);
  pps.se(0);
  pps.se(0);
  pps.u(1, 1);  // deblocking_filter_control_present
  pps.u(2, 0);
  pps.trailing();
  appendNal(out, {nal(3, kPps)}, pps.bytes);
  return out;
}

void codeAvc(const Form& form, const Picture& picture, bool delimiter, bool headers, Bytes& out) {
  const bool idr = picture.type == Type::kIdr, b = picture.type == Type::kB;
  if (delimiter) {
    BitWriter type;
    type.u(3, static_cast<unsigned>(picture.type));
    type.trailing();
    appendNal(out, {nal(0, kDelimiter)}, type.bytes);
  }
  if (headers) {
    const Bytes sets = avcHeaders(form);
    out.insert(out.end(), sets.begin(), sets.end());
  }
  BitWriter slice;
  slice.ue(0);
  slice.ue(idr ? 7 : b ? 6 : 5);
  slice.ue(0);
  slice.u(8, picture.frameNumber & 255);
  if (idr) slice.ue(picture.idr & 255);
  slice.u(16, picture.order * 2 & 0xffff);
  if (b) slice.u(1, 0);     // direct_spatial_mv_pred
  if (!idr) slice.u(1, 0);  // num_ref_idx_active_override
  if (!idr) slice.u(1, 0);  // ref_pic_list_modification, list 0
  if (b) slice.u(1, 0);     // and list 1
  if (idr) slice.u(2, 0);   // no_output_of_prior_pics, long_term_reference
  else if (!b) slice.u(1, 0);
  slice.se(0);
  slice.ue(1);  // no deblocking
  const unsigned columns = blocks(form.width), rows = blocks(form.height);
  slice.bytes.reserve(static_cast<size_t>(columns) * rows * 390);
  for (unsigned my = 0; my < rows; ++my)
    for (unsigned mx = 0; mx < columns; ++mx) {
      if (!idr) slice.ue(0);             // mb_skip_run
      slice.ue(idr ? 25 : b ? 48 : 30);  // I_PCM
      slice.zerosToByte();
      macroblock(form, picture, mx, my, slice.bytes);
    }
  slice.trailing();
  appendNal(out, {nal(b ? 0 : 3, idr ? kIdrSlice : kSlice)}, slice.bytes);
}

}  // namespace standin
