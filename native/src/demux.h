// Reads the container: one demuxer, forced; one file, opened by us; nothing else can be reached from it.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "common.h"
#include "plan.h"

namespace sortie {

class Demuxer {
 public:
  /** `stopped` is asked during every read, so that a cancelled run never hangs here. */
  Demuxer(const EnginePlan& plan, std::function<bool()> stopped);
  ~Demuxer();

  /** Streams of the plan; throws NO_STREAM when the video cannot be used, gives null for sound. */
  AVStream* video() const { return video_; }
  AVStream* audio(int index) const;

  /** The next packet of a wanted stream with its timestamps on one continuous clock. False at the end. */
  bool read(AVPacket* packet);

  /** Timestamps mean nothing: elementary streams. */
  bool untimed() const;
  /** How far into the file the packets came; a reader's detours (an index at the end) do not count. */
  int64_t bytesRead() const { return furthest_.load(std::memory_order_relaxed); }
  /** Continuous clock (90 kHz) to the container's own, as it is stored. */
  int64_t sourceClock(int64_t ticks) const;
  /** Jumps of the container's clock after `origin`: continuous clock, container's clock. */
  std::vector<std::pair<int64_t, int64_t>> jumpsAfter(int64_t origin) const;
  std::vector<std::string> warnings() const;

 private:
  struct FormatDeleter {
    void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
  };
  struct Jump {
    int64_t from;
    int64_t offset;
  };

  static int readBytes(void* self, uint8_t* buffer, int size);
  static int64_t seek(void* self, int64_t offset, int whence);
  void open();
  void selectStreams();
  void straighten(AVPacket* packet);
  int64_t offsetAt(int64_t ticks) const;

  const EnginePlan& plan_;
  const std::function<bool()> stopped_;
  std::unique_ptr<File> file_;
  int64_t position_ = 0;
  std::atomic<int64_t> furthest_{0};
  AvioPtr io_;
  std::unique_ptr<AVFormatContext, FormatDeleter> format_;
  AVStream* video_ = nullptr;
  std::vector<bool> wanted_;
  int failures_ = 0;
  bool damaged_ = false;
  bool atEnd_ = false;

  // The straightened clock, see straighten().
  int64_t expected_ = AV_NOPTS_VALUE;
  int64_t latest_ = AV_NOPTS_VALUE;
  int64_t offset_ = 0;
  mutable std::mutex jumpsMutex_;
  std::vector<Jump> jumps_;
};

}  // namespace sortie
