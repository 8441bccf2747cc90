// One rendition: scale, encode, mux, on a thread of its own.
#pragma once
#include <memory>

#include "control.h"
#include "encoder.h"
#include "mux.h"
#include "scaler.h"

namespace sortie {

class Rung {
 public:
  Rung(const EnginePlan& plan, const RungPlan& rung, int threads, const Clock& clock, const Control& control);

  /** Until the queue is closed and everything is written, or the run stops. */
  void work();

  int64_t frames() const { return frames_; }
  RungResult result() const;

  BoundedQueue<Picture> queue;

 private:
  void take(AVPacket* packet);

  const EnginePlan& plan_;
  const RungPlan& rung_;
  const Cuts cuts_;
  const Clock& clock_;
  const Control& control_;
  std::unique_ptr<Scaler> scaler_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<SegmentMuxer> muxer_;
  int64_t lastSegment_ = -1;
  int64_t frames_ = 0;
};

}  // namespace sortie
