#include "nvidia/upload.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace sortie::nvidia {

UploadingDecoder::UploadingDecoder(DevicePtr device, std::unique_ptr<Decoder> decoder)
    : device_(std::move(device)), decoder_(std::move(decoder)), stream_(device_) {}

SurfacePtr UploadingDecoder::upload(const Surface& surface) {
  FramePtr frame = surface.download();
  const AVPixFmtDescriptor* form = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  const bool wide = form && form->comp[0].depth > 8;
  const Colour told = colourOf(*frame);
  if (!pool_ || !pool_->fits(frame->width, frame->height, wide)) {
    pool_ = std::make_shared<Pool>(device_, frame->width, frame->height, wide);
    conversion_ = std::make_unique<Conversion>(frame->width, frame->height, wide ? AV_PIX_FMT_P010LE : AV_PIX_FMT_NV12,
                                               AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_MPEG, SWS_BICUBIC | SWS_ACCURATE_RND);
  }
  frame = conversion_->apply(*frame);
  const auto place = pool_->take();
  const Device::Current current(*device_);
  nvidia::upload(*device_, *frame, place->planes, stream_.get());
  place->ready->record(stream_.get());
  stream_.synchronize();  // the frame in memory goes back to its pool
  Colour colour = colourOf(*frame);
  colour.primaries = told.primaries;
  colour.transfer = told.transfer;
  return std::make_shared<DeviceSurface>(device_, place->planes, colour, place->ready, place);
}

void UploadingDecoder::decode(const AVPacket* packet, const Sink& sink) {
  decoder_->decode(packet, [&](Decoded decoded) {
    decoded.surface = upload(*decoded.surface);
    sink(std::move(decoded));
  });
}

}  // namespace sortie::nvidia
