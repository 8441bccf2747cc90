// A picture in memory.
#pragma once
#include "../decoder.h"

namespace sortie {

class HostSurface : public Surface {
 public:
  explicit HostSurface(FramePtr frame) : frame_(std::move(frame)) {}
  FramePtr download() const override { return referTo(frame_.get()); }

 private:
  const FramePtr frame_;
};

}  // namespace sortie
