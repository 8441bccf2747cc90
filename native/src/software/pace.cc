#include "software/pace.h"

#include <algorithm>

#include "common.h"

namespace sortie {

namespace {
/** At the peak rate the encoder's buffer is filled in more than a second: in half of one it is not. */
constexpr int64_t kLongest = kTicksPerSecond / 2;
}  // namespace

int64_t Pace::enter(int64_t pts) {
  const int64_t seen = frames_.empty() ? pts : frames_.back().seen + std::min(pts - frames_.back().pts, kLongest);
  frames_.push_back({seen, pts});
  return seen;
}

int64_t Pace::leave(int64_t seen) const {
  const auto after = std::upper_bound(frames_.begin(), frames_.end(), seen, [](int64_t time, const Frame& frame) { return time < frame.seen; });
  return after == frames_.begin() ? seen : std::prev(after)->pts;
}

void Pace::forget(int64_t seen) {
  while (frames_.size() > 1 && frames_[1].seen <= seen) frames_.pop_front();
}

}  // namespace sortie
