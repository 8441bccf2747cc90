// A frame of another shape than the layer's (electro-optical to infrared, 4:3 to 16:9) is shown whole, between black bars.
#pragma once
#include "common.h"

namespace sortie {

/** A part of a frame; all numbers are even, as 4:2:0 wants them. */
struct Box {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

/**
 * Where a frame lies in `width` x `height`, which is made for frames of the layer's shape. `stretch`: by how much the frame is wider
 * than that, as shown; 1 for the same. Differences that come from rounding fill it all.
 */
Box boxFor(int width, int height, double stretch);
inline bool isWhole(const Box& box, int width, int height) { return box.width == width && box.height == height; }

/** The frame in black of `width` x `height`. */
FramePtr letterboxed(const AVFrame& inner, const Box& box, int width, int height);

/**
 * By how much a frame is wider, as shown, than the stream's header says. `aspect`: of a sample of the frame, 0/1 when it is not told;
 * `usual`: of those that the header describes.
 */
double stretchOf(int width, int height, AVRational aspect, int headerWidth, int headerHeight, AVRational usual);

}  // namespace sortie
