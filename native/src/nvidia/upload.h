// Pictures that libavcodec decoded, put on the GPU once for all rungs: for streams that NVDEC does not take.
#pragma once
#include "../decoder.h"
#include "../plan.h"
#include "nvidia/surface.h"
#include "software/decoder.h"
#include "software/scaler.h"

namespace sortie::nvidia {

class UploadingDecoder final : public Decoder {
 public:
  UploadingDecoder(DevicePtr device, std::unique_ptr<Decoder> decoder);
  void decode(const AVPacket* packet, const Sink& sink) override;
  int64_t errors() const override { return decoder_->errors(); }
  bool tooLarge() const override { return decoder_->tooLarge(); }
  const char* name() const override { return decoder_->name(); }

 private:
  SurfacePtr upload(const Surface& surface);

  const DevicePtr device_;
  const std::unique_ptr<Decoder> decoder_;
  const Stream stream_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Conversion> conversion_;
};

}  // namespace sortie::nvidia
