#include "still.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>
#include <cstring>

#include "letterbox.h"
#include "software/scaler.h"

namespace sortie {

namespace {

constexpr int64_t kLookAhead = 5 * kTicksPerSecond;
constexpr int64_t kEarlyStep = kTicksPerSecond / 4;
constexpr double kDark = 0.10;      // mean of the luma, of full scale
constexpr double kFlat = 0.025;     // its standard deviation
constexpr int kJpegMost = 65500;    // pixels per side: the limit of libavcodec's JPEG (ISO 10918-1, B.2.2 has 65535)
constexpr int kQuality = 3;         // mjpeg's scale: 2 is best

struct Luma {
  double mean;
  double deviation;
};

/** A grid of samples is enough to tell black from not black. */
Luma lookAt(const AVFrame& frame) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  if (!description || (description->flags & (AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_PAL)) != 0) return {1, 1};
  const AVComponentDescriptor& component = description->comp[0];
  const bool wide = component.depth > 8;
  const double scale = 1.0 / ((1 << component.depth) - 1);
  constexpr int kColumns = 64, kRows = 36;
  double sum = 0, squares = 0;
  for (int j = 0; j < kRows; ++j) {
    const uint8_t* line = frame.data[component.plane] +
                          static_cast<ptrdiff_t>(frame.height * (2 * j + 1) / (2 * kRows)) * frame.linesize[component.plane];
    for (int i = 0; i < kColumns; ++i) {
      const uint8_t* at = line + static_cast<ptrdiff_t>(frame.width * (2 * i + 1) / (2 * kColumns)) * component.step + component.offset;
      unsigned value = at[0];
      if (wide) {
        uint16_t both;
        std::memcpy(&both, at, sizeof both);
        value = both;
      }
      const double luma = ((value >> component.shift) & ((1u << component.depth) - 1)) * scale;
      sum += luma;
      squares += luma * luma;
    }
  }
  constexpr double kCount = kColumns * kRows;
  const double mean = sum / kCount;
  return {mean, std::sqrt(std::max(0.0, squares / kCount - mean * mean))};
}

/** Scaled, as RGB: the detour keeps matrices simple, since JPEG is always BT.601 in full range (JFIF 1.02). */
FramePtr shrink(const AVFrame& frame, int width, int height, double stretch) {
  const Box box = boxFor(width, height, stretch);
  FramePtr small = Conversion(box.width, box.height, AV_PIX_FMT_RGB24, AVCOL_SPC_RGB, AVCOL_RANGE_JPEG, SWS_AREA | SWS_ACCURATE_RND)
                       .apply(frame);
  return isWhole(box, width, height) ? std::move(small) : letterboxed(*small, box, width, height);
}

void writeJpeg(const std::string& path, AVFrame& rgb) {
  rgb.colorspace = AVCOL_SPC_RGB;
  rgb.color_range = AVCOL_RANGE_JPEG;
  const FramePtr frame = Conversion(rgb.width, rgb.height, AV_PIX_FMT_YUV420P, AVCOL_SPC_BT470BG, AVCOL_RANGE_JPEG,
                                    SWS_BICUBIC | SWS_ACCURATE_RND)
                             .apply(rgb);
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  if (!codec) throw EngineError(Code::kEncodeFailed, "libavcodec has no JPEG encoder.");
  const CodecContextPtr context = makeCodecContext(codec);
  context->width = rgb.width;
  context->height = rgb.height;
  context->pix_fmt = AV_PIX_FMT_YUVJ420P;
  context->color_range = AVCOL_RANGE_JPEG;
  context->colorspace = AVCOL_SPC_BT470BG;
  context->time_base = {1, 25};
  context->thread_count = 1;
  context->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
  context->global_quality = kQuality * FF_QP2LAMBDA;
  check(avcodec_open2(context.get(), codec, nullptr), Code::kEncodeFailed, "The JPEG encoder does not start");
  frame->format = AV_PIX_FMT_YUVJ420P;
  frame->pts = 0;
  frame->quality = context->global_quality;
  const PacketPtr packet = makePacket();
  check(avcodec_send_frame(context.get(), frame.get()), Code::kEncodeFailed, "The JPEG encoder fails");
  check(avcodec_send_frame(context.get(), nullptr), Code::kEncodeFailed, "The JPEG encoder fails");
  check(avcodec_receive_packet(context.get(), packet.get()), Code::kEncodeFailed, "The JPEG encoder fails");
  writeFile(path, packet->data, static_cast<size_t>(packet->size));
}

void prepareFolder(const EnginePlan& plan, const std::string& relative) {
  const size_t slash = relative.rfind('/');
  makeDirectories(slash == std::string::npos ? plan.outputDir : joinPath(plan.outputDir, relative.substr(0, slash)));
}

size_t mostTiles(const EnginePlan& plan) {
  const int rows = kJpegMost / std::max(1, plan.previewHeight);
  return static_cast<size_t>(std::max<int64_t>(
      1, std::min<int64_t>(plan.previewMax, static_cast<int64_t>(rows) * std::max(1, plan.previewColumns))));
}

}  // namespace

