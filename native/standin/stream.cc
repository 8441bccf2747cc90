#include "stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>

#include "standin.h"

namespace standin {

namespace {

std::mutex streamsMutex;
std::set<Stream*>& streams() {
  static std::set<Stream*> all;
  return all;
}
std::atomic<uint64_t> streamNumber{0};

}  // namespace

Stream::Stream(bool blocking) : blocking_(blocking), random_(static_cast<uint64_t>(number("SEED", 1)) * 0x9E3779B97F4A7C15u + ++streamNumber) {
  const std::lock_guard lock(streamsMutex);
  streams().insert(this);
  thread_ = std::thread([this] { run(); });
}

Stream::~Stream() {
  {
    const std::lock_guard lock(streamsMutex);
    streams().erase(this);
  }
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Stream::run() {
  static const long most = number("DELAY_US", 200);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !work_.empty(); });
    if (work_.empty()) return;
    const std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    busy_ = true;
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const uint64_t chance = random_ >> 33;
    lock.unlock();
    if (most > 0 && chance % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(chance / 4 % static_cast<uint64_t>(most)));
    {
      const Work counted;
      work();
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void Stream::enqueue(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void Stream::synchronize() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return work_.empty() && !busy_; });
}

namespace {

/** The default stream's late work: it has a thread like any stream, and no stream that does not block waits for it. */
Stream& late() {
  static Stream stream(false);
  return stream;
}
std::atomic<bool> anyLate{false};

}  // namespace

void waitForDefaultStream() {
  if (anyLate) late().synchronize();
}

void waitForBlockingStreams() {
  const std::lock_guard lock(streamsMutex);
  for (Stream* stream : streams())
    if (stream->blocking()) stream->synchronize();
}

void enqueue(CUstream stream, std::function<void()> work) {
  if (stream) {
    auto* own = reinterpret_cast<Stream*>(stream);
    if (own->blocking()) waitForDefaultStream();
    own->enqueue(std::move(work));
    return;
  }
  waitForDefaultStream();
  waitForBlockingStreams();
  const Work counted;
  work();
}

void enqueueLate(std::function<void()> work) {
  static const auto delay = std::chrono::microseconds(number("LATE_US", 5000));
  waitForBlockingStreams();
  Stream& stream = late();
  anyLate = true;
  stream.enqueue([work = std::move(work)] {
    std::this_thread::sleep_for(delay);
    work();
  });
}

uint64_t Event::record() {
  const std::lock_guard lock(mutex_);
  return ++recorded_;
}

void Event::done(uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    done_ = std::max(done_, number);
  }
  changed_.notify_all();
}

void Event::wait(uint64_t number) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_ >= number; });
}

uint64_t Event::recorded() {
  const std::lock_guard lock(mutex_);
  return recorded_;
}

}  // namespace standin
