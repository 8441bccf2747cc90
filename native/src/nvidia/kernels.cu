// All that runs on the GPU: scaling in two passes, turning, tone mapping. Integers where pictures are filtered, so that
// a card, and the CPU build of this file, give the same bits. generate-ptx makes kernels.ptx.h of it.
#include "../tonemap-table.h"
#include "parameters.h"
#include "portable.h"

namespace sortie::nvidia {

// The first pass leaves its sums in 16 bits: 8-bit samples times 64, or 10-bit samples times 16, which is the same scale.
// Cubic weights overshoot by at most a third, so both ends fit. The second pass takes out 14 + 6 bits.
constexpr int kWeightBits = 14;
constexpr int kKeptBits = 6;

SORTIE_DEVICE int clampTo(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

SORTIE_DEVICE int sampleOf(unsigned char value) { return value; }
SORTIE_DEVICE int sampleOf(unsigned short value) { return value >> 6; }  // P010/P016: the upper bits
SORTIE_DEVICE int shiftOf(unsigned char) { return kWeightBits - kKeptBits; }
SORTIE_DEVICE int shiftOf(unsigned short) { return kWeightBits - kKeptBits + 2; }

template <typename Sample, int kChannels>
SORTIE_DEVICE void across(const FilterPass& pass, int x, int y) {
  if (x >= pass.targetWidth || y >= pass.targetHeight) return;
  const auto* row = reinterpret_cast<const Sample*>(static_cast<const char*>(pass.source) +
                                                    static_cast<long long>(y) * pass.sourcePitch);
  const int shift = shiftOf(Sample());
  int sums[kChannels];
  for (int c = 0; c < kChannels; ++c) sums[c] = pass.bias + (1 << (shift - 1));
  const int first = pass.offsets[x];
  for (int tap = 0; tap < pass.taps; ++tap) {
    const int weight = pass.weights[tap * pass.targetWidth + x];
    const Sample* at = row + clampTo(first + tap, pass.sourceWidth - 1) * kChannels;
    for (int c = 0; c < kChannels; ++c) sums[c] += weight * sampleOf(at[c]);
  }
  auto* to = reinterpret_cast<short*>(static_cast<char*>(pass.target) + static_cast<long long>(y) * pass.targetPitch) +
             x * kChannels;
  for (int c = 0; c < kChannels; ++c) to[c] = static_cast<short>(sums[c] >> shift);
}

SORTIE_DEVICE void put(unsigned char* to, int sum) {
  constexpr int kShift = kWeightBits + kKeptBits;
  *to = static_cast<unsigned char>(clampTo((sum + (1 << (kShift - 1))) >> kShift, 255));
}
SORTIE_DEVICE void put(unsigned short* to, int sum) {
  constexpr int kShift = kWeightBits + kKeptBits - 2;
  *to = static_cast<unsigned short>(clampTo((sum + (1 << (kShift - 1))) >> kShift, 1023) << 6);
}

template <typename Sample, int kChannels>
SORTIE_DEVICE void down(const FilterPass& pass, int x, int y) {
  if (x >= pass.targetWidth || y >= pass.targetHeight) return;
  int sums[kChannels];
  for (int c = 0; c < kChannels; ++c) sums[c] = pass.bias;
  const int first = pass.offsets[y];
  for (int tap = 0; tap < pass.taps; ++tap) {
    const int weight = pass.weights[y * pass.taps + tap];
    const int row = clampTo(first + tap, pass.sourceHeight - 1);
    const auto* at = reinterpret_cast<const short*>(static_cast<const char*>(pass.source) +
                                                    static_cast<long long>(row) * pass.sourcePitch) +
                     x * kChannels;
    for (int c = 0; c < kChannels; ++c) sums[c] += weight * at[c];
  }
  auto* to = reinterpret_cast<Sample*>(static_cast<char*>(pass.target) + static_cast<long long>(y) * pass.targetPitch) +
             x * kChannels;
  for (int c = 0; c < kChannels; ++c) put(to + c, sums[c]);
}

template <typename Sample>
SORTIE_DEVICE void turn(const Turn& job, int x, int y) {
  if (x >= job.targetWidth || y >= job.targetHeight) return;
  const int fromX = job.xx * x + job.xy * y + job.x0, fromY = job.yx * x + job.yy * y + job.y0;
  const auto* from = reinterpret_cast<const Sample*>(static_cast<const char*>(job.source) +
                                                     static_cast<long long>(fromY) * job.sourcePitch);
  auto* to = reinterpret_cast<Sample*>(static_cast<char*>(job.target) + static_cast<long long>(y) * job.targetPitch);
  to[x] = from[fromX];
}

SORTIE_DEVICE void toneMap(const ToneMapPass& pass, int cx, int cy) {
  if (2 * cx >= pass.width || 2 * cy >= pass.height) return;
  const auto* pair = reinterpret_cast<const unsigned short*>(static_cast<const char*>(pass.chroma) +
                                                             static_cast<long long>(cy) * pass.sourcePitch) +
                     2 * cx;
  const ToneNode u = toneNode(pair[0] >> 6), v = toneNode(pair[1] >> 6);
  int sum = 0, count = 0;
  for (int y = 2 * cy; y < 2 * cy + 2 && y < pass.height; ++y) {
    const auto* row = reinterpret_cast<const unsigned short*>(static_cast<const char*>(pass.luma) +
                                                              static_cast<long long>(y) * pass.sourcePitch);
    auto* to = static_cast<unsigned char*>(pass.targetLuma) + static_cast<long long>(y) * pass.targetPitch;
    for (int x = 2 * cx; x < 2 * cx + 2 && x < pass.width; ++x) {
      const int code = row[x] >> 6;
      sum += code;
      ++count;
      to[x] = toneByte(toneLook(pass.lumaTable, 1, 0, toneNode(code), u, v));
    }
  }
  const ToneNode y = toneNode((sum + count / 2) / count);
  auto* to = static_cast<unsigned char*>(pass.targetChroma) + static_cast<long long>(cy) * pass.targetPitch + 2 * cx;
  to[0] = toneByte(toneLook(pass.chromaTable, 2, 0, y, u, v));
  to[1] = toneByte(toneLook(pass.chromaTable, 2, 1, y, u, v));
}

}  // namespace sortie::nvidia

SORTIE_KERNEL across_y8(sortie::nvidia::FilterPass pass) { sortie::nvidia::across<unsigned char, 1>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL across_uv8(sortie::nvidia::FilterPass pass) { sortie::nvidia::across<unsigned char, 2>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL across_y16(sortie::nvidia::FilterPass pass) { sortie::nvidia::across<unsigned short, 1>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL across_uv16(sortie::nvidia::FilterPass pass) { sortie::nvidia::across<unsigned short, 2>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL down_y8(sortie::nvidia::FilterPass pass) { sortie::nvidia::down<unsigned char, 1>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL down_uv8(sortie::nvidia::FilterPass pass) { sortie::nvidia::down<unsigned char, 2>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL down_y16(sortie::nvidia::FilterPass pass) { sortie::nvidia::down<unsigned short, 1>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL down_uv16(sortie::nvidia::FilterPass pass) { sortie::nvidia::down<unsigned short, 2>(pass, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL turn_1(sortie::nvidia::Turn job) { sortie::nvidia::turn<unsigned char>(job, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL turn_2(sortie::nvidia::Turn job) { sortie::nvidia::turn<unsigned short>(job, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL turn_4(sortie::nvidia::Turn job) { sortie::nvidia::turn<unsigned int>(job, SORTIE_X, SORTIE_Y); }
SORTIE_KERNEL tone_map(sortie::nvidia::ToneMapPass pass) { sortie::nvidia::toneMap(pass, SORTIE_X, SORTIE_Y); }
