// Deinterlaces, mirrors and turns: once for all rungs. libavfilter does the pixels.
#pragma once
extern "C" {
#include <libavfilter/avfilter.h>
}

#include <functional>
#include <string>

#include "common.h"

namespace sortie {

class Upright {
 public:
  using Sink = std::function<void(FramePtr)>;
  Upright(bool deinterlace, int rotation, bool mirror, AVRational timeBase);
  /** Null drains. Timestamps stay in `timeBase`. */
  void push(FramePtr frame, const Sink& sink);

 private:
  struct GraphDeleter {
    void operator()(AVFilterGraph* graph) const { avfilter_graph_free(&graph); }
  };
  void build(const AVFrame& frame);
  void pull(const Sink& sink);
  std::string chain(const AVFrame& frame) const;

  const bool deinterlace_;
  const int rotation_;
  const bool mirror_;
  const AVRational timeBase_;
  std::unique_ptr<AVFilterGraph, GraphDeleter> graph_;
  AVFilterContext* source_ = nullptr;
  AVFilterContext* sink_ = nullptr;
  int width_ = 0;
  int height_ = 0;
  int format_ = -1;
  int colorspace_ = -1;
  int range_ = -1;
};

}  // namespace sortie
