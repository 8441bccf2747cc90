// One rendition: scale, encode, mux, on a thread of its own.
#pragma once
#include <atomic>
#include <memory>

#include "control.h"
#include "encoder.h"
#include "mux.h"
#include "nvidia/device.h"
#include "scaler.h"

namespace sortie {

class Rung {
 public:
  /** `device`: scale there, and encode where it can; null for the CPU. */
  Rung(const EnginePlan& plan, const RungPlan& rung, int threads, nvidia::DevicePtr device, const Clock& clock, const Control& control);

  /** Until the queue is closed and everything is written, or the run stops. */
  void work();

  int64_t frames() const { return frames_; }
  /** Of the encoder, known from the beginning. */
  bool onGpu() const { return onGpu_.load(std::memory_order_relaxed); }
  /** Why a rung that had a GPU is encoded on the CPU; to be read when the rung has ended. */
  const std::string& refusal() const { return refusal_; }
  RungResult result() const;

  BoundedQueue<Picture> queue;

 private:
  void encode(const Picture& picture, const Encoder::Sink& sink);
  void refuse(const std::string& why);
  void take(AVPacket* packet);

  const EnginePlan& plan_;
  const RungPlan& rung_;
  const Cuts cuts_;
  const EncoderSettings settings_;
  const nvidia::DevicePtr device_;
  const Clock& clock_;
  const Control& control_;
  // The order matters: the encoder lets go of its pictures before the scaler's memory goes.
  std::unique_ptr<nvidia::Stream> stream_;
  std::unique_ptr<Scaler> scaler_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<SegmentMuxer> muxer_;
  std::atomic<bool> onGpu_{false};
  std::string refusal_;
  int64_t lastSegment_ = -1;
  int64_t frames_ = 0;
};

}  // namespace sortie
