// Owners for libav's objects, the closed list of failures, and the bounded queue that carries all data between threads.
#pragma once
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
#include <libavutil/mathematics.h>
}

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sortie {

/** The media timeline's unit, that of MPEG systems (ISO 13818-1, 2.4.3.7): exact for 25, 30, 29.97, 50, 60 Hz. */
constexpr int64_t kTicksPerSecond = 90000;
constexpr AVRational kTicks{1, static_cast<int>(kTicksPerSecond)};

inline double seconds(int64_t ticks) { return static_cast<double>(ticks) / kTicksPerSecond; }
/** Seconds to ticks, limited so that nothing built on it can overflow. */
int64_t ticks(double seconds);
/** Ticks of 90 kHz as seconds with one decimal place, for people. */
std::string tenths(int64_t ticks);
/** What is left out is told from here on, ticks of 90 kHz. */
constexpr int64_t kWorthTelling = kTicksPerSecond / 5;

enum class Code {
  kOpenFailed,
  kNoStream,
  kUnsupportedCodec,
  kEncrypted,
  kDecodeFailed,
  kTooLarge,
  kEncodeFailed,
  kWriteFailed,
  kDiskFull,
  kOutputLimit,
  kOutOfMemory,
  kCancelled,
  kGpuFailed,
  kInternal
};
const char* codeName(Code code);

class EngineError : public std::runtime_error {
 public:
  EngineError(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

/** libav's words for an error number. */
std::string describe(int averror);
/** For calls that should not fail. Want of memory has a code of its own, whatever `code` says. */
int check(int result, Code code, const char* what);

struct PacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct FrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct CodecContextDeleter {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct ParametersDeleter {
  void operator()(AVCodecParameters* parameters) const { avcodec_parameters_free(&parameters); }
};
struct DictionaryDeleter {
  void operator()(AVDictionary* dictionary) const { av_dict_free(&dictionary); }
};
struct AvioDeleter {
  void operator()(AVIOContext* io) const;
};
using PacketPtr = std::unique_ptr<AVPacket, PacketDeleter>;
using FramePtr = std::unique_ptr<AVFrame, FrameDeleter>;
using CodecContextPtr = std::unique_ptr<AVCodecContext, CodecContextDeleter>;
using ParametersPtr = std::unique_ptr<AVCodecParameters, ParametersDeleter>;
using AvioPtr = std::unique_ptr<AVIOContext, AvioDeleter>;

PacketPtr makePacket();
FramePtr makeFrame();
FramePtr referTo(const AVFrame* frame);
CodecContextPtr makeCodecContext(const AVCodec* codec);

/** An open file. */
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

/** Writes under a passing name and renames, so that a file that is seen is complete. */
void writeFile(const std::string& path, const uint8_t* data, size_t size);
void makeDirectories(const std::string& path);
std::string joinPath(const std::string& directory, const std::string& relative);

/**
 * A queue that makes its writer wait when full: all that bounds the memory of a run. After close() readers get what is
 * left and then nothing; after abort() both sides return at once.
 */
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  bool push(T item) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return aborted_ || items_.size() < capacity_; });
    if (aborted_) return false;
    items_.push_back(std::move(item));
    lock.unlock();
    filled_.notify_one();
    return true;
  }

  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return aborted_ || closed_ || !items_.empty(); });
    if (aborted_ || items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

  /** For a reader that cannot take anything yet: forgets the oldest rather than make the writer wait. True if it did. */
  bool pushOver(T item) {
    std::unique_lock lock(mutex_);
    const bool over = items_.size() >= capacity_;
    if (over) items_.pop_front();
    items_.push_back(std::move(item));
    lock.unlock();
    filled_.notify_one();
    return over;
  }

  void close() { finish(closed_); }
  void abort() { finish(aborted_); }

 private:
  void finish(bool& flag) {
    {
      std::lock_guard lock(mutex_);
      flag = true;
    }
    filled_.notify_all();
    room_.notify_all();
  }

  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable room_;
  std::deque<T> items_;
  bool closed_ = false;
  bool aborted_ = false;
};

}  // namespace sortie
