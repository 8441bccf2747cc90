#include "tonemap.h"

#include <algorithm>
#include <cmath>

#include "tonemap-table.h"

namespace sortie {

namespace {

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

}  // namespace

ToneTable makeToneTable(bool pq) {
  constexpr size_t kNodes = static_cast<size_t>(kToneNodes) * kToneNodes * kToneNodes;
  ToneTable table{std::vector<float>(kNodes), std::vector<float>(2 * kNodes)};
  size_t at = 0;
  for (int i = 0; i < kToneNodes; ++i)
    for (int j = 0; j < kToneNodes; ++j)
      for (int k = 0; k < kToneNodes; ++k, ++at) {
        const auto code = [](int node) { return node * 1023.0 / (kToneNodes - 1); };
        const Rgb rgb = toDisplay((code(i) - 64) / 876, (code(j) - 512) / 896, (code(k) - 512) / 896, pq);
        const double y = 0.2126 * rgb.r + 0.7152 * rgb.g + 0.0722 * rgb.b;  // ITU-R BT.709, 3.2
        table.luma[at] = static_cast<float>(16 + 219 * y);
        table.chroma[2 * at] = static_cast<float>(128 + 224 * (rgb.b - y) / 1.8556);
        table.chroma[2 * at + 1] = static_cast<float>(128 + 224 * (rgb.r - y) / 1.5748);
      }
  return table;
}

}  // namespace sortie
