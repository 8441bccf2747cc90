// One clock out of the pieces of a broken one. A transport stream's clock may break (ISO 13818-1, 2.4.3.5: discontinuity_indicator):
// a recorder that was restarted, files put end to end, a second 33-bit wrap. Where all streams break together, or fall silent
// together, nothing was filmed in between and the pieces are joined. Where one falls silent and others go on, time goes on too:
// the last frame stands. A file with exact times (MP4, Matroska) means the gaps that it has.
#pragma once
#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common.h"

namespace sortie {

/** A packet as the clock sees it; ticks of 90 kHz. */
struct Tick {
  size_t stream;
  /** When it is decoded, and when it is shown. */
  int64_t time;
  int64_t shown;
  int64_t duration;
};

class Continuity {
 public:
  struct Settings {
    size_t streams;
    size_t video;
    /** The container's clock may break. */
    bool broadcast;
    /** A gap up to here is a pause of any stream. */
    int64_t longestGap;
    /** Which streams are audio. */
    std::vector<bool> audio;
  };
  /** What comes after the packet in question, in the order of the file; `far`: as much as may be held, for where a clock breaks. */
  using Ahead = std::function<std::vector<Tick>(bool far)>;

  /** So many breaks of the video's clock are remembered; the telemetry's reader goes by the first thousand (budgets.ts). */
  static constexpr size_t kMostJumps = 10000;

  explicit Continuity(const Settings& settings) : settings_(settings), clocks_(settings.streams) {}

  /** What is to be added to the packet's times. */
  int64_t place(const Tick& tick, const Ahead& ahead);
  /**
   * Frames are shown in another order than they are decoded in: of those that are decoded before a gap some may be shown behind it.
   * Decides on the gap before it comes: `end` is the end of what is decoded before it, by the container's clock, `first` what comes
   * behind, and `early` a frame that is decoded before and shown behind it. To what is decoded before it `place` adds what it added so
   * far; `offsetOf` is what is to be added behind it.
   */
  void foresee(const Tick& early, const Tick& first, int64_t end, const Ahead& ahead);
  /** Whether a packet is decoded before a gap and shown behind it. */
  bool isShownBehindGap(const Tick& tick) const { return tick.shown - tick.time > settings_.longestGap; }
  /** Whether a gap was foreseen and the packet is decoded before it. */
  bool comesBefore(const Tick& tick) const;
  /** What is added to the newest packets of a stream. */
  int64_t offsetOf(size_t stream) const { return clocks_[stream].offset; }

  /** Continuous clock to the container's own. */
  int64_t sourceClock(int64_t time) const { return time - offsetAt(time); }
  /** Jumps of the video's clock after `origin`, on the continuous clock. */
  std::vector<int64_t> jumpsAfter(int64_t origin) const;
  std::vector<std::string> warnings() const;

 private:
  struct Stream {
    bool started = false;
    /** Where the next packet should stand, on the continuous clock. */
    int64_t expected = 0;
    /** The end of the last frame in order of display, on the continuous clock. */
    int64_t shownEnd = 0;
    int64_t offset = 0;
    /** Before the gap that was foreseen: its place, and what is added. */
    int64_t gap = 0;
    int64_t offsetBefore = 0;
    int untilGap = 0;
  };
  struct Jump {
    int64_t from;
    int64_t offset;
  };

  bool breaks(int64_t ahead) const { return ahead > settings_.longestGap || ahead < -backwards(); }
  int64_t backwards() const;
  bool togetherWith(const Tick& tick, int64_t ahead, const std::vector<Tick>& next) const;
  int64_t shownAt(const Tick& tick) const;
  int64_t endOf(const Tick& tick, int64_t offset) const { return shownAt(tick) + offset + std::min(tick.duration, settings_.longestGap); }
  int64_t joinAt(size_t first, int64_t shownEnd, const std::vector<Tick>& ticks) const;
  void meet(Stream& stream, const Tick& tick, const Ahead& ahead);
  void begin(Stream& stream, const Tick& tick, const Ahead& ahead);
  void shift(const Tick& tick, Stream& stream, int64_t offset);
  int64_t offsetAt(int64_t time) const;

  const Settings settings_;
  std::vector<Stream> clocks_;
  /** Of the newest piece that all streams share. */
  int64_t offset_ = 0;
  int decisions_ = 0;
  mutable std::mutex mutex_;
  std::vector<Jump> jumps_;
  int64_t jumped_ = 0;
  int placed_ = 0;
};

}  // namespace sortie
