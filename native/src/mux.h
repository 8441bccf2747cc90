// CMAF segments (ISO 23000-19): one initialisation section and numbered files of one movie fragment each.
#pragma once
#include <string>
#include <vector>

#include "common.h"
#include "plan.h"

namespace sortie {

class SegmentMuxer {
 public:
  /**
   * Writes `<directory>/init.mp4` at once; packets are in `timeBase`. `delay`: by how much the first packet is decoded before it is shown.
   */
  SegmentMuxer(const std::string& outputDir, const std::string& directory, const AVCodecParameters& parameters,
               AVRational timeBase, int64_t delay);
  ~SegmentMuxer();
  SegmentMuxer(const SegmentMuxer&) = delete;
  SegmentMuxer& operator=(const SegmentMuxer&) = delete;

  /** Takes the packet's data. `cut`: it begins a new segment. */
  void write(AVPacket* packet, bool cut);
  /** `end`: of the last picture or sound, in the time base. */
  void finish(int64_t end);
  /** Removes segments that begin at `end` or later (time base). */
  void dropFrom(int64_t end);
  /** Removes all files. */
  void discard();

  const std::string& initPath() const { return initPath_; }
  int64_t initBytes() const { return initBytes_; }
  const std::vector<Segment>& segments() const { return segments_; }

 private:
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  static int collect(void* self, const uint8_t* data, int size);
#else
  static int collect(void* self, uint8_t* data, int size);
#endif
  void writePending(int64_t nextDts);
  void closeSegment(int64_t end);
  double time(int64_t value) const { return static_cast<double>(value) * timeBase_.num / timeBase_.den; }

  struct FormatDeleter {
    void operator()(AVFormatContext* format) const { avformat_free_context(format); }
  };

  const std::string outputDir_;
  const std::string directory_;
  const AVRational timeBase_;
  std::string initPath_;
  int64_t initBytes_ = 0;
  std::vector<Segment> segments_;
  std::vector<uint8_t> bytes_;
  AvioPtr io_;
  std::unique_ptr<AVFormatContext, FormatDeleter> format_;
  PacketPtr pending_;
  bool pendingCut_ = false;
  bool hasPending_ = false;
  int64_t firstDts_ = 0;
  int64_t firstPts_ = 0;
  bool started_ = false;
  bool open_ = false;
  int64_t segmentStart_ = 0;
};

}  // namespace sortie
