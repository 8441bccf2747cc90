// What is done to a decoded picture once, for all rungs: turning, mirroring, tone mapping. On the GPU.
#pragma once
#include "nvidia/surface.h"
#include "../plan.h"

namespace sortie::nvidia {

class NvidiaUpright {
 public:
  /** `toneMap`: bring PQ and HLG pictures to BT.709, 8 bits. */
  NvidiaUpright(DevicePtr device, int rotation, bool mirror, bool toneMap, const Stream& stream);
  /** The same surface when nothing is to be done. `source` is kept until the GPU has read it. */
  std::shared_ptr<const DeviceSurface> apply(std::shared_ptr<const DeviceSurface> source);

 private:
  std::shared_ptr<Pool::Place> take(int width, int height, bool wide);
  std::shared_ptr<const DeviceSurface> mapTones(const DeviceSurface& source);
  std::shared_ptr<const DeviceSurface> turn(const DeviceSurface& source);

  const DevicePtr device_;
  const int rotation_;
  const bool mirror_;
  const bool toneMap_;
  const Stream& stream_;
  std::vector<std::shared_ptr<Pool>> pools_;
  int transfer_ = -1;
  std::unique_ptr<Table> luma_;
  std::unique_ptr<Table> chroma_;
};

}  // namespace sortie::nvidia
