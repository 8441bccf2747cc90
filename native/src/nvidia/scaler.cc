#include "nvidia/scaler.h"

extern "C" {
#include <libavutil/imgutils.h>
}

#include "nvidia/parameters.h"

namespace sortie::nvidia {

namespace {

// Sources whose kernels may still run while the next picture is prepared; each holds a frame of NVDEC's.
constexpr size_t kReading = 1;

// Limited range of full range (ITU-R BT.601, 2.5.3): luma × 219/255 + 16, chroma about 128 × 224/255.
constexpr double kLumaGain = 219.0 / 255, kChromaGain = 224.0 / 255;

double siteAcross(AVChromaLocation site) {
  return site == AVCHROMA_LOC_CENTER || site == AVCHROMA_LOC_TOP || site == AVCHROMA_LOC_BOTTOM ? 0.5 : 0;
}
double siteDown(AVChromaLocation site) {
  return site == AVCHROMA_LOC_TOPLEFT || site == AVCHROMA_LOC_TOP ? 0 : site == AVCHROMA_LOC_BOTTOMLEFT || site == AVCHROMA_LOC_BOTTOM ? 1 : 0.5;
}

template <typename Value>
Table upload(const DevicePtr& device, const std::vector<Value>& values) {
  return {device, values.data(), values.size() * sizeof(Value)};
}

// The second pass's sum before its 20 bits are taken out. Only one pass carries gain, the second.
int biasOf(double codes) { return static_cast<int>(codes * (1 << 20)); }

}  // namespace

NvidiaScaler::Pass::Pass(const DevicePtr& device, const FilterBank& bank, bool across)
    : taps(bank.taps), weights(upload(device, across ? bank.transposed() : bank.weights)), offsets(upload(device, bank.offsets)) {}

NvidiaScaler::Setup::Setup(const DevicePtr& device, const DeviceSurface& from, const Box& box)
    : shape(from.planes),
      box(box),
      colour(from.colour),
      full(from.colour.range == AVCOL_RANGE_JPEG),
      lumaAcross(device, makeBank({shape.width, box.width, shape.width, box.width, false, 0, 0}, 1), true),
      lumaDown(device, makeBank({shape.height, box.height, shape.height, box.height, false, 0, 0}, full ? kLumaGain : 1), false),
      chromaAcross(device, makeBank({shape.chromaWidth(), box.width / 2, shape.width, box.width, true, siteAcross(colour.site), 0}, 1), true),
      chromaDown(device, makeBank({shape.chromaHeight(), box.height / 2, shape.height, box.height, true, siteDown(colour.site), 0.5}, full ? kChromaGain : 1), false),
      luma(device, static_cast<size_t>(box.width) * sizeof(int16_t), static_cast<size_t>(shape.height)),
      chroma(device, static_cast<size_t>(box.width) * sizeof(int16_t), static_cast<size_t>(shape.chromaHeight())) {}

bool NvidiaScaler::Setup::fits(const DeviceSurface& from, const Box& wanted) const {
  return wanted.width == box.width && wanted.height == box.height && from.planes.width == shape.width && from.planes.height == shape.height && from.planes.wide == shape.wide &&
         from.colour.site == colour.site && (from.colour.range == AVCOL_RANGE_JPEG) == full;
}

NvidiaScaler::NvidiaScaler(DevicePtr device, const RungPlan& rung, bool wide, const Stream& stream)
    : device_(std::move(device)),
      width_(rung.width),
      height_(rung.height),
      wide_(wide),
      stream_(stream),
      pool_(std::make_shared<Pool>(device_, width_, height_, wide)) {}

NvidiaScaler::~NvidiaScaler() {
  try {
    release(0);
  } catch (const std::exception&) {
    // A lost device: nothing reads any more.
  }
}

void NvidiaScaler::release(size_t keep) {
  while (reading_.size() > keep) {
    reading_.front().done->synchronize();
    reading_.pop_front();
  }
}

/** Black in limited range (ITU-R BT.709, 4.6), uploaded once. */
void NvidiaScaler::blacken(const Planes& to) {
  if (!black_) {
    black_ = pool_->take();
    const FramePtr frame = makeFrame();
    frame->format = wide_ ? AV_PIX_FMT_P010LE : AV_PIX_FMT_NV12;
    frame->width = width_;
    frame->height = height_;
    sortie::check(av_frame_get_buffer(frame.get(), 0), Code::kInternal, "Frame buffer");
    const ptrdiff_t lines[4] = {frame->linesize[0], frame->linesize[1], 0, 0};
    sortie::check(av_image_fill_black(frame->data, lines, static_cast<AVPixelFormat>(frame->format), AVCOL_RANGE_MPEG, width_, height_), Code::kInternal,
                  "Black bars");
    upload(*device_, *frame, black_->planes, stream_.get());
    stream_.synchronize();  // the frame in memory goes
  }
  copy(*device_, black_->planes, to, stream_.get());
}

void NvidiaScaler::filter(const DeviceSurface& from, const Planes& to, const Box& box) {
  if (!setup_ || !setup_->fits(from, box)) {
    release(0);
    stream_.synchronize();  // the tables that go may still be read
    setup_.reset();
    setup_.emplace(device_, from, box);
  }
  const Setup& setup = *setup_;
  const auto run = [&](Kernel kernel, const Pass& pass, CUdeviceptr source, CUdeviceptr target, int sourceWidth, int sourceHeight,
                       size_t sourcePitch, int targetWidth, int targetHeight, size_t targetPitch, int bias) {
    FilterPass parameters{reinterpret_cast<const void*>(source),
                          reinterpret_cast<void*>(target),
                          reinterpret_cast<const short*>(pass.weights.data()),
                          reinterpret_cast<const int*>(pass.offsets.data()),
                          pass.taps,
                          sourceWidth,
                          sourceHeight,
                          static_cast<int>(sourcePitch),
                          targetWidth,
                          targetHeight,
                          static_cast<int>(targetPitch),
                          bias};
    device_->launch(kernel, targetWidth, targetHeight, &parameters, stream_.get());
  };
  const Planes& planes = from.planes;
  const int chromaWidth = box.width / 2, chromaHeight = box.height / 2;
  const CUdeviceptr luma = to.data + static_cast<size_t>(box.y) * to.pitch + static_cast<size_t>(box.x) * to.sampleBytes();
  const CUdeviceptr chroma = to.chroma() + static_cast<size_t>(box.y / 2) * to.pitch + static_cast<size_t>(box.x) * to.sampleBytes();
  run(planes.wide ? Kernel::kAcrossY16 : Kernel::kAcrossY8, setup.lumaAcross, planes.data, setup.luma.data(), planes.width,
      planes.height, planes.pitch, box.width, planes.height, setup.luma.pitch(), 0);
  run(planes.wide ? Kernel::kAcrossUv16 : Kernel::kAcrossUv8, setup.chromaAcross, planes.chroma(), setup.chroma.data(),
      planes.chromaWidth(), planes.chromaHeight(), planes.pitch, chromaWidth, planes.chromaHeight(), setup.chroma.pitch(), 0);
  run(wide_ ? Kernel::kDownY16 : Kernel::kDownY8, setup.lumaDown, setup.luma.data(), luma, box.width, planes.height,
      setup.luma.pitch(), box.width, box.height, to.pitch, setup.full ? biasOf(16) : 0);
  run(wide_ ? Kernel::kDownUv16 : Kernel::kDownUv8, setup.chromaDown, setup.chroma.data(), chroma, chromaWidth,
      planes.chromaHeight(), setup.chroma.pitch(), chromaWidth, chromaHeight, to.pitch, setup.full ? biasOf(128 * (1 - kChromaGain)) : 0);
}

SurfacePtr NvidiaScaler::scale(const Picture& picture) {
  const auto* from = dynamic_cast<const DeviceSurface*>(picture.surface.get());
  if (!from) throw EngineError(Code::kInternal, "The GPU was given a picture that does not lie on it.");
  const Device::Current current(*device_);
  const auto place = pool_->take();
  const Settle settle(stream_);
  from->ready().holdUp(stream_.get());
  const Box box = boxFor(width_, height_, picture.stretch);
  const bool whole = isWhole(box, width_, height_);
  if (!whole) blacken(place->planes);
  const bool same = whole && from->planes.width == width_ && from->planes.height == height_ && from->planes.wide == wide_ &&
                    from->colour.range != AVCOL_RANGE_JPEG;
  // Copied even when nothing is to be done: the encoder keeps pictures for its lookahead, and NVDEC has few to give.
  if (same)
    copy(*device_, from->planes, place->planes, stream_.get());
  else
    filter(*from, place->planes, box);
  place->ready->record(stream_.get());
  release(kReading - 1);
  reading_.push_back({picture.surface, place->ready});
  Colour colour = from->colour;
  colour.range = AVCOL_RANGE_MPEG;
  if (!same) colour.site = AVCHROMA_LOC_LEFT;
  return std::make_shared<DeviceSurface>(device_, place->planes, colour, place->ready, place);
}

}  // namespace sortie::nvidia
