#include "continuity.h"

#include <algorithm>
#include <cstdlib>

#include "timeline.h"

namespace sortie {

namespace {
constexpr int64_t kBackwards = kTicksPerSecond / 2;
/** Streams of one moment lie no further apart in a multiplex (ISO 13818-1, 2.4.2.6 lets data wait a second, in practice three). */
constexpr int64_t kSkew = 5 * kTicksPerSecond;
/** A file whose clock breaks at every packet is not looked at in detail. */
constexpr int kMostDecisions = 1000;
/** H.264 and HEVC reorder up to 16 frames (ITU-T H.264, max_dec_frame_buffering). */
constexpr int kReordered = 16;
}  // namespace

int64_t Continuity::backwards() const { return settings_.broadcast ? kBackwards : settings_.longestGap; }

/**
 * Whether the other streams break where this one does. One goes on when it covers what this one lacks without a break of its own;
 * one of which nothing more comes has fallen silent as well.
 */
bool Continuity::togetherWith(const Tick& tick, int64_t ahead, const std::vector<Tick>& next) const {
  const int64_t place = clocks_[tick.stream].expected;
  const int64_t enough = place + std::min(std::llabs(ahead) / 2, static_cast<long long>(kSkew));
  for (size_t other = 0; other < clocks_.size(); ++other) {
    const Stream& stream = clocks_[other];
    // One that ended long ago says nothing, and one that is in another piece already is there before this one.
    if (other == tick.stream || !stream.started || stream.expected < place - kSkew) continue;
    int64_t run = stream.expected;
    bool broken = false;
    for (const Tick& later : next) {
      if (later.stream != other) continue;
      const int64_t time = later.time + stream.offset;
      broken = breaks(time - run);
      if (broken) break;
      run = std::max(run, time + later.duration);
    }
    const bool goesOn = ahead > 0 ? run >= enough : !broken && run > stream.expected && run >= place;
    if (goesOn) return false;
  }
  return true;
}

void Continuity::shift(const Tick& tick, Stream& stream, int64_t offset) {
  stream.offset = offset;
  if (tick.stream != settings_.video) return;
  std::lock_guard lock(mutex_);
  ++jumped_;
  if (jumps_.size() < kMostJumps) jumps_.push_back({stream.shownEnd, offset});
}

/** No frame is shown long after it is decoded, but behind a gap; a time that says so otherwise is not believed. */
int64_t Continuity::shownAt(const Tick& tick) const { return std::llabs(tick.shown - tick.time) <= settings_.longestGap ? tick.shown : tick.time; }

/** What is added to the video's ticks from the one at `first` on, so that the first of them that is shown follows what was shown last. */
int64_t Continuity::joinAt(size_t first, int64_t shownEnd, const std::vector<Tick>& ticks) const {
  int64_t shown = shownAt(ticks[first]);
  int64_t run = ticks[first].time;
  int frames = 0;
  for (size_t i = first; i < ticks.size() && frames < kReordered; ++i) {
    if (ticks[i].stream != settings_.video) continue;
    if (breaks(ticks[i].time - run)) break;
    run = ticks[i].time + ticks[i].duration;
    shown = std::min(shown, shownAt(ticks[i]));
    ++frames;
  }
  return shownEnd - shown;
}

/** A stream whose first time is far from the video's has a clock of its own: it is placed where it stands in the file. */
void Continuity::begin(Stream& stream, const Tick& tick, const Ahead& ahead) {
  stream.started = true;
  stream.offset = offset_;
  stream.shownEnd = shownAt(tick) + offset_;
  if (!settings_.broadcast || tick.stream == settings_.video) return;
  const Stream& video = clocks_[settings_.video];
  int64_t place = video.expected;
  bool known = video.started;
  if (!known) {
    for (const Tick& later : ahead(false)) {
      if (later.stream != settings_.video) continue;
      place = later.time;
      known = true;
      break;
    }
  }
  if (!known || std::llabs(tick.time + stream.offset - place) <= settings_.longestGap) return;
  stream.offset = place - tick.time;
  if (!settings_.audio[tick.stream]) return;
  std::lock_guard lock(mutex_);
  ++placed_;
}

void Continuity::meet(Stream& stream, const Tick& tick, const Ahead& ahead) {
  const int64_t gap = tick.time + stream.offset - stream.expected;
  if (!breaks(gap)) return;
  // The others are in the next piece already.
  if (stream.offset != offset_ && !breaks(tick.time + offset_ - stream.expected)) {
    shift(tick, stream, offset_);
    return;
  }
  const bool video = tick.stream == settings_.video;
  if (!settings_.broadcast) {
    if (gap < 0 || gap > kLongestStand) {
      if (video) offset_ = stream.offset - gap;
      shift(tick, stream, stream.offset - gap);
    }
    return;
  }
  std::vector<Tick> next{tick};
  if (++decisions_ <= kMostDecisions)
    for (const Tick& later : ahead(true)) next.push_back(later);
  if (gap > kLongestStand || togetherWith(tick, gap, next)) {
    // The video leads, since its times rise without a gap: what is added to it is added to all, so that they stay together.
    const Stream& leader = clocks_[settings_.video];
    int64_t offset = stream.offset - gap;
    if (video) {
      offset = joinAt(0, stream.shownEnd, next);
    } else if (leader.started) {
      int64_t run = leader.expected, shownEnd = leader.shownEnd;
      for (size_t i = 0; i < next.size(); ++i) {
        if (next[i].stream != settings_.video) continue;
        const int64_t its = next[i].time + leader.offset - run;
        if (breaks(its)) {
          offset = joinAt(i, shownEnd, next);
          break;
        }
        run = std::max(run, run + its + next[i].duration);
        shownEnd = std::max(shownEnd, endOf(next[i], leader.offset));
      }
    }
    const bool fits = !breaks(tick.time + offset - stream.expected);
    if (fits) offset_ = offset;
    shift(tick, stream, fits ? offset : stream.offset - gap);
  } else if (gap < 0) {
    shift(tick, stream, stream.offset - gap);
  }
}

bool Continuity::comesBefore(const Tick& tick) const {
  const Stream& stream = clocks_[tick.stream];
  const int64_t before = stream.gap - (tick.time + stream.offsetBefore);
  return stream.untilGap > 0 && before >= 0 && before <= settings_.longestGap;
}

void Continuity::foresee(const Tick& early, const Tick& first, int64_t end, const Ahead& ahead) {
  Stream& stream = clocks_[first.stream];
  stream.gap = stream.expected = end + stream.offset;
  stream.offsetBefore = stream.offset;
  stream.untilGap = kReordered;
  const std::vector<Tick> between = ahead(true);
  for (const Tick& tick : between) {
    if (tick.stream == first.stream && tick.time == first.time) break;
    if (tick.stream == first.stream && !isShownBehindGap(tick)) stream.shownEnd = std::max(stream.shownEnd, endOf(tick, stream.offset));
  }
  Tick behind = first;
  behind.shown = std::min(behind.shown, early.shown);
  meet(stream, behind, ahead);
  stream.expected = first.time + stream.offset;
}

int64_t Continuity::place(const Tick& tick, const Ahead& ahead) {
  Stream& stream = clocks_[tick.stream];
  if (stream.untilGap > 0 && comesBefore(tick)) {
    --stream.untilGap;
    stream.shownEnd = std::max(stream.shownEnd, endOf(tick, isShownBehindGap(tick) ? stream.offset : stream.offsetBefore));
    return stream.offsetBefore;
  }
  stream.untilGap = 0;
  if (!stream.started)
    begin(stream, tick, ahead);
  else
    meet(stream, tick, ahead);
  stream.expected = tick.time + stream.offset + std::min(tick.duration, settings_.longestGap);
  stream.shownEnd = std::max(stream.shownEnd, endOf(tick, stream.offset));
  return stream.offset;
}

int64_t Continuity::offsetAt(int64_t time) const {
  std::lock_guard lock(mutex_);
  int64_t offset = 0;
  for (const Jump& jump : jumps_)
    if (jump.from <= time) offset = jump.offset;
  return offset;
}

std::vector<int64_t> Continuity::jumpsAfter(int64_t origin) const {
  std::lock_guard lock(mutex_);
  std::vector<int64_t> places;
  for (const Jump& jump : jumps_)
    if (jump.from > origin) places.push_back(jump.from);
  return places;
}

std::vector<std::string> Continuity::warnings() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> warnings;
  if (jumped_ > 0)
    warnings.push_back("The source's clock jumps " + std::to_string(jumped_) + " time(s); the pieces were joined without a gap.");
  if (placed_ > 0)
    warnings.push_back(std::to_string(placed_) +
                       " audio track(s) have another clock than the video; they were placed by where they lie in the file.");
  return warnings;
}

}  // namespace sortie
