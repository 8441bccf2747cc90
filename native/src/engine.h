// One run: a demuxing thread, a thread per rung, a thread for sound, and the caller's own for decoding. Bounded queues
// lie between them, so that the slowest sets the pace and memory stays flat.
#pragma once
#include <atomic>
#include <functional>

#include "plan.h"

namespace sortie {

/** Set from any thread; every loop and every blocking read of a run looks at it. */
class CancelFlag {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

using ProgressSink = std::function<void(const EngineProgress&)>;

/** Blocks until all is written and no thread of the run is left. Throws EngineError. */
EngineResult runEngine(const EnginePlan& plan, const CancelFlag& cancel, const ProgressSink& progress);

}  // namespace sortie
