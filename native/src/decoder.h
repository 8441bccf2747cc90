// First of the three interfaces that a device implements (see scaler.h, encoder.h): packets in, upright pictures out.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "common.h"

namespace sortie {

/** Pixels of one picture, wherever they lie: in memory, or on a device. Never changed once made, so freely shared. */
class Surface {
 public:
  virtual ~Surface() = default;
  /** The picture in memory; a device copies it there. */
  virtual FramePtr download() const = 0;
};
using SurfacePtr = std::shared_ptr<const Surface>;

/** A picture as the decoder gives it: shown upright, progressive, SDR, with the source's timestamp. */
struct Decoded {
  SurfacePtr surface;
  /** In the time base of the stream, or AV_NOPTS_VALUE. */
  int64_t pts = AV_NOPTS_VALUE;
  int64_t duration = 0;
  /** By how much it is wider, as shown, than the stream's header says. */
  double stretch = 1;
};

/** A picture on the media timeline (90 kHz, 0 = the first one). */
struct Picture {
  SurfacePtr surface;
  int64_t pts = 0;
  /** Starts a GOP in every rung. */
  bool key = false;
  double stretch = 1;
};

class Decoder {
 public:
  using Sink = std::function<void(Decoded)>;
  virtual ~Decoder() = default;
  /** Null drains. Damage is counted, never thrown. */
  virtual void decode(const AVPacket* packet, const Sink& sink) = 0;
  virtual int64_t errors() const = 0;
  /** Frames were refused for their size. */
  virtual bool tooLarge() const = 0;
  /** After the end: why another decoder may make more of the stream; empty when this one did what can be expected. */
  virtual std::string doubt() const { return ""; }
  /** For people: "NVDEC", "libavcodec". */
  virtual const char* name() const = 0;
};

}  // namespace sortie
