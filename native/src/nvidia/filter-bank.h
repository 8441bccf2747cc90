// The weights of a separable scaler, computed once per pair of sizes. Pure.
#pragma once
#include <cstdint>
#include <vector>

namespace sortie::nvidia {

struct FilterBank {
  int taps = 0;
  /** 14-bit fixed point, [target sample][tap]; the weights of a sample add up to `gain` exactly. */
  std::vector<int16_t> weights;
  /** First source sample of each target sample. */
  std::vector<int32_t> offsets;
  /** The weights as [tap][target sample], for threads that stand side by side. */
  std::vector<int16_t> transposed() const;
};

/** One axis of one plane. Offsets of chroma against luma in luma samples: 0 cosited, 0.5 between (ITU-T H.264, figure E-1). */
struct Axis {
  int source = 0;
  int target = 0;
  /** Luma size of source and target: their ratio is the scale of both planes, also where a size is odd. */
  int lumaSource = 0;
  int lumaTarget = 0;
  bool chroma = false;
  double sourceOffset = 0;
  double targetOffset = 0;
};

/**
 * Cubic with the parameters of libswscale's SWS_BICUBIC (B 0, C 0.6), stretched over what one target sample covers when
 * the picture shrinks, so that nothing aliases. `gain`: see FilterBank.
 */
FilterBank makeBank(const Axis& axis, double gain);

}  // namespace sortie::nvidia
