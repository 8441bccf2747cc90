// Looking up the tone-mapping table: the same few lines for libavcodec's pictures and for the GPU's, so that both give
// the same picture to the last bit (floating point without contraction on both sides).
#pragma once
#include "nvidia/portable.h"

namespace sortie {

/** Nodes along each of Y', Cb', Cr'. */
constexpr int kToneNodes = 33;

/** Where a 10-bit code lies between the nodes. */
struct ToneNode {
  int index;
  float fraction;
};

SORTIE_DEVICE ToneNode toneNode(int code) {
  const float place = static_cast<float>(code) * (kToneNodes - 1) / 1023.0f;
  int index = static_cast<int>(place);
  if (index > kToneNodes - 2) index = kToneNodes - 2;
  return {index, place - static_cast<float>(index)};
}

SORTIE_DEVICE float toneMix(float a, float b, float fraction) { return a + (b - a) * fraction; }

/** Three-way linear interpolation; `stride` values a node, the `channel`-th of them. */
SORTIE_DEVICE float toneLook(const float* table, int stride, int channel, const ToneNode& y, const ToneNode& u,
                             const ToneNode& v) {
  const int stepV = stride, stepU = kToneNodes * stride, stepY = kToneNodes * kToneNodes * stride;
  const float* p = table + y.index * stepY + u.index * stepU + v.index * stepV + channel;
  const float a = toneMix(toneMix(p[0], p[stepV], v.fraction), toneMix(p[stepU], p[stepU + stepV], v.fraction), u.fraction);
  p += stepY;
  const float b = toneMix(toneMix(p[0], p[stepV], v.fraction), toneMix(p[stepU], p[stepU + stepV], v.fraction), u.fraction);
  return toneMix(a, b, y.fraction);
}

SORTIE_DEVICE unsigned char toneByte(float value) {
  const float rounded = value + 0.5f;
  return static_cast<unsigned char>(rounded < 0.0f ? 0.0f : rounded > 255.0f ? 255.0f : rounded);
}

}  // namespace sortie
