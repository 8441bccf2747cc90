// What the kernels of kernels.cu take: plain structs, the same bytes on both sides of the launch.
#pragma once

namespace sortie::nvidia {

/** A one-dimensional pass of a separable filter over one plane (or interleaved pair of planes). */
struct FilterPass {
  const void* source;
  void* target;
  /** 14-bit fixed point. Across: [tap][column]; down: [row][tap]. */
  const short* weights;
  /** First source sample of each target sample; may lie outside, where the edge is repeated. */
  const int* offsets;
  int taps;
  /** Size of the source in samples, pitches in bytes. */
  int sourceWidth, sourceHeight, sourcePitch;
  int targetWidth, targetHeight, targetPitch;
  /** Added to the sum before rounding: moves full range to limited. */
  int bias;
};

/** Copies samples to other places: target (x, y) comes from source (xx·x + xy·y + x0, yx·x + yy·y + y0). */
struct Turn {
  const void* source;
  void* target;
  int sourcePitch, targetPitch;
  int targetWidth, targetHeight;
  int xx, xy, x0, yx, yy, y0;
};

/** 10-bit BT.2100 in 16-bit samples to 8-bit BT.709 by a table; one call makes four luma and one pair of chroma samples. */
struct ToneMapPass {
  const void* luma;
  const void* chroma;
  void* targetLuma;
  void* targetChroma;
  const float* lumaTable;
  const float* chromaTable;
  int sourcePitch, targetPitch;
  int width, height;
};

}  // namespace sortie::nvidia
