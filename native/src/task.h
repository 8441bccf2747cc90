// Work on a thread of its own, seen from JavaScript as a promise.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <thread>

#include "common.h"

namespace sortie {

/**
 * libuv's pool has four threads and serves file access and name look-ups: hours of encoding there would starve them.
 * The thread has ended before the promise settles; when Node shuts down first, it is stopped and waited for.
 */
class Task : public std::enable_shared_from_this<Task> {
 public:
  /** Makes the promise's value, on JavaScript's thread. */
  using Outcome = std::function<Napi::Value(Napi::Env)>;
  /** Runs on the thread; what it throws becomes the rejection. */
  using Work = std::function<Outcome(Task&)>;

  static Napi::Promise start(Napi::Env env, const Napi::Function& callback, Work work, std::function<void()> stop);

  /** From the thread: calls the callback with what `make` gives, soon. */
  void notify(Outcome make);

 private:
  Task(Napi::Env env, std::function<void()> stop) : deferred_(env), stop_(std::move(stop)) {}
  void run(const Work& work);
  void settle(Napi::Env env, const Outcome& outcome, const std::exception_ptr& error);

  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction function_;
  std::function<void()> stop_;
  std::thread thread_;
  bool closed_ = false;
};

}  // namespace sortie
