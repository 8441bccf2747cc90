#include "software/tonemap.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "software/scaler.h"

namespace sortie {

namespace {

constexpr int kGrid = 33;              // nodes along Y', Cb', Cr'
constexpr double kWhite = 203;         // cd/m² of diffuse white in HDR (ITU-R BT.2408, 2.1)
constexpr double kPeak = 1000;         // cd/m² that is still told from white
constexpr double kKnee = 0.75;         // display light above which highlights are compressed

double pqToNits(double signal) {  // ITU-R BT.2100, table 4
  constexpr double m1 = 2610.0 / 16384, m2 = 2523.0 / 4096 * 128;
  constexpr double c1 = 3424.0 / 4096, c2 = 2413.0 / 4096 * 32, c3 = 2392.0 / 4096 * 32;
  const double power = std::pow(std::max(signal, 0.0), 1 / m2);
  return 10000 * std::pow(std::max(power - c1, 0.0) / (c2 - c3 * power), 1 / m1);
}

double hlgToScene(double signal) {  // ITU-R BT.2100, table 5: inverse OETF
  constexpr double a = 0.17883277, b = 1 - 4 * a;
  const double c = 0.5 - a * std::log(4 * a);
  signal = std::max(signal, 0.0);
  return signal <= 0.5 ? signal * signal / 3 : (std::exp((signal - c) / a) + b) / 12;
}

/** 1 is diffuse white. Below the knee nothing changes; above, the peak comes to lie at 1. */
double compress(double light) {
  if (light <= kKnee) return light;
  const double top = kPeak / kWhite;
  const double x = std::min((light - kKnee) / (top - kKnee), 1.0);
  // x → (1+k)x / (1+kx): slope at the knee as before it.
  const double k = (top - kKnee) / (1 - kKnee) - 1;
  return kKnee + (1 - kKnee) * (1 + k) * x / (1 + k * x);
}

double gammaEncode(double light) { return std::pow(std::clamp(light, 0.0, 1.0), 1 / 2.4); }  // BT.1886 display

struct Rgb {
  double r, g, b;
};

Rgb toDisplay(double y, double cb, double cr, bool pq) {
  // BT.2020 non-constant luminance (ITU-R BT.2100, table 6).
  Rgb signal{y + 1.4746 * cr, y - 0.16455312684366 * cb - 0.57135312684366 * cr, y + 1.8814 * cb};
  Rgb light{};
  if (pq) {
    light = {pqToNits(signal.r) / kWhite, pqToNits(signal.g) / kWhite, pqToNits(signal.b) / kWhite};
  } else {
    light = {hlgToScene(signal.r), hlgToScene(signal.g), hlgToScene(signal.b)};
    // The OOTF of a 1000 cd/m² display: gamma 1.2 on the luminance (BT.2100, table 5).
    const double luminance = 0.2627 * light.r + 0.6780 * light.g + 0.0593 * light.b;
    const double gain = std::pow(std::max(luminance, 1e-6), 0.2) * kPeak / kWhite;
    light = {light.r * gain, light.g * gain, light.b * gain};
  }
  // The strongest component leads, so that compression keeps the hue.
  const double most = std::max({light.r, light.g, light.b, 1e-6});
  const double scale = compress(most) / most;
  light = {light.r * scale, light.g * scale, light.b * scale};
  // BT.2020 to BT.709 primaries (ITU-R BT.2087, 2).
  return {gammaEncode(1.6605 * light.r - 0.5876 * light.g - 0.0728 * light.b),
          gammaEncode(-0.1246 * light.r + 1.1329 * light.g - 0.0083 * light.b),
          gammaEncode(-0.0182 * light.r - 0.1006 * light.g + 1.1187 * light.b)};
}

/** Where a 10-bit code lies between the nodes. */
struct Node {
  int index;
  float fraction;
};

Node nodeOf(int code) {
  const float place = static_cast<float>(std::clamp(code, 0, 1023)) * (kGrid - 1) / 1023;
  const int index = std::min(static_cast<int>(place), kGrid - 2);
  return {index, place - static_cast<float>(index)};
}

const std::array<Node, 1024>& nodes() {
  static const std::array<Node, 1024> table = [] {
    std::array<Node, 1024> made{};
    for (int code = 0; code < 1024; ++code) made[static_cast<size_t>(code)] = nodeOf(code);
    return made;
  }();
  return table;
}

inline float mix(float a, float b, float fraction) { return a + (b - a) * fraction; }

/** Three-way linear interpolation; `stride` values a node, the `channel`-th of them. */
inline float look(const float* table, int stride, int channel, const Node& y, const Node& u, const Node& v) {
  const int stepV = stride, stepU = kGrid * stride, stepY = kGrid * kGrid * stride;
  const float* p = table + y.index * stepY + u.index * stepU + v.index * stepV + channel;
  const float a = mix(mix(p[0], p[stepV], v.fraction), mix(p[stepU], p[stepU + stepV], v.fraction), u.fraction);
  p += stepY;
  const float b = mix(mix(p[0], p[stepV], v.fraction), mix(p[stepU], p[stepU + stepV], v.fraction), u.fraction);
  return mix(a, b, y.fraction);
}

inline uint8_t toByte(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

}  // namespace

ToneMap::ToneMap() = default;
ToneMap::~ToneMap() = default;

void ToneMap::build(bool pq) {
  luma_.resize(kGrid * kGrid * kGrid);
  chroma_.resize(luma_.size() * 2);
  size_t at = 0;
  for (int i = 0; i < kGrid; ++i)
    for (int j = 0; j < kGrid; ++j)
      for (int k = 0; k < kGrid; ++k, ++at) {
        const auto code = [](int node) { return node * 1023.0 / (kGrid - 1); };
        const Rgb rgb = toDisplay((code(i) - 64) / 876, (code(j) - 512) / 896, (code(k) - 512) / 896, pq);
        const double y = 0.2126 * rgb.r + 0.7152 * rgb.g + 0.0722 * rgb.b;  // ITU-R BT.709, 3.2
        luma_[at] = static_cast<float>(16 + 219 * y);
        chroma_[2 * at] = static_cast<float>(128 + 224 * (rgb.b - y) / 1.8556);
        chroma_[2 * at + 1] = static_cast<float>(128 + 224 * (rgb.r - y) / 1.5748);
      }
}

FramePtr ToneMap::apply(const AVFrame& frame) {
  if (frame.color_trc != transfer_) {
    transfer_ = frame.color_trc;
    build(transfer_ == AVCOL_TRC_SMPTE2084);
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
  const std::array<Node, 1024>& node = nodes();
  const int width = frame.width, height = frame.height;
  const int chromaWidth = (width + 1) / 2, chromaHeight = (height + 1) / 2;
  for (int cy = 0; cy < chromaHeight; ++cy) {
    const uint16_t *us = row(1, cy), *vs = row(2, cy);
    uint8_t* outU = mapped->data[1] + static_cast<ptrdiff_t>(cy) * mapped->linesize[1];
    uint8_t* outV = mapped->data[2] + static_cast<ptrdiff_t>(cy) * mapped->linesize[2];
    for (int cx = 0; cx < chromaWidth; ++cx) {
      const Node &u = node[us[cx] & 1023], &v = node[vs[cx] & 1023];
      int sum = 0, count = 0;
      for (int y = 2 * cy; y < std::min(2 * cy + 2, height); ++y) {
        const uint16_t* ys = row(0, y);
        uint8_t* out = mapped->data[0] + static_cast<ptrdiff_t>(y) * mapped->linesize[0];
        for (int x = 2 * cx; x < std::min(2 * cx + 2, width); ++x) {
          const int code = ys[x] & 1023;
          sum += code;
          ++count;
          out[x] = toByte(look(luma_.data(), 1, 0, node[static_cast<size_t>(code)], u, v));
        }
      }
      const Node& y = node[static_cast<size_t>((sum + count / 2) / count)];
      outU[cx] = toByte(look(chroma_.data(), 2, 0, y, u, v));
      outV[cx] = toByte(look(chroma_.data(), 2, 1, y, u, v));
    }
  }
  mapped->color_primaries = AVCOL_PRI_BT709;
  mapped->color_trc = AVCOL_TRC_BT709;
  mapped->colorspace = AVCOL_SPC_BT709;
  mapped->color_range = AVCOL_RANGE_MPEG;
  return mapped;
}

}  // namespace sortie
