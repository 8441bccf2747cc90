// A frame between black bars: its box lies in the picture, and so do the bytes that are written.
#include "letterbox.h"

#include <iterator>

#include "numbers.h"

namespace {

constexpr AVPixelFormat kFormats[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_NV12, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_RGB24};

sortie::FramePtr blank(AVPixelFormat format, int width, int height) {
  sortie::FramePtr frame = sortie::makeFrame();
  frame->format = format;
  frame->width = width;
  frame->height = height;
  sortie::check(av_frame_get_buffer(frame.get(), 0), sortie::Code::kInternal, "Frame buffer");
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sortie::fuzz::Numbers numbers(data, size);
  const int width = 2 + 2 * (numbers.take<uint8_t>() % 200);
  const int height = 2 + 2 * (numbers.take<uint8_t>() % 200);
  const auto format = kFormats[numbers.take<uint8_t>() % std::size(kFormats)];
  const auto rational = [&] { return AVRational{numbers.take<int32_t>(), numbers.take<int32_t>()}; };
  const double told = sortie::stretchOf(numbers.take<int32_t>(), numbers.take<int32_t>(), rational(), numbers.take<int32_t>(), numbers.take<int32_t>(), rational());
  for (const double stretch : {told, numbers.take<double>()}) {
    const sortie::Box box = sortie::boxFor(width, height, stretch);
    sortie::fuzz::must(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0);
    sortie::fuzz::must(box.x + box.width <= width && box.y + box.height <= height);
    sortie::fuzz::must((box.x | box.y | box.width | box.height) % 2 == 0);
    if (sortie::isWhole(box, width, height)) continue;
    const sortie::FramePtr inner = blank(format, box.width, box.height);
    sortie::letterboxed(*inner, box, width, height);
  }
  return 0;
}
