// Streams and events with the device's timing: work is done later, on other threads, after delays that change from run to
// run, so that a wait that is missing shows as a wrong picture.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace standin {

class Stream {
 public:
  explicit Stream(bool blocking);
  ~Stream();
  void enqueue(std::function<void()> work);
  void synchronize();
  bool blocking() const { return blocking_; }

 private:
  void run();
  const bool blocking_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool busy_ = false;
  bool stop_ = false;
  uint64_t random_;
  std::thread thread_;
};

/** Waits for the blocking streams, as work on the default stream does (CUDA Driver API, "legacy default stream"). */
void waitForBlockingStreams();
/** Waits for what is still on its way on the default stream itself. */
void waitForDefaultStream();

class Event {
 public:
  /** Counts one more recording; to be marked done by that number. */
  uint64_t record();
  void done(uint64_t number);
  void wait(uint64_t number);
  uint64_t recorded();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t recorded_ = 0;
  uint64_t done_ = 0;
};

}  // namespace standin