Poster::Poster(const EnginePlan& plan)
    : plan_(plan),
      from_(ticks(plan.posterTime)),
      done_(!plan.posterPath || plan.posterWidth <= 0 || plan.posterHeight <= 0 || plan.posterWidth > kJpegMost ||
            plan.posterHeight > kJpegMost) {}

void Poster::see(const Picture& picture) {
  if (done_ || picture.pts < next_) return;
  Candidate candidate{picture.surface->download(), picture.pts, picture.stretch};
  if (picture.pts < from_) {
    // A video may be shorter than the wanted moment: a late picture before it will do then.
    next_ = std::min(from_, picture.pts + kEarlyStep);
    best_ = std::move(candidate);
    return;
  }
  const Luma luma = lookAt(*candidate.frame);
  if (luma.mean > kDark && luma.deviation > kFlat) {
    write(candidate);
    return;
  }
  if (luma.deviation > bestContrast_) {
    bestContrast_ = luma.deviation;
    best_ = std::move(candidate);
  }
  if (picture.pts - from_ > kLookAhead) write(*best_);
}

void Poster::finish() {
  if (!done_ && best_) write(*best_);
}

void Poster::write(const Candidate& candidate) {
  done_ = true;
  prepareFolder(plan_, *plan_.posterPath);
  writeJpeg(joinPath(plan_.outputDir, *plan_.posterPath), *shrink(*candidate.frame, plan_.posterWidth, plan_.posterHeight, candidate.stretch));
  time_ = seconds(candidate.pts);
  best_.reset();
}

Previews::Previews(const EnginePlan& plan)
    : plan_(plan), most_(mostTiles(plan)), interval_(std::max<int64_t>(1, ticks(plan.previewInterval))) {}

void Previews::see(const Picture& picture) {
  if (!plan_.previewsPath || plan_.previewWidth <= 0 || plan_.previewHeight <= 0) return;
  const int64_t slot = picture.pts / interval_;
  if (slot < nextSlot_) return;
  tiles_.push_back(
      {slot, picture.pts, shrink(*picture.surface->download(), plan_.previewWidth, plan_.previewHeight, picture.stretch)});
  nextSlot_ = slot + 1;
  while (tiles_.size() > most_) {
    interval_ *= 2;
    std::vector<Tile> kept;
    for (Tile& tile : tiles_) {
      if (tile.slot % 2 == 0) kept.push_back({tile.slot / 2, tile.pts, std::move(tile.pixels)});
    }
    tiles_ = std::move(kept);
    nextSlot_ = (nextSlot_ + 1) / 2;
  }
}

void Previews::finish() {
  if (tiles_.empty()) return;
  const int columns = std::clamp(plan_.previewColumns, 1, std::max(1, kJpegMost / plan_.previewWidth));
  rows_ = static_cast<int>((tiles_.size() + static_cast<size_t>(columns) - 1) / static_cast<size_t>(columns));
  const FramePtr sheet = makeFrame();
  sheet->format = AV_PIX_FMT_RGB24;
  sheet->width = columns * plan_.previewWidth;
  sheet->height = rows_ * plan_.previewHeight;
  check(av_frame_get_buffer(sheet.get(), 0), Code::kInternal, "The sheet of previews");
  std::memset(sheet->data[0], 0, static_cast<size_t>(sheet->linesize[0]) * static_cast<size_t>(sheet->height));
  for (size_t i = 0; i < tiles_.size(); ++i) {
    const AVFrame& tile = *tiles_[i].pixels;
    const auto column = static_cast<ptrdiff_t>(i % static_cast<size_t>(columns));
    const auto row = static_cast<ptrdiff_t>(i / static_cast<size_t>(columns));
    uint8_t* to = sheet->data[0] + row * plan_.previewHeight * sheet->linesize[0] + column * plan_.previewWidth * 3;
    av_image_copy_plane(to, sheet->linesize[0], tile.data[0], tile.linesize[0], plan_.previewWidth * 3,
                        plan_.previewHeight);
  }
  prepareFolder(plan_, *plan_.previewsPath);
  writeJpeg(joinPath(plan_.outputDir, *plan_.previewsPath), *sheet);
}

std::vector<double> Previews::times() const {
  std::vector<double> times;
  for (const Tile& tile : tiles_) times.push_back(seconds(tile.pts));
  return times;
}

}  // namespace sortie
