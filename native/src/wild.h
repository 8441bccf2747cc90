// Single wild timestamps: one or a few packets whose time has nothing to do with that of their neighbours, while the clock goes
// on after them as if nothing had been. Pure: numbers in, numbers out, in ticks of 90 kHz and in decoding order.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common.h"

namespace sortie {

class WildTimes {
 public:
  /** `near`: how far neighbours in decoding order may be apart without a gap (frames are reordered). */
  explicit WildTimes(int64_t near) : near_(near) {}

  /** How many packets behind one have to be known to judge it. */
  static constexpr size_t kAfter = 8;

  /**
   * The time itself when it is sound; when it is wild, the place of the frame that is missing among its neighbours, or nothing
   * where none is. `after`: the times that follow, as many as are known up to `kAfter`.
   */
  std::optional<int64_t> judge(int64_t time, const std::vector<int64_t>& after);
  int64_t found() const { return found_; }

 private:
  bool isWild(int64_t time, const std::vector<int64_t>& after) const;
  bool isNear(int64_t a, int64_t b) const { return a > b ? a - b <= near_ : b - a <= near_; }
  std::optional<int64_t> hole(int64_t time, const std::vector<int64_t>& after) const;

  const int64_t near_;
  /** The last sound ones. */
  std::deque<int64_t> before_;
  int64_t found_ = 0;
};

}  // namespace sortie
