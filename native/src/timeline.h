// From the source's timestamps to the media timeline, and where the GOPs begin. Pure: no libav state, no threads.
#pragma once
#include <cstdint>
#include <optional>

#include "common.h"

namespace sortie {

class Timeline {
 public:
  struct Stamp {
    int64_t pts;
    bool key;
  };

  /** `timeBase`: of the source's timestamps. `gop`: ticks of 90 kHz. */
  Timeline(AVRational timeBase, AVRational frameRate, int64_t gop);

  /** Where the next picture in order of display stands; strictly rising, whatever the source says. */
  Stamp place(int64_t sourcePts);

  /** Ticks that the picture after the last one would be later. */
  int64_t frameDuration() const { return frameDuration_; }
  bool started() const { return started_; }
  /** The first timestamp, in the source's time base. */
  int64_t origin() const { return origin_; }
  int64_t repaired() const { return repaired_; }

 private:
  const AVRational timeBase_;
  const int64_t frameDuration_;
  const int64_t gop_;
  const int64_t longestGap_;
  bool started_ = false;
  int64_t origin_ = 0;
  int64_t last_ = 0;
  int64_t lastGop_ = -1;
  int64_t repaired_ = 0;
  /** How long frames have stood in all: a small file must not make a layer of days. */
  int64_t stood_ = 0;
  // Pictures without timestamps are counted from the last one that had one, so that rounding never adds up.
  const AVRational frameTime_;
  int64_t anchor_ = 0;
  int64_t sinceAnchor_ = 0;
};

/** A pause up to here may be one of any stream; where a longer one is a real one, the last frame stands. */
int64_t longestGap(AVRational frameRate);
/** Frames may stand for so long in all; a longer pause is a fault of the clock. */
constexpr int64_t kLongestStand = 12 * 3600 * kTicksPerSecond;
/** No clock tells more, ticks before zero or after it (1,500 years): what does is no time. Sums of a thousand of them fit. */
constexpr int64_t kFarthest = INT64_C(1) << 52;
/** Whether a timestamp is one that can be reckoned with, in its own time base and in ticks. */
bool isTime(int64_t stamp, AVRational timeBase);

}  // namespace sortie
