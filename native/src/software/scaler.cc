#include "software/scaler.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include "software/surface.h"

namespace sortie {

namespace {

// The yuvj formats say "full range" in their name, a way libswscale warns about: the plain format and a flag instead.
AVPixelFormat plainFormat(int format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    default: return static_cast<AVPixelFormat>(format);
  }
}

const int* coefficients(int colorspace, int height) {
  switch (colorspace) {
    case AVCOL_SPC_BT709: return sws_getCoefficients(SWS_CS_ITU709);
    case AVCOL_SPC_FCC: return sws_getCoefficients(SWS_CS_FCC);
    case AVCOL_SPC_SMPTE240M: return sws_getCoefficients(SWS_CS_SMPTE240M);
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: return sws_getCoefficients(SWS_CS_BT2020);
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: return sws_getCoefficients(SWS_CS_ITU601);
    default: return sws_getCoefficients(height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601);  // what players assume
  }
}

bool isRgb(AVPixelFormat format) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  return description && (description->flags & AV_PIX_FMT_FLAG_RGB) != 0;
}

void siteChroma(SwsContext* context, const char* horizontal, const char* vertical, AVPixelFormat format,
                AVChromaLocation location) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (!description || (description->flags & AV_PIX_FMT_FLAG_RGB) != 0 || description->nb_components < 3) return;
  // In 1/256 of a luma sample (libswscale: src_h_chr_pos). H.264, HEVC and MPEG-2 sit left unless they say otherwise
  // (ITU-T H.264, E.2.1, chroma_sample_loc_type 0); libswscale by default takes the centre and shifts the colours.
  const bool centre = location == AVCHROMA_LOC_CENTER || location == AVCHROMA_LOC_TOP || location == AVCHROMA_LOC_BOTTOM;
  const bool top = location == AVCHROMA_LOC_TOPLEFT || location == AVCHROMA_LOC_TOP;
  const bool bottom = location == AVCHROMA_LOC_BOTTOMLEFT || location == AVCHROMA_LOC_BOTTOM;
  if (description->log2_chroma_w == 1) av_opt_set_int(context, horizontal, centre ? 128 : 0, 0);
  if (description->log2_chroma_h == 1) av_opt_set_int(context, vertical, top ? 0 : bottom ? 256 : 128, 0);
}

}  // namespace

bool isFullRange(const AVFrame& frame) {
  return frame.color_range == AVCOL_RANGE_JPEG || plainFormat(frame.format) != frame.format;
}

Conversion::Conversion(int width, int height, AVPixelFormat format, AVColorSpace colorspace, AVColorRange range, int flags)
    : width_(width), height_(height), format_(format), colorspace_(colorspace), range_(range), flags_(flags) {}

Conversion::~Conversion() { av_buffer_pool_uninit(&pool_); }

void Conversion::rebuild(const AVFrame& source) {
  const AVPixelFormat from = plainFormat(source.format);
  if (!sws_isSupportedInput(from))
    throw EngineError(Code::kUnsupportedCodec, "Pictures of the form " +
                                                   std::string(av_get_pix_fmt_name(from) ? av_get_pix_fmt_name(from) : "?") +
                                                   " cannot be converted.");
  context_.reset(sws_alloc_context());
  if (!context_) throw std::bad_alloc();
  SwsContext* context = context_.get();
  av_opt_set_int(context, "srcw", source.width, 0);
  av_opt_set_int(context, "srch", source.height, 0);
  av_opt_set_int(context, "src_format", from, 0);
  av_opt_set_int(context, "dstw", width_, 0);
  av_opt_set_int(context, "dsth", height_, 0);
  av_opt_set_int(context, "dst_format", format_, 0);
  av_opt_set_int(context, "sws_flags", flags_, 0);
  const bool toFull = range_ == AVCOL_RANGE_JPEG;  // JPEG, whose chroma sits in the centre (JFIF 1.02)
  siteChroma(context, "src_h_chr_pos", "src_v_chr_pos", from, source.chroma_location);
  siteChroma(context, "dst_h_chr_pos", "dst_v_chr_pos", format_, toFull ? AVCHROMA_LOC_CENTER : AVCHROMA_LOC_LEFT);
  const int* fromMatrix = coefficients(source.colorspace, source.height);
  const int* toMatrix = colorspace_ == AVCOL_SPC_UNSPECIFIED && !isRgb(from) ? fromMatrix
                        : colorspace_ == AVCOL_SPC_UNSPECIFIED               ? coefficients(AVCOL_SPC_BT709, height_)
                                                                             : coefficients(colorspace_, height_);
  // Before sws_init_context: the ranges decide which conversion is chosen.
  sws_setColorspaceDetails(context, fromMatrix, isFullRange(source), toMatrix, toFull, 0, 1 << 16, 1 << 16);
  check(sws_init_context(context, nullptr, nullptr), Code::kInternal, "The scaler");
  sws_setColorspaceDetails(context, fromMatrix, isFullRange(source), toMatrix, toFull, 0, 1 << 16, 1 << 16);
  fromWidth_ = source.width;
  fromHeight_ = source.height;
  fromFormat_ = source.format;
  fromRange_ = source.color_range;
  fromSpace_ = source.colorspace;
  fromSite_ = source.chroma_location;
}

