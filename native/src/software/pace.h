// The clock that an encoder's rate control sees. x264's takes the time until the next frame for bits that it may spend before (its
// VBV, ratecontrol.c clip_qscale, ends the look-ahead where the buffer is full again): before a long pause it runs out of them, and
// the frames that stand there are left half drawn. So no frame lasts long for it. Pure: ticks of 90 kHz.
#pragma once
#include <cstdint>
#include <deque>

namespace sortie {

class Pace {
 public:
  /** Where the encoder sees the next frame in order of display; `pts` rises from 0. */
  int64_t enter(int64_t pts);
  /** Back to the time of the frame that the encoder saw there; what lies before the first frame stays (decoding times). */
  int64_t leave(int64_t seen) const;
  /** Nothing before `seen` will be asked for any more. */
  void forget(int64_t seen);

 private:
  struct Frame {
    int64_t seen;
    int64_t pts;
  };
  std::deque<Frame> frames_;
};

}  // namespace sortie
