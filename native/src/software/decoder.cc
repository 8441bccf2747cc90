#include "software/decoder.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>

#include "letterbox.h"
#include "software/surface.h"

namespace sortie {

namespace {
constexpr int kAspectPrecision = 100000;
constexpr int kMostThreads = 8;  // each holds pictures of its own

int64_t durationOf(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 58
  return frame.duration;
#else
  return frame.pkt_duration;
#endif
}

/**
 * Cuts off what the stream says is not to be shown (ITU-T H.264, frame_crop_left_offset). libavcodec by itself leaves columns at
 * the left that would end the alignment of the lines; here the picture is copied then.
 */
FramePtr cropped(FramePtr frame) {
  const bool unaligned = frame->crop_left != 0;
  if ((frame->crop_left | frame->crop_right | frame->crop_top | frame->crop_bottom) == 0) return frame;
  check(av_frame_apply_cropping(frame.get(), AV_FRAME_CROP_UNALIGNED), Code::kDecodeFailed, "The picture's cropping");
  if (!unaligned) return frame;
  FramePtr aligned = makeFrame();
  aligned->format = frame->format;
  aligned->width = frame->width;
  aligned->height = frame->height;
  check(av_frame_get_buffer(aligned.get(), 0), Code::kInternal, "Frame buffer");
  check(av_frame_copy(aligned.get(), frame.get()), Code::kInternal, "Frame copy");
  check(av_frame_copy_props(aligned.get(), frame.get()), Code::kInternal, "Frame properties");
  return aligned;
}
}  // namespace

SoftwareDecoder::SoftwareDecoder(const EnginePlan& plan, const AVStream& stream, int threads)
    : plan_(plan), frame_(makeFrame()), upright_(plan.deinterlace, plan.rotation, plan.mirror, stream.time_base) {
  const AVCodecParameters& parameters = *stream.codecpar;
  if (static_cast<int64_t>(parameters.width) * parameters.height > plan.maxPixels)
    throw EngineError(Code::kTooLarge, "The picture is " + std::to_string(parameters.width) + "x" +
                                           std::to_string(parameters.height) + " pixels; at most " +
                                           std::to_string(plan.maxPixels) + " pixels are taken.");
  headerWidth_ = parameters.width;
  headerHeight_ = parameters.height;
  usual_ = parameters.sample_aspect_ratio;
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (!codec)
    throw EngineError(Code::kUnsupportedCodec,
                      std::string("No decoder for the codec ") + avcodec_get_name(parameters.codec_id) +
                          "; convert the video to H.264 or HEVC.");
  context_ = makeCodecContext(codec);
  check(avcodec_parameters_to_context(context_.get(), &parameters), Code::kInternal, "Codec parameters");
  context_->pkt_timebase = stream.time_base;
  context_->max_pixels = plan.maxPixels;
  context_->apply_cropping = 0;
  context_->thread_count = std::clamp(threads, 1, kMostThreads);
  check(avcodec_open2(context_.get(), codec, nullptr), Code::kUnsupportedCodec, "The decoder does not start");
}

void SoftwareDecoder::decode(const AVPacket* packet, const Sink& sink) {
  for (;;) {
    const int result = avcodec_send_packet(context_.get(), packet);
    if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
    if (result < 0 && result != AVERROR(EAGAIN) && result != AVERROR_EOF) ++errors_;
    receive(sink);
    if (result != AVERROR(EAGAIN)) break;
  }
  const int64_t coded = static_cast<int64_t>(context_->coded_width) * context_->coded_height;
  if (coded > plan_.maxPixels) tooLarge_ = true;
  if (!packet) upright_.push(nullptr, [&](FramePtr frame) { emit(std::move(frame), sink); });
}

void SoftwareDecoder::receive(const Sink& sink) {
  for (;;) {
    const int result = avcodec_receive_frame(context_.get(), frame_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
    if (result < 0) {
      // A frame thread reports damage here; the next call goes on with the next picture.
      ++errors_;
      continue;
    }
    const bool damaged = (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame_->decode_error_flags != 0;
    if (damaged) ++errors_;
    // Before the first sound picture there is only grey mush made of references that are not in the file.
    if (!clean_ && (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) continue;
    clean_ = true;
    if (frame_->width <= 0 || frame_->height <= 0) continue;
    if (static_cast<int64_t>(frame_->width) * frame_->height > plan_.maxPixels) {
      tooLarge_ = true;
      continue;
    }
    FramePtr whole = makeFrame();
    av_frame_move_ref(whole.get(), frame_.get());
    FramePtr frame = cropped(std::move(whole));
    if (usual_.num <= 0 || usual_.den <= 0) usual_ = frame->sample_aspect_ratio;
    // In the frame's own aspect it comes through the filters, which turn it over with a quarter turn.
    const double stretch = stretchOf(frame->width, frame->height, frame->sample_aspect_ratio, headerWidth_, headerHeight_, usual_);
    frame->sample_aspect_ratio = av_d2q(stretch, kAspectPrecision);
    frame->pts = frame->best_effort_timestamp;
    // Captions and the like ride on frames; none of it is wanted in the rungs.
    while (frame->nb_side_data > 0) av_frame_remove_side_data(frame.get(), frame->side_data[0]->type);
    upright_.push(std::move(frame), [&](FramePtr upright) { emit(std::move(upright), sink); });
  }
}

void SoftwareDecoder::emit(FramePtr frame, const Sink& sink) {
  Decoded decoded;
  decoded.pts = frame->pts;
  decoded.duration = durationOf(*frame);
  decoded.stretch = frame->sample_aspect_ratio.num > 0 ? av_q2d(frame->sample_aspect_ratio) : 1;
  frame->sample_aspect_ratio = {1, 1};
  if (plan_.bitDepth == 8 && ToneMap::needed(*frame)) frame = toneMap_.apply(*frame);
  decoded.surface = std::make_shared<HostSurface>(std::move(frame));
  sink(std::move(decoded));
}

}  // namespace sortie
