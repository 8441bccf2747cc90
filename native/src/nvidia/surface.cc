#include "nvidia/surface.h"

namespace sortie::nvidia {

Colour colourOf(const AVFrame& frame) {
  return {frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range, frame.chroma_location};
}

namespace {

void copyPlane(const Device& device, CUDA_MEMCPY2D copy, size_t rowBytes, int rows, CUstream stream) {
  copy.WidthInBytes = rowBytes;
  copy.Height = static_cast<size_t>(rows);
  check(device.driver.cuMemcpy2DAsync_v2(&copy, stream), "cuMemcpy2DAsync");
}

size_t evenBytes(const Planes& planes) { return static_cast<size_t>(planes.chromaWidth()) * 2 * planes.sampleBytes(); }

}  // namespace

FramePtr DeviceSurface::download() const {
  FramePtr frame = makeFrame();
  frame->format = planes.wide ? AV_PIX_FMT_P010LE : AV_PIX_FMT_NV12;
  frame->width = planes.width;
  frame->height = planes.height;
  sortie::check(av_frame_get_buffer(frame.get(), 0), Code::kInternal, "Frame buffer");
  frame->color_primaries = colour.primaries;
  frame->color_trc = colour.transfer;
  frame->colorspace = colour.space;
  frame->color_range = colour.range;
  frame->chroma_location = colour.site;

  const Device::Current current(*device_);
  const Stream stream(device_);
  ready_->holdUp(stream.get());
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcPitch = planes.pitch;
  copy.srcDevice = planes.data;
  copy.dstHost = frame->data[0];
  copy.dstPitch = static_cast<size_t>(frame->linesize[0]);
  copyPlane(*device_, copy, static_cast<size_t>(planes.width) * planes.sampleBytes(), planes.height, stream.get());
  copy.srcDevice = planes.chroma();
  copy.dstHost = frame->data[1];
  copy.dstPitch = static_cast<size_t>(frame->linesize[1]);
  copyPlane(*device_, copy, evenBytes(planes), planes.chromaHeight(), stream.get());
  stream.synchronize();
  return frame;
}

Pool::Place::Place(const DevicePtr& device, int width, int height, bool wide)
    : memory(device, static_cast<size_t>((width + 1) / 2 * 2) * (wide ? 2 : 1),
             static_cast<size_t>((height + 1) / 2 * 2) + static_cast<size_t>((height + 1) / 2)),
      ready(std::make_shared<Event>(device)),
      planes{memory.data(), memory.pitch(), (height + 1) / 2 * 2, width, height, wide} {}

std::shared_ptr<Pool::Place> Pool::take() {
  std::unique_ptr<Place> place;
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      place = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!place) place = std::make_unique<Place>(device_, width_, height_, wide_);
  return {place.release(), [pool = weak_from_this()](Place* used) {
            std::unique_ptr<Place> back(used);
            if (const auto alive = pool.lock()) {
              std::lock_guard lock(alive->mutex_);
              alive->free_.push_back(std::move(back));
            }
          }};
}

void upload(const Device& device, const AVFrame& from, const Planes& to, CUstream stream) {
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstPitch = to.pitch;
  copy.srcHost = from.data[0];
  copy.srcPitch = static_cast<size_t>(from.linesize[0]);
  copy.dstDevice = to.data;
  copyPlane(device, copy, static_cast<size_t>(to.width) * to.sampleBytes(), to.height, stream);
  copy.srcHost = from.data[1];
  copy.srcPitch = static_cast<size_t>(from.linesize[1]);
  copy.dstDevice = to.chroma();
  copyPlane(device, copy, evenBytes(to), to.chromaHeight(), stream);
}

void copy(const Device& device, const Planes& from, const Planes& to, CUstream stream) {
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcPitch = from.pitch;
  copy.dstPitch = to.pitch;
  copy.srcDevice = from.data;
  copy.dstDevice = to.data;
  copyPlane(device, copy, static_cast<size_t>(from.width) * from.sampleBytes(), from.height, stream);
  copy.srcDevice = from.chroma();
  copy.dstDevice = to.chroma();
  copyPlane(device, copy, evenBytes(from), from.chromaHeight(), stream);
}

}  // namespace sortie::nvidia
