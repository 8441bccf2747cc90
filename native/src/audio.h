// One sound track: any codec in, AAC-LC out, sample for sample on the media timeline.
#pragma once
extern "C" {
#include <libavutil/audio_fifo.h>
#include <libswresample/swresample.h>
}

#include <memory>
#include <optional>
#include <string>

#include "common.h"
#include "mux.h"
#include "plan.h"

namespace sortie {

class AudioTrack {
 public:
  /** `origin`: media time 0 on the stream's clock, in 90 kHz. `segment`: ticks of 90 kHz. */
  AudioTrack(const AudioPlan& plan, const std::string& outputDir, const AVStream& stream, int64_t origin,
             int64_t segment);
  ~AudioTrack();

  void decode(const AVPacket& packet);
  /** The decoder gives what it still has. */
  void flush();
  /** Where the audio that was decoded ends, 90 kHz. */
  int64_t end() const;
  /** How much audio lay before media time 0, 90 kHz. */
  int64_t early() const { return early_; }
  /** Of the layer; audio behind it is not taken. */
  void setEnd(int64_t end) { end_ = toSamples(end); }
  /** Media time that was written so far; beyond `horizon()` ahead of the picture a jump is not believed. */
  void setHorizon(int64_t media) { horizon_ = toSamples(media); }
  /** Fills up to the end of the layer. */
  void finish();
  void discard() { muxer_->discard(); }

  AudioResult result() const;
  /** Anything was decoded at all. */
  bool heard() const { return heard_; }
  int stream() const { return plan_.stream; }
  int64_t errors() const { return errors_; }
  /** Channels of the source of which only two are kept; 0 when all are heard. */
  int channelsOfMany() const { return onlyTwo_ ? inputLayout_.nb_channels : 0; }

 private:
  struct SwrDeleter {
    void operator()(SwrContext* context) const { swr_free(&context); }
  };
  struct FifoDeleter {
    void operator()(AVAudioFifo* fifo) const { av_audio_fifo_free(fifo); }
  };

  int64_t toSamples(int64_t ticks) const { return av_rescale(ticks, plan_.sampleRate, kTicksPerSecond); }
  void openEncoder();
  void receive();
  void take(const AVFrame& frame);
  void configure(const AVFrame& frame);
  bool setUp(const AVFrame& frame, const AVChannelLayout& layout);
  const uint8_t** firstTwo(const AVFrame& frame);
  void align(int64_t target);
  void append(uint8_t** data, int samples);
  void silence(int64_t samples);
  void encode(bool all);
  void drain();

  const AudioPlan plan_;
  const AVRational streamBase_;
  const int64_t origin_;
  const int64_t segment_;
  CodecContextPtr decoder_;
  CodecContextPtr encoder_;
  std::unique_ptr<SegmentMuxer> muxer_;
  std::unique_ptr<SwrContext, SwrDeleter> resampler_;
  std::unique_ptr<AVAudioFifo, FifoDeleter> fifo_;
  FramePtr decoded_;
  FramePtr converted_;
  FramePtr block_;
  PacketPtr packet_;
  AVChannelLayout inputLayout_{};
  /** Of many channels of which nobody tells what they are, the first two are kept. */
  bool onlyTwo_ = false;
  std::vector<uint8_t> two_;
  const uint8_t* twoPlanes_[2] = {};
  int inputRate_ = 0;
  int inputFormat_ = -1;
  /** Samples on the timeline that went to the fifo, and to the encoder. */
  int64_t written_ = 0;
  int64_t encoded_ = 0;
  int64_t toDrop_ = 0;
  /** Frames in a row that stand elsewhere than their timestamps say. */
  int displaced_ = 0;
  /** The resampler was told to come to the right place little by little. */
  bool stretching_ = false;
  std::optional<int64_t> end_;
  int64_t horizon_ = 0;
  int64_t lastSegment_ = -1;
  bool heard_ = false;
  int64_t early_ = 0;
  int64_t errors_ = 0;
};

}  // namespace sortie
