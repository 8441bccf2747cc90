// NVDEC: the driver's parser and decoder chip. Pictures stay mapped, uncopied, until every rung has read them.
#pragma once
#include <condition_variable>
#include <map>
#include <optional>

extern "C" {
#include <libavcodec/bsf.h>
}

#include "../decoder.h"
#include "../plan.h"
#include "nvidia/upright.h"

namespace sortie::nvidia {

/** What NVDEC of a device can do with a codec; `supported` false when nothing. */
struct DecoderCaps {
  bool supported = false;
  int engines = 0;
  int minWidth = 0, minHeight = 0, maxWidth = 0, maxHeight = 0;
  int64_t maxMacroblocks = 0;
};
/** Throws GPU_FAILED only when the device itself fails. */
DecoderCaps decoderCaps(const Device& device, cudaVideoCodec codec, cudaVideoChromaFormat chroma, int bitDepth);
/** As the driver calls it. */
std::optional<cudaVideoCodec> codecOf(AVCodecID id);

/** The decoder itself. Outlives a change of size until its last frame is given back. */
class NvdecSession {
 public:
  NvdecSession(DevicePtr device, CUVIDDECODECREATEINFO settings);
  ~NvdecSession();
  NvdecSession(const NvdecSession&) = delete;
  NvdecSession& operator=(const NvdecSession&) = delete;
  CUvideodecoder get() const { return decoder_; }

  /** Waits until fewer frames are mapped than can be; false when `stopped` says so. */
  bool waitForRoom(const std::function<bool()>& stopped);
  /** `ready`: when the frame is written. Never throws. */
  void unmap(unsigned long long frame, const Event& ready);

 private:
  const DevicePtr device_;
  const size_t most_;
  CUvideodecoder decoder_ = nullptr;
  std::mutex mutex_;
  std::condition_variable freed_;
  size_t mapped_ = 0;
};

class NvidiaDecoder final : public Decoder {
 public:
  /** Throws Unavailable when NVDEC does not take the stream. `stopped` ends waits. */
  NvidiaDecoder(DevicePtr device, const EnginePlan& plan, const AVStream& stream, std::function<bool()> stopped);
  ~NvidiaDecoder() override;
  void decode(const AVPacket* packet, const Sink& sink) override;
  int64_t errors() const override { return errors_; }
  bool tooLarge() const override { return tooLarge_; }
  std::string doubt() const override;
  const char* name() const override { return "NVDEC"; }

 private:
  struct ParserDeleter {
    const Driver* driver;
    void operator()(void* parser) const { driver->cuvidDestroyVideoParser(parser); }
  };
  struct BsfDeleter {
    void operator()(AVBSFContext* filter) const { av_bsf_free(&filter); }
  };
  struct Stamp {
    int64_t pts;
    int64_t duration;
    /** Decoded only because others refer to it: it lies before the edit list's beginning (AV_PKT_FLAG_DISCARD). */
    bool hidden;
  };

  static int CUDAAPI onSequence(void* self, CUVIDEOFORMAT* format);
  static int CUDAAPI onDecode(void* self, CUVIDPICPARAMS* picture);
  static int CUDAAPI onDisplay(void* self, CUVIDPARSERDISPINFO* picture);
  template <typename Work>
  static int guarded(void* self, const Work& work);

  void filter(const AVPacket* packet);
  void parse(const AVPacket* packet);
  int beginSequence(const CUVIDEOFORMAT& format);
  void show(const CUVIDPARSERDISPINFO& picture);
  int64_t timeOf(const AVPacket& packet);
  double stretchOf(int width, int height);
  Stamp stampOf(const CUVIDPARSERDISPINFO& picture);
  bool isProgressive(const CUVIDPARSERDISPINFO& picture) const;
  Colour colourOf(const CUVIDEOFORMAT& format) const;

  const DevicePtr device_;
  const EnginePlan& plan_;
  const AVCodecParameters& stream_;
  const AVRational timeBase_;
  const std::function<bool()> stopped_;
  const cudaVideoCodec codec_;
  Stream output_;
  NvidiaUpright upright_;
  std::unique_ptr<AVBSFContext, BsfDeleter> bsf_;
  std::shared_ptr<NvdecSession> session_;
  std::unique_ptr<void, ParserDeleter> parser_;
  CUVIDEOFORMAT format_{};
  Colour colour_;
  /** Aspect of a sample, as it was told first. */
  AVRational usual_{0, 1};
  const Sink* sink_ = nullptr;
  std::exception_ptr error_;
  /** By the time under which a packet went into the parser, on the parser's clock. */
  std::map<int64_t, Stamp> stamps_;
  /** Parameter sets that go in front of the first packet. */
  std::vector<uint8_t> header_;
  int64_t packets_ = 0;
  int64_t timed_ = 0;
  bool byDecoding_ = false;
  int64_t shown_ = 0;
  int64_t errors_ = 0;
  bool tooLarge_ = false;
  bool clean_ = false;
};

}  // namespace sortie::nvidia
