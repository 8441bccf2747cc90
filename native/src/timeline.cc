#include "timeline.h"

#include <algorithm>

namespace sortie {

namespace {
constexpr int64_t kLongestGap = 10 * kTicksPerSecond;  // as FFmpeg's -dts_delta_threshold
constexpr int64_t kGapFrames = 8;                      // time lapses: pictures may be many seconds apart

AVRational frameTimeOf(AVRational rate) {
  return rate.num > 0 && rate.den > 0 ? AVRational{rate.den, rate.num} : AVRational{1, 30};
}
}  // namespace

int64_t longestGap(AVRational frameRate) {
  return std::max(kLongestGap, kGapFrames * av_rescale_q(1, frameTimeOf(frameRate), kTicks));
}

bool isTime(int64_t stamp, AVRational timeBase) {
  if (stamp <= INT64_MIN / 4 || stamp >= INT64_MAX / 4) return false;
  const int64_t ticks = av_rescale_q(stamp, timeBase, kTicks);  // INT64_MIN where it does not fit
  return ticks >= -kFarthest && ticks <= kFarthest;
}

Timeline::Timeline(AVRational timeBase, AVRational frameRate, int64_t gop)
    : timeBase_(timeBase),
      frameDuration_(std::max<int64_t>(1, av_rescale_q(1, frameTimeOf(frameRate), kTicks))),
      gop_(std::max<int64_t>(1, gop)),
      longestGap_(longestGap(frameRate)),
      frameTime_(frameTimeOf(frameRate)) {}

Timeline::Stamp Timeline::place(int64_t sourcePts) {
  int64_t pts = 0;
  if (!started_) {
    started_ = true;
    origin_ = isTime(sourcePts, timeBase_) ? sourcePts : 0;
  } else {
    // Differences are converted, not values: the first picture is exactly 0 in every time base.
    const bool stamped = sourcePts != AV_NOPTS_VALUE;
    int64_t shown = AV_NOPTS_VALUE;
    if (isTime(sourcePts, timeBase_)) shown = av_rescale_q(sourcePts - origin_, timeBase_, kTicks);
    const int64_t gap = shown != AV_NOPTS_VALUE ? shown - last_ : 0;
    const bool stands = gap > longestGap_;
    if (gap > 0 && gap <= kLongestStand - (stands ? stood_ : 0)) {
      if (stands) stood_ += gap;
      pts = anchor_ = shown;
      sinceAnchor_ = 0;
    } else if (stamped && shown != AV_NOPTS_VALUE && shown <= last_) {
      // Not a whole frame later: else one doubled timestamp would push all that follow.
      pts = anchor_ = last_ + std::max<int64_t>(1, frameDuration_ / 4);
      sinceAnchor_ = 0;
      ++repaired_;
    } else {
      pts = anchor_ + av_rescale_q(++sinceAnchor_, frameTime_, kTicks);
      pts = std::max(pts, last_ + 1);
      if (stamped) ++repaired_;
    }
  }
  // floor((pts − pts0) / gop) changed. Decided here once for all rungs, so that their IDR pictures are the same ones.
  const int64_t gop = pts / gop_;
  const bool key = gop != lastGop_;
  lastGop_ = gop;
  last_ = pts;
  return {pts, key};
}

}  // namespace sortie
