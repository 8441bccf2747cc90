// Second of the three interfaces: one picture to the size of one rung, in the form the encoder takes.
#pragma once
#include "decoder.h"

namespace sortie {

class Scaler {
 public:
  virtual ~Scaler() = default;
  /** The same surface when nothing is to be done. */
  virtual SurfacePtr scale(const Picture& picture) = 0;
};

}  // namespace sortie
