#include "software/upright.h"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/pixdesc.h>
}

#include <cstdio>

namespace sortie {

Upright::Upright(bool deinterlace, int rotation, bool mirror, AVRational timeBase)
    : deinterlace_(deinterlace), rotation_(((rotation % 360) + 360) % 360), mirror_(mirror), timeBase_(timeBase) {}

std::string Upright::chain(const AVFrame& frame) const {
  std::string filters;
  const auto add = [&filters](const char* filter) { filters += (filters.empty() ? "" : ",") + std::string(filter); };
  // bwdif wants three columns and four lines in each plane; smaller frames have no fields to tell apart.
  const AVPixFmtDescriptor* form = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  const bool large = form && frame.width >> form->log2_chroma_w >= 3 && frame.height >> form->log2_chroma_h >= 4;
  if (deinterlace_ && large) add("bwdif=mode=send_frame:parity=auto:deint=interlaced");
  if (rotation_ == 90 || rotation_ == 270) {
    // vf_transpose takes only formats whose chroma is as dense across as down; 4:2:2 would become 4:4:0.
    if (form && form->log2_chroma_w != form->log2_chroma_h)
      add(form->comp[0].depth > 8 ? "format=yuv420p10le" : "format=yuv420p");
  }
  if (mirror_ && rotation_ != 180) add("hflip");
  if (rotation_ == 90) add("transpose=dir=clock");
  if (rotation_ == 270) add("transpose=dir=cclock");
  // A mirrored half turn is an upside-down picture.
  if (rotation_ == 180) add(mirror_ ? "vflip" : "hflip,vflip");
  return filters.empty() ? "null" : filters;
}

void Upright::build(const AVFrame& frame) {
  graph_.reset(avfilter_graph_alloc());
  if (!graph_) throw std::bad_alloc();
  graph_->nb_threads = 1;
  char arguments[256];
#if LIBAVFILTER_VERSION_MAJOR >= 10
  // Since FFmpeg 7 matrix and range are negotiated too; left open, a converter may be put in.
  std::snprintf(arguments, sizeof arguments,
                "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=1/1:colorspace=%d:range=%d", frame.width,
                frame.height, frame.format, timeBase_.num, timeBase_.den, frame.colorspace, frame.color_range);
#else
  std::snprintf(arguments, sizeof arguments, "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=1/1", frame.width,
                frame.height, frame.format, timeBase_.num, timeBase_.den);
#endif
  check(avfilter_graph_create_filter(&source_, avfilter_get_by_name("buffer"), "in", arguments, nullptr, graph_.get()),
        Code::kInternal, "The filter graph's source");
  check(avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"), "out", nullptr, nullptr, graph_.get()),
        Code::kInternal, "The filter graph's sink");
  AVFilterInOut* outputs = avfilter_inout_alloc();
  AVFilterInOut* inputs = avfilter_inout_alloc();
  if (outputs && inputs) {
    *outputs = {av_strdup("in"), source_, 0, nullptr};
    *inputs = {av_strdup("out"), sink_, 0, nullptr};
  }
  const int parsed =
      outputs && inputs
          ? avfilter_graph_parse_ptr(graph_.get(), chain(frame).c_str(), &inputs, &outputs, nullptr)
          : AVERROR(ENOMEM);
  avfilter_inout_free(&outputs);
  avfilter_inout_free(&inputs);
  check(parsed, Code::kInternal, "The filter graph");
  check(avfilter_graph_config(graph_.get(), nullptr), Code::kInternal, "The filter graph's formats");
  width_ = frame.width;
  height_ = frame.height;
  format_ = frame.format;
  colorspace_ = frame.colorspace;
  range_ = frame.color_range;
}

void Upright::push(FramePtr frame, const Sink& sink) {
  if (!deinterlace_ && rotation_ == 0 && !mirror_) {
    if (frame) sink(std::move(frame));
    return;
  }
  const bool changed = frame && graph_ &&
                       (frame->width != width_ || frame->height != height_ || frame->format != format_ ||
                        frame->colorspace != colorspace_ || frame->color_range != range_);
  if ((!frame || changed) && graph_) {
    check(av_buffersrc_add_frame(source_, nullptr), Code::kInternal, "The filter graph's end");
    pull(sink);
    graph_.reset();
  }
  if (!frame) return;
  if (!graph_) build(*frame);
  check(av_buffersrc_add_frame(source_, frame.get()), Code::kDecodeFailed, "The filter graph refuses a picture");
  pull(sink);
}

void Upright::pull(const Sink& sink) {
  for (;;) {
    FramePtr frame = makeFrame();
    const int result = av_buffersink_get_frame(sink_, frame.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    check(result, Code::kDecodeFailed, "The filter graph");
    // bwdif halves the time base although it gives one picture for one.
    if (frame->pts != AV_NOPTS_VALUE)
      frame->pts = av_rescale_q(frame->pts, av_buffersink_get_time_base(sink_), timeBase_);
    sink(std::move(frame));
  }
}

}  // namespace sortie