FramePtr Conversion::allocate() {
  constexpr int kAlign = 64;  // AVX-512 loads, also past the end of a line
  const int size = check(av_image_get_buffer_size(format_, width_, height_, kAlign), Code::kInternal, "Picture size");
  if (!pool_) pool_ = av_buffer_pool_init(static_cast<size_t>(size) + kAlign, nullptr);
  FramePtr frame = makeFrame();
  frame->buf[0] = pool_ ? av_buffer_pool_get(pool_) : nullptr;
  if (!frame->buf[0]) throw std::bad_alloc();
  frame->format = format_;
  frame->width = width_;
  frame->height = height_;
  check(av_image_fill_arrays(frame->data, frame->linesize, frame->buf[0]->data, format_, width_, height_, kAlign),
        Code::kInternal, "Picture planes");
  return frame;
}

FramePtr Conversion::apply(const AVFrame& source) {
  if (!context_ || source.width != fromWidth_ || source.height != fromHeight_ || source.format != fromFormat_ ||
      source.color_range != fromRange_ || source.colorspace != fromSpace_ || source.chroma_location != fromSite_)
    rebuild(source);
  FramePtr frame = allocate();
  check(sws_scale(context_.get(), source.data, source.linesize, 0, source.height, frame->data, frame->linesize),
        Code::kInternal, "Scaling");
  frame->color_primaries = source.color_primaries;
  frame->color_trc = source.color_trc;
  frame->colorspace = colorspace_ != AVCOL_SPC_UNSPECIFIED           ? colorspace_
                      : isRgb(static_cast<AVPixelFormat>(source.format)) ? AVCOL_SPC_BT709
                                                                       : source.colorspace;
  frame->color_range = range_;
  frame->chroma_location = AVCHROMA_LOC_LEFT;
  frame->sample_aspect_ratio = {1, 1};
  return frame;
}

SoftwareScaler::SoftwareScaler(const RungPlan& rung, bool tenBit)
    : width_(rung.width),
      height_(rung.height),
      format_(tenBit ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P),
      conversion_(rung.width, rung.height, format_, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_MPEG,
                  SWS_BICUBIC | SWS_ACCURATE_RND) {}

SurfacePtr SoftwareScaler::scale(const Picture& picture) {
  const FramePtr frame = picture.surface->download();
  if (const Box box = boxFor(width_, height_, picture.stretch); !isWhole(box, width_, height_)) {
    if (!boxed_ || box.width != box_.width || box.height != box_.height)
      boxed_.emplace(box.width, box.height, format_, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_MPEG, SWS_BICUBIC | SWS_ACCURATE_RND);
    box_ = box;
    return std::make_shared<HostSurface>(letterboxed(*boxed_->apply(*frame), box, width_, height_));
  }
  if (frame->width == width_ && frame->height == height_ && frame->format == format_ && !isFullRange(*frame))
    return picture.surface;
  return std::make_shared<HostSurface>(conversion_.apply(*frame));
}

}  // namespace sortie
