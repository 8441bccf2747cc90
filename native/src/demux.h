// Reads the container: one demuxer, forced; one file, opened by us; nothing else can be reached from it.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common.h"
#include "continuity.h"
#include "plan.h"
#include "wild.h"

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
  /** The earliest time of the video's first packets, on the continuous clock; AV_NOPTS_VALUE when they have none. */
  int64_t firstFrame() const { return firstFrame_; }
  /** Wild timestamps that were put right. */
  int64_t mended() const;

 private:
  struct FormatDeleter {
    void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
  };
  /** A packet that was read and not given out yet. */
  struct Held {
    PacketPtr packet;
    size_t stream;
    /** Decoding time, else presentation time; 90 kHz. AV_NOPTS_VALUE for none. */
    int64_t time;
    int64_t duration;
  };

  static int readBytes(void* self, uint8_t* buffer, int size);
  static int64_t seek(void* self, int64_t offset, int whence);
  void open();
  void selectStreams();
  bool readNext(AVPacket* packet);
  void fill(bool far);
  Held hold(PacketPtr packet) const;
  void mendTimes(Held& held);
  std::vector<int64_t> following(size_t stream, int64_t AVPacket::*time) const;
  void straighten(Held& held);
  Tick tickOf(const Held& held) const;
  std::vector<Tick> ticksAhead(bool far);
  bool isShownBehindGap(const Tick& tick);
  void noteFrame(const AVPacket& packet);

  const EnginePlan& plan_;
  const std::function<bool()> stopped_;
  std::unique_ptr<File> file_;
  int64_t position_ = 0;
  std::atomic<int64_t> furthest_{0};
  AvioPtr io_;
  std::unique_ptr<AVFormatContext, FormatDeleter> format_;
  AVStream* video_ = nullptr;
  /** Streams whose packets are given out, and those of which only the times are of use. */
  std::vector<bool> wanted_;
  std::vector<bool> timing_;
  int failures_ = 0;
  bool damaged_ = false;
  bool atEnd_ = false;
  int gapsLookedFor_ = 0;

  std::deque<Held> held_;
  size_t heldBytes_ = 0;
  size_t heldVideo_ = 0;
  int64_t firstFrame_ = AV_NOPTS_VALUE;
  size_t videoPackets_ = 0;
  struct Wild {
    WildTimes decoding;
    WildTimes presentation;
  };
  std::vector<Wild> wild_;
  std::optional<Continuity> continuity_;
};

}  // namespace sortie
