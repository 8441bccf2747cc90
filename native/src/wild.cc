#include "wild.h"

#include <algorithm>
#include <cstddef>

namespace sortie {

namespace {
// Frames may be shown before one that is decoded first, up to this many in practice: after a real gap so many still come back.
constexpr size_t kReordered = 3;
constexpr size_t kFew = 3;
}  // namespace

/** The clock comes back after it, and stays: after a real gap it does not. */
bool WildTimes::isWild(int64_t time, const std::vector<int64_t>& after) const {
  if (after.size() < kFew) return false;
  const auto nearTo = [&](int64_t anchor) {
    return static_cast<size_t>(std::count_if(after.begin(), after.end(), [&](int64_t other) { return isNear(other, anchor); }));
  };
  // Frames from before a gap may come behind the first one from after it.
  const size_t last = std::min(before_.size(), kReordered + 1);
  if (std::any_of(before_.end() - static_cast<std::ptrdiff_t>(last), before_.end(), [&](int64_t other) { return isNear(time, other); })) return false;
  const int64_t anchor = before_.empty() ? after.front() : before_.back();
  if (isNear(time, anchor)) return false;
  const size_t back = nearTo(anchor);
  return back >= kFew && back > std::min(kReordered, after.size() / 2) && back > nearTo(time);
}

std::optional<int64_t> WildTimes::hole(int64_t time, const std::vector<int64_t>& after) const {
  const int64_t anchor = before_.empty() ? after.front() : before_.back();
  std::vector<int64_t> sound(before_.begin(), before_.end());
  for (const int64_t other : after)
    if (isNear(other, anchor) && !isNear(other, time)) sound.push_back(other);
  std::sort(sound.begin(), sound.end());
  if (sound.size() < kFew) return std::nullopt;
  std::vector<int64_t> steps;
  for (size_t i = 1; i < sound.size(); ++i) steps.push_back(sound[i] - sound[i - 1]);
  std::vector<int64_t> sorted = steps;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2), sorted.end());
  const int64_t step = sorted[sorted.size() / 2];
  if (before_.empty()) return sound.front() - step;
  const size_t at = static_cast<size_t>(std::max_element(steps.begin(), steps.end()) - steps.begin());
  const int64_t frames = step > 0 ? (steps[at] + step / 2) / step : 0;
  if (frames < 2) return std::nullopt;
  return sound[at] + steps[at] / frames;
}

std::optional<int64_t> WildTimes::judge(int64_t time, const std::vector<int64_t>& after) {
  std::optional<int64_t> sound = time;
  if (isWild(time, after)) {
    ++found_;
    sound = hole(time, after);
  }
  if (sound) {
    before_.push_back(*sound);
    if (before_.size() > kAfter) before_.pop_front();
  }
  return sound;
}

}  // namespace sortie
