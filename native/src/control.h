// What the threads of one run share: how it ends, where the clock stands, where it is cut.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>

#include "common.h"
#include "engine.h"
#include "plan.h"

namespace sortie {

/** Ends all threads of a run: by cancel, or by the first failure, which is the one that is told. */
class Control {
 public:
  explicit Control(const CancelFlag& cancel) : cancel_(cancel) {}

  bool stopped() const { return failed_.load(std::memory_order_relaxed) || cancel_.cancelled(); }

  void fail(std::exception_ptr error) {
    {
      std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    failed_.store(true);
  }

  void rethrow() const {
    if (cancel_.cancelled()) throw EngineError(Code::kCancelled, "The run was cancelled.");
    std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const CancelFlag& cancel_;
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::exception_ptr error_;
};

/** What the picture tells the sound: where 0 is, how far it is, where it ends. */
class Clock {
 public:
  void start(int64_t origin) {
    origin_ = origin;
    started_.store(true, std::memory_order_release);
  }
  void advance(int64_t media) { position_.store(media, std::memory_order_relaxed); }
  void finish(int64_t end) {
    end_ = end;
    ended_.store(true, std::memory_order_release);
  }
  bool started() const { return started_.load(std::memory_order_acquire); }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  int64_t origin() const { return origin_; }
  int64_t end() const { return end_; }
  int64_t position() const { return position_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> started_{false};
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> position_{0};
  int64_t origin_ = 0;
  int64_t end_ = 0;
};

/** Ticks of a GOP, and GOPs of a segment. */
struct Cuts {
  int64_t gop;
  int64_t gopsPerSegment;
};

inline Cuts cutsOf(const EnginePlan& plan) {
  const int64_t gop = std::max<int64_t>(1, ticks(plan.gopSeconds));
  return {gop, std::max<int64_t>(1, std::llround(plan.segmentSeconds / std::max(1e-3, plan.gopSeconds)))};
}

}  // namespace sortie
