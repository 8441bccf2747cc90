#include "software/tonemap.h"

#include <algorithm>
#include <array>

#include "software/scaler.h"
#include "tonemap-table.h"

namespace sortie {

namespace {

const std::array<ToneNode, 1024>& nodes() {
  static const std::array<ToneNode, 1024> table = [] {
    std::array<ToneNode, 1024> made{};
    for (int code = 0; code < 1024; ++code) made[static_cast<size_t>(code)] = toneNode(code);
    return made;
  }();
  return table;
}

}  // namespace

ToneMap::ToneMap() = default;
ToneMap::~ToneMap() = default;

FramePtr ToneMap::apply(const AVFrame& frame) {
  if (frame.color_trc != transfer_) {
    transfer_ = frame.color_trc;
    table_ = makeToneTable(transfer_ == AVCOL_TRC_SMPTE2084);
  }
  FramePtr source;
  if (frame.format == AV_PIX_FMT_YUV420P10LE && !isFullRange(frame)) {
    source = referTo(&frame);
  } else {
    if (!planar_ || width_ != frame.width || height_ != frame.height) {
      planar_ = std::make_unique<Conversion>(frame.width, frame.height, AV_PIX_FMT_YUV420P10LE, AVCOL_SPC_BT2020_NCL,
                                             AVCOL_RANGE_MPEG, SWS_BICUBIC | SWS_ACCURATE_RND);
      width_ = frame.width;
      height_ = frame.height;
    }
    source = planar_->apply(frame);
  }
  FramePtr mapped = makeFrame();
  check(av_frame_copy_props(mapped.get(), &frame), Code::kInternal, "Frame properties");
  mapped->format = AV_PIX_FMT_YUV420P;
  mapped->width = frame.width;
  mapped->height = frame.height;
  check(av_frame_get_buffer(mapped.get(), 0), Code::kInternal, "Frame buffer");

  const auto row = [&](int plane, int y) {
    return reinterpret_cast<const uint16_t*>(source->data[plane] + static_cast<ptrdiff_t>(y) * source->linesize[plane]);
  };
  const std::array<ToneNode, 1024>& node = nodes();
  const int width = frame.width, height = frame.height;
  const int chromaWidth = (width + 1) / 2, chromaHeight = (height + 1) / 2;
  for (int cy = 0; cy < chromaHeight; ++cy) {
    const uint16_t *us = row(1, cy), *vs = row(2, cy);
    uint8_t* outU = mapped->data[1] + static_cast<ptrdiff_t>(cy) * mapped->linesize[1];
    uint8_t* outV = mapped->data[2] + static_cast<ptrdiff_t>(cy) * mapped->linesize[2];
    for (int cx = 0; cx < chromaWidth; ++cx) {
      const ToneNode &u = node[us[cx] & 1023], &v = node[vs[cx] & 1023];
      int sum = 0, count = 0;
      for (int y = 2 * cy; y < std::min(2 * cy + 2, height); ++y) {
        const uint16_t* ys = row(0, y);
        uint8_t* out = mapped->data[0] + static_cast<ptrdiff_t>(y) * mapped->linesize[0];
        for (int x = 2 * cx; x < std::min(2 * cx + 2, width); ++x) {
          const int code = ys[x] & 1023;
          sum += code;
          ++count;
          out[x] = toneByte(toneLook(table_.luma.data(), 1, 0, node[static_cast<size_t>(code)], u, v));
        }
      }
      const ToneNode& y = node[static_cast<size_t>((sum + count / 2) / count)];
      outU[cx] = toneByte(toneLook(table_.chroma.data(), 2, 0, y, u, v));
      outV[cx] = toneByte(toneLook(table_.chroma.data(), 2, 1, y, u, v));
    }
  }
  mapped->color_primaries = AVCOL_PRI_BT709;
  mapped->color_trc = AVCOL_TRC_BT709;
  mapped->colorspace = AVCOL_SPC_BT709;
  mapped->color_range = AVCOL_RANGE_MPEG;
  return mapped;
}

}  // namespace sortie
