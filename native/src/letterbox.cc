#include "letterbox.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>

namespace sortie {

namespace {
// Coded sizes are rounded to macroblocks, and aspects to fractions: 1088 lines for 1080, 4320:4319 for 1:1.
constexpr double kSameShape = 0.025;
constexpr double kMostStretch = 64;

int evenWithin(double value, int most) { return std::clamp(2 * static_cast<int>(std::lround(value / 2)), 2, most); }
}  // namespace

Box boxFor(int width, int height, double stretch) {
  if (!(stretch > 0) || std::fabs(stretch - 1) < kSameShape || width < 4 || height < 4) return {0, 0, width, height};
  stretch = std::clamp(stretch, 1 / kMostStretch, kMostStretch);
  Box box{0, 0, width, height};
  if (stretch > 1)
    box.height = evenWithin(height / stretch, height);
  else
    box.width = evenWithin(width * stretch, width);
  box.x = (width - box.width) / 2 & ~1;
  box.y = (height - box.height) / 2 & ~1;
  return box;
}

FramePtr letterboxed(const AVFrame& inner, const Box& box, int width, int height) {
  const auto format = static_cast<AVPixelFormat>(inner.format);
  const AVPixFmtDescriptor* form = av_pix_fmt_desc_get(format);
  FramePtr frame = makeFrame();
  frame->format = inner.format;
  frame->width = width;
  frame->height = height;
  check(av_frame_get_buffer(frame.get(), 0), Code::kInternal, "Frame buffer");
  check(av_frame_copy_props(frame.get(), &inner), Code::kInternal, "Frame properties");
  const ptrdiff_t lines[4] = {frame->linesize[0], frame->linesize[1], frame->linesize[2], frame->linesize[3]};
  check(av_image_fill_black(frame->data, lines, format, inner.color_range, width, height), Code::kInternal, "Black bars");
  uint8_t* into[4] = {};
  for (int plane = 0; plane < av_pix_fmt_count_planes(format); ++plane) {
    const bool chroma = plane > 0 && (form->flags & AV_PIX_FMT_FLAG_RGB) == 0;
    const int y = chroma ? box.y >> form->log2_chroma_h : box.y;
    const int x = av_image_get_linesize(format, box.x, plane);
    into[plane] = frame->data[plane] + static_cast<ptrdiff_t>(y) * frame->linesize[plane] + x;
  }
  av_image_copy(into, frame->linesize, const_cast<const uint8_t**>(inner.data), inner.linesize, format, inner.width, inner.height);
  return frame;
}

double stretchOf(int width, int height, AVRational aspect, int headerWidth, int headerHeight, AVRational usual) {
  if (width <= 0 || height <= 0 || headerWidth <= 0 || headerHeight <= 0) return 1;
  const auto told = [](AVRational value) { return value.num > 0 && value.den > 0; };
  const double is = told(aspect) ? av_q2d(aspect) : told(usual) ? av_q2d(usual) : 1;
  const double was = told(usual) ? av_q2d(usual) : is;
  return is * width / height / (was * headerWidth / headerHeight);
}

}  // namespace sortie
