// libavcodec with frame threads, then upright and in standard range.
#pragma once
#include "../decoder.h"
#include "plan.h"
#include "software/tonemap.h"
#include "software/upright.h"

namespace sortie {

class SoftwareDecoder : public Decoder {
 public:
  SoftwareDecoder(const EnginePlan& plan, const AVStream& stream, int threads);
  void decode(const AVPacket* packet, const Sink& sink) override;
  int64_t errors() const override { return errors_; }
  bool tooLarge() const override { return tooLarge_; }
  const char* name() const override { return "libavcodec"; }

 private:
  void receive(const Sink& sink);
  void emit(FramePtr frame, const Sink& sink);

  const EnginePlan& plan_;
  CodecContextPtr context_;
  FramePtr frame_;
  Upright upright_;
  ToneMap toneMap_;
  /** What the header says of the frames' shape. */
  int headerWidth_ = 0;
  int headerHeight_ = 0;
  AVRational usual_{0, 1};
  bool clean_ = false;
  bool tooLarge_ = false;
  int64_t errors_ = 0;
};

}  // namespace sortie
