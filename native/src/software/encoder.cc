#include "software/encoder.h"

#include <algorithm>
#include <cmath>

namespace sortie {

namespace {
// Key frames come only where the picture asks for them: no scene cuts, closed GOPs, and keyint far away as a safety net,
// for a keyint equal to the forced distance would add IDR pictures of its own where the frame rate varies.
constexpr const char* kParameters =
    "scenecut=0:open-gop=0:bframes=3:b-pyramid=normal:aq-mode=1:rc-lookahead=40:nal-hrd=none";
constexpr int kSafetyGops = 4;
constexpr int kLeastKeyint = 250;
}  // namespace

SoftwareEncoder::SoftwareEncoder(EncoderSettings settings) : settings_(std::move(settings)), packet_(makePacket()) {}

void SoftwareEncoder::open(const AVFrame& first) {
  const AVCodec* codec = avcodec_find_encoder_by_name("libx264");
  if (!codec)
    throw EngineError(Code::kEncodeFailed, "This libavcodec has no libx264; install FFmpeg libraries built with it.");
  context_ = makeCodecContext(codec);
  context_->width = settings_.width;
  context_->height = settings_.height;
  context_->pix_fmt = AV_PIX_FMT_YUV420P;
  context_->time_base = kTicks;
  context_->framerate = settings_.frameRate;
  context_->sample_aspect_ratio = {1, 1};
  context_->color_primaries = first.color_primaries;
  context_->color_trc = first.color_trc;
  context_->colorspace = first.colorspace;
  context_->color_range = AVCOL_RANGE_MPEG;
  context_->chroma_sample_location = AVCHROMA_LOC_LEFT;
  context_->bit_rate = settings_.bitrate;
  context_->rc_max_rate = settings_.maxBitrate;
  context_->rc_buffer_size = static_cast<int>(std::clamp<int64_t>(settings_.bufferSize, 0, INT32_MAX));
  context_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  context_->thread_count = settings_.threads;
  context_->thread_type = FF_THREAD_FRAME;
  const double rate = av_q2d(settings_.frameRate);
  context_->gop_size =
      std::max(kLeastKeyint, static_cast<int>(std::ceil(std::min(rate * settings_.gopSeconds * kSafetyGops, 1e5))));
  context_->keyint_min = 1;

  AVDictionary* options = nullptr;
  av_dict_set(&options, "preset", settings_.preset.c_str(), 0);
  av_dict_set(&options, "profile", "high", 0);
  av_dict_set(&options, "forced-idr", "1", 0);
  av_dict_set(&options, "x264-params", kParameters, 0);
  const int opened = avcodec_open2(context_.get(), codec, &options);
  av_dict_free(&options);
  if (opened < 0)
    throw EngineError(Code::kEncodeFailed, "libx264 does not start at " + std::to_string(settings_.width) + "x" +
                                               std::to_string(settings_.height) + " with the preset \"" + settings_.preset +
                                               "\": " + describe(opened) + ".");
  parameters_.reset(avcodec_parameters_alloc());
  if (!parameters_) throw std::bad_alloc();
  check(avcodec_parameters_from_context(parameters_.get(), context_.get()), Code::kInternal, "Codec parameters");
}

void SoftwareEncoder::encode(const Picture& picture, const Sink& sink) {
  const FramePtr frame = picture.surface->download();
  if (!context_) open(*frame);
  frame->pts = picture.pts;
  frame->pict_type = picture.key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  frame->color_range = AVCOL_RANGE_MPEG;
  frame->sample_aspect_ratio = {1, 1};
#if LIBAVUTIL_VERSION_MAJOR < 58
  frame->interlaced_frame = 0;
#endif
  check(avcodec_send_frame(context_.get(), frame.get()), Code::kEncodeFailed, "libx264 refuses a picture");
  receive(sink);
}

void SoftwareEncoder::finish(const Sink& sink) {
  if (!context_) return;
  check(avcodec_send_frame(context_.get(), nullptr), Code::kEncodeFailed, "libx264 does not end");
  receive(sink);
}

void SoftwareEncoder::receive(const Sink& sink) {
  for (;;) {
    const int result = avcodec_receive_packet(context_.get(), packet_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    check(result, Code::kEncodeFailed, "libx264 fails");
    sink(packet_.get());
    av_packet_unref(packet_.get());
  }
}

}  // namespace sortie
