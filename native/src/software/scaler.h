// libswscale, and nothing at all when the picture already is what the encoder takes.
#pragma once
extern "C" {
#include <libswscale/swscale.h>
}

#include "../letterbox.h"
#include "../plan.h"
#include "../scaler.h"

namespace sortie {

/** One conversion of size, format, matrix and range, rebuilt when the source changes. */
class Conversion {
 public:
  /** `colorspace`: of the output, or AVCOL_SPC_UNSPECIFIED to keep that of the input. */
  Conversion(int width, int height, AVPixelFormat format, AVColorSpace colorspace, AVColorRange range, int flags);
  ~Conversion();
  Conversion(const Conversion&) = delete;
  Conversion& operator=(const Conversion&) = delete;
  FramePtr apply(const AVFrame& source);

 private:
  void rebuild(const AVFrame& source);
  FramePtr allocate();

  const int width_;
  const int height_;
  const AVPixelFormat format_;
  const AVColorSpace colorspace_;
  const AVColorRange range_;
  const int flags_;
  struct SwsDeleter {
    void operator()(SwsContext* context) const { sws_freeContext(context); }
  };
  std::unique_ptr<SwsContext, SwsDeleter> context_;
  int fromWidth_ = 0;
  int fromHeight_ = 0;
  int fromFormat_ = -1;
  int fromRange_ = -1;
  int fromSpace_ = -1;
  int fromSite_ = -1;
  AVBufferPool* pool_ = nullptr;
};

class SoftwareScaler : public Scaler {
 public:
  SoftwareScaler(const RungPlan& rung, bool tenBit);
  SurfacePtr scale(const Picture& picture) override;

 private:
  const int width_;
  const int height_;
  const AVPixelFormat format_;
  Conversion conversion_;
  /** For frames of another shape. */
  Box box_;
  std::optional<Conversion> boxed_;
};

/** Full-range formats by their old names (yuvj420p) and by tag. */
bool isFullRange(const AVFrame& frame);

}  // namespace sortie
