// libx264, or libx265, through libavcodec.
#pragma once
#include "../encoder.h"
#include "software/pace.h"
#include "software/scaler.h"

namespace sortie {

class SoftwareEncoder : public Encoder {
 public:
  explicit SoftwareEncoder(EncoderSettings settings);
  void encode(const Picture& picture, const Sink& sink) override;
  void finish(const Sink& sink) override;
  const AVCodecParameters& parameters() const override { return *parameters_; }
  const char* name() const override { return settings_.hevc ? "libx265" : "libx264"; }

 private:
  void open(const AVFrame& first);
  void receive(const Sink& sink);

  const EncoderSettings settings_;
  CodecContextPtr context_;
  ParametersPtr parameters_;
  PacketPtr packet_;
  std::unique_ptr<Conversion> conversion_;
  Pace pace_;
};

}  // namespace sortie
