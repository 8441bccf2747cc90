// High dynamic range (BT.2100 PQ and HLG) to BT.709, by a table that is built once.
#pragma once
#include <memory>

#include "common.h"
#include "../tonemap.h"

namespace sortie {

class Conversion;

class ToneMap {
 public:
  ToneMap();
  ~ToneMap();
  static bool needed(const AVFrame& frame) {
    return frame.color_trc == AVCOL_TRC_SMPTE2084 || frame.color_trc == AVCOL_TRC_ARIB_STD_B67;
  }
  /** 8-bit 4:2:0 in BT.709, limited range, same size. */
  FramePtr apply(const AVFrame& frame);

 private:
  std::unique_ptr<Conversion> planar_;
  int width_ = 0;
  int height_ = 0;
  int transfer_ = -1;
  ToneTable table_;
};

}  // namespace sortie
