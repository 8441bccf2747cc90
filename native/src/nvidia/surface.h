// A picture in the memory of a GPU: NV12, or P010 for ten bits; luma and below it the interleaved chroma.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "../decoder.h"
#include "nvidia/device.h"

namespace sortie::nvidia {

/** What the samples mean; as in AVFrame. */
struct Colour {
  AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
  AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
  AVColorSpace space = AVCOL_SPC_UNSPECIFIED;
  AVColorRange range = AVCOL_RANGE_MPEG;
  AVChromaLocation site = AVCHROMA_LOC_LEFT;
};
Colour colourOf(const AVFrame& frame);

/** Where the planes lie. Chroma begins `rows` rows below luma, in the same pitch. */
struct Planes {
  CUdeviceptr data = 0;
  size_t pitch = 0;
  int rows = 0;
  int width = 0;
  int height = 0;
  /** Ten bits in the upper part of 16. */
  bool wide = false;

  CUdeviceptr chroma() const { return data + pitch * static_cast<size_t>(rows); }
  int chromaWidth() const { return (width + 1) / 2; }
  int chromaHeight() const { return (height + 1) / 2; }
  size_t sampleBytes() const { return wide ? 2 : 1; }
};

class DeviceSurface final : public Surface {
 public:
  /** `owner` keeps the memory: a place in a pool, or a frame mapped by NVDEC. `ready`: when it is written. */
  DeviceSurface(DevicePtr device, const Planes& planes, const Colour& colour, std::shared_ptr<const Event> ready, std::shared_ptr<const void> owner)
      : planes(planes), colour(colour), device_(std::move(device)), ready_(std::move(ready)), owner_(std::move(owner)) {}

  FramePtr download() const override;
  const Event& ready() const { return *ready_; }

  const Planes planes;
  const Colour colour;

 private:
  const DevicePtr device_;
  const std::shared_ptr<const Event> ready_;
  const std::shared_ptr<const void> owner_;
};

/** Memory for pictures of one size, used again and again; safe from any thread. */
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(DevicePtr device, int width, int height, bool wide) : device_(std::move(device)), width_(width), height_(height), wide_(wide) {}

  struct Place {
    Place(const DevicePtr& device, int width, int height, bool wide);
    Memory memory;
    std::shared_ptr<Event> ready;
    Planes planes;
  };
  /** Goes back to the pool when the last holder lets go. */
  std::shared_ptr<Place> take();
  bool fits(int width, int height, bool wide) const { return width == width_ && height == height_ && wide == wide_; }

 private:
  const DevicePtr device_;
  const int width_;
  const int height_;
  const bool wide_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Place>> free_;
};

/** From memory, NV12 or P010 of the same size; done when the stream has come there. */
void upload(const Device& device, const AVFrame& from, const Planes& to, CUstream stream);
/** Plane by plane; both of the same size and depth. */
void copy(const Device& device, const Planes& from, const Planes& to, CUstream stream);

}  // namespace sortie::nvidia
