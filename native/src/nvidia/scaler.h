// Scaling on the GPU: two passes of a filter bank per plane, from the decoder's surface into one that NVENC reads.
#pragma once
#include <deque>
#include <optional>

#include "nvidia/filter-bank.h"
#include "nvidia/surface.h"
#include "../letterbox.h"
#include "../plan.h"
#include "../scaler.h"

namespace sortie::nvidia {

class NvidiaScaler final : public Scaler {
 public:
  /** `stream`: where NVENC takes up the picture without a wait in between. */
  NvidiaScaler(DevicePtr device, const RungPlan& rung, bool wide, const Stream& stream);
  ~NvidiaScaler() override;
  SurfacePtr scale(const Picture& picture) override;

 private:
  /** One direction of one plane, on the device. */
  struct Pass {
    Pass(const DevicePtr& device, const FilterBank& bank, bool across);
    int taps;
    Table weights;
    Table offsets;
  };
  /** All that depends on the size and form of the source. */
  struct Setup {
    Setup(const DevicePtr& device, const DeviceSurface& from, const Box& box);
    bool fits(const DeviceSurface& from, const Box& box) const;
    const Planes shape;
    const Box box;
    const Colour colour;
    const bool full;
    Pass lumaAcross, lumaDown, chromaAcross, chromaDown;
    Memory luma, chroma;
  };
  void filter(const DeviceSurface& from, const Planes& to, const Box& box);
  void blacken(const Planes& to);
  void release(size_t keep);

  const DevicePtr device_;
  const int width_;
  const int height_;
  const bool wide_;
  const Stream& stream_;
  const std::shared_ptr<Pool> pool_;
  std::optional<Setup> setup_;
  /** What stands around frames of another shape. */
  std::shared_ptr<Pool::Place> black_;
  struct Reading {
    SurfacePtr source;
    std::shared_ptr<const Event> done;
  };
  std::deque<Reading> reading_;
};

}  // namespace sortie::nvidia
