#include "software/encoder.h"

#include <algorithm>
#include <cmath>

namespace sortie {

namespace {
// Key frames come only where the picture asks for them: no scene cuts, closed GOPs, and keyint far away as a safety net,
// for a keyint equal to the forced distance would add IDR pictures of its own where the frame rate varies.
constexpr const char* kParameters =
    "scenecut=0:open-gop=0:bframes=3:b-pyramid=normal:aq-mode=1:nal-hrd=none";
constexpr const char* kHevcParameters =
    "scenecut=0:open-gop=0:bframes=3:b-pyramid=1:aq-mode=1:repeat-headers=0:info=0:log-level=none";
constexpr int kUsualLookahead = 40;
constexpr int kSafetyGops = 4;
constexpr int kLeastKeyint = 250;

/** What the encoder takes as it comes: NV12 saves a pass over pictures that a GPU scaled. */
bool takes(int format, bool hevc, bool tenBit) {
  if (tenBit) return format == AV_PIX_FMT_YUV420P10;
  return format == AV_PIX_FMT_YUV420P || (!hevc && format == AV_PIX_FMT_NV12);
}
}  // namespace

SoftwareEncoder::SoftwareEncoder(EncoderSettings settings) : settings_(std::move(settings)), packet_(makePacket()) {}

void SoftwareEncoder::open(const AVFrame& first) {
  const AVCodec* codec = avcodec_find_encoder_by_name(name());
  if (!codec)
    throw EngineError(Code::kEncodeFailed, std::string("This libavcodec has no ") + name() + "; install FFmpeg libraries built with it.");
  context_ = makeCodecContext(codec);
  context_->width = settings_.width;
  context_->height = settings_.height;
  context_->pix_fmt = static_cast<AVPixelFormat>(first.format);
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
  // Pools of its own: libx265 does not know thread_count.
  const std::string lookahead =
      ":rc-lookahead=" + std::to_string(settings_.lookahead >= 0 ? settings_.lookahead : kUsualLookahead);
  const std::string pools = ":pools=" + std::to_string(std::max(1, settings_.threads));
  const double rate = av_q2d(settings_.frameRate);
  context_->gop_size =
      std::max(kLeastKeyint, static_cast<int>(std::ceil(std::min(rate * settings_.gopSeconds * kSafetyGops, 1e5))));
  context_->keyint_min = 1;

  AVDictionary* options = nullptr;
  av_dict_set(&options, "preset", settings_.preset.c_str(), 0);
  av_dict_set(&options, "profile", settings_.hevc ? (settings_.tenBit ? "main10" : "main") : "high", 0);
  av_dict_set(&options, "forced-idr", "1", 0);
  if (settings_.hevc)
    av_dict_set(&options, "x265-params", (kHevcParameters + lookahead + pools).c_str(), 0);
  else
    av_dict_set(&options, "x264-params", (kParameters + lookahead).c_str(), 0);
  const int opened = avcodec_open2(context_.get(), codec, &options);
  av_dict_free(&options);
  if (opened < 0) {
    const Code code = opened == AVERROR(ENOMEM) ? Code::kOutOfMemory : Code::kEncodeFailed;
    throw EngineError(code, std::string(name()) + " does not start at " + std::to_string(settings_.width) + "x" +
                                std::to_string(settings_.height) + " with the preset \"" + settings_.preset +
                                "\": " + describe(opened) + ".");
  }
  parameters_.reset(avcodec_parameters_alloc());
  if (!parameters_) throw std::bad_alloc();
  check(avcodec_parameters_from_context(parameters_.get(), context_.get()), Code::kInternal, "Codec parameters");
}

void SoftwareEncoder::encode(const Picture& picture, const Sink& sink) {
  FramePtr frame = picture.surface->download();
  if (!takes(frame->format, settings_.hevc, settings_.tenBit)) {
    if (!conversion_)
      conversion_ = std::make_unique<Conversion>(settings_.width, settings_.height, settings_.tenBit ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P,
                                                 AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_MPEG, SWS_BICUBIC | SWS_ACCURATE_RND);
    frame = conversion_->apply(*frame);
  }
  if (!context_) open(*frame);
  frame->pts = pace_.enter(picture.pts);
  frame->pict_type = picture.key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  frame->color_range = AVCOL_RANGE_MPEG;
  frame->sample_aspect_ratio = {1, 1};
#if LIBAVUTIL_VERSION_MAJOR < 58
  frame->interlaced_frame = 0;
#endif
  check(avcodec_send_frame(context_.get(), frame.get()), Code::kEncodeFailed, (std::string(name()) + " refuses a picture").c_str());
  receive(sink);
}

void SoftwareEncoder::finish(const Sink& sink) {
  if (!context_) return;
  check(avcodec_send_frame(context_.get(), nullptr), Code::kEncodeFailed, (std::string(name()) + " does not end").c_str());
  receive(sink);
}

void SoftwareEncoder::receive(const Sink& sink) {
  for (;;) {
    const int result = avcodec_receive_packet(context_.get(), packet_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    check(result, Code::kEncodeFailed, (std::string(name()) + " fails").c_str());
    const int64_t decoded = packet_->dts;
    packet_->pts = pace_.leave(packet_->pts);
    packet_->dts = pace_.leave(decoded);
    pace_.forget(decoded);
    sink(packet_.get());
    av_packet_unref(packet_.get());
  }
}

}  // namespace sortie
