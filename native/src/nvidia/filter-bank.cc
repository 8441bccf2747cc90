#include "nvidia/filter-bank.h"

#include <algorithm>
#include <cmath>

namespace sortie::nvidia {

namespace {

constexpr int kOne = 1 << 14;

double cubic(double x) {
  constexpr double kC = 0.6;  // libswscale, SWS_BICUBIC: param 0 and 0.6
  x = std::fabs(x);
  if (x < 1) return (2 - kC) * x * x * x + (kC - 3) * x * x + 1;
  if (x < 2) return kC * (-x * x * x + 5 * x * x - 8 * x + 4);
  return 0;
}

/** Where target sample `index` lies, in source samples. */
double placeOf(const Axis& axis, int index) {
  const double scale = static_cast<double>(axis.lumaSource) / axis.lumaTarget;
  if (!axis.chroma) return (index + 0.5) * scale - 0.5;
  const double luma = (2 * index + axis.targetOffset + 0.5) * scale - 0.5;
  return (luma - axis.sourceOffset) / 2;
}

}  // namespace

FilterBank makeBank(const Axis& axis, double gain) {
  const double stretch = std::max(1.0, static_cast<double>(axis.lumaSource) / axis.lumaTarget);
  FilterBank bank;
  bank.taps = static_cast<int>(std::ceil(4 * stretch)) + 1;
  const auto taps = static_cast<size_t>(bank.taps);
  bank.weights.resize(taps * static_cast<size_t>(axis.target));
  bank.offsets.resize(static_cast<size_t>(axis.target));
  const int whole = static_cast<int>(std::lround(gain * kOne));
  std::vector<double> exact(taps);
  for (int i = 0; i < axis.target; ++i) {
    const double place = placeOf(axis, i);
    const int first = static_cast<int>(std::ceil(place - 2 * stretch));
    double sum = 0;
    for (size_t k = 0; k < taps; ++k) sum += exact[k] = cubic((first + static_cast<double>(k) - place) / stretch);
    // What rounding loses goes to the next weight, so that a flat picture stays what it was.
    double told = 0;
    int given = 0;
    int16_t* weights = &bank.weights[taps * static_cast<size_t>(i)];
    for (size_t k = 0; k < taps; ++k) {
      told += exact[k] / sum * whole;
      const int upTo = static_cast<int>(std::lround(told));
      weights[k] = static_cast<int16_t>(upTo - given);
      given = upTo;
    }
    bank.offsets[static_cast<size_t>(i)] = first;
  }
  return bank;
}

std::vector<int16_t> FilterBank::transposed() const {
  std::vector<int16_t> turned(weights.size());
  const size_t width = offsets.size();
  for (size_t i = 0; i < width; ++i)
    for (size_t k = 0; k < static_cast<size_t>(taps); ++k) turned[k * width + i] = weights[i * static_cast<size_t>(taps) + k];
  return turned;
}

}  // namespace sortie::nvidia
