// Third of the three interfaces: pictures to H.264 packets, IDR exactly where the picture says so.
#pragma once
#include <functional>
#include <string>

#include "decoder.h"

namespace sortie {

struct EncoderSettings {
  int width = 0;
  int height = 0;
  int64_t bitrate = 0;
  int64_t maxBitrate = 0;
  int64_t bufferSize = 0;
  AVRational frameRate{30, 1};
  /** Whether the rate holds for all pictures. */
  bool steadyRate = false;
  double gopSeconds = 2;
  bool hevc = false;
  bool tenBit = false;
  std::string preset;
  std::string gpuPreset;
  int threads = 1;
  /** Frames; -1 for the usual number. */
  int lookahead = -1;
};

class Encoder {
 public:
  /** Packets in decoding order, 90 kHz, without duration. */
  using Sink = std::function<void(AVPacket*)>;
  virtual ~Encoder() = default;
  virtual void encode(const Picture& picture, const Sink& sink) = 0;
  virtual void finish(const Sink& sink) = 0;
  /** What the muxer needs; known once the first picture went in, before the first packet comes out. */
  virtual const AVCodecParameters& parameters() const = 0;
  /** For people: "NVENC", "libx264". */
  virtual const char* name() const = 0;
};

}  // namespace sortie
