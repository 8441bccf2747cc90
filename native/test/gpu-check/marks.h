// What libavcodec made of each test vector, written down where the vectors are made, so that the machine with the card needs no
// decoder of its own: for each picture its time, its size, a checksum, and a coarse grid of brightness for codecs whose
// inverse transform is not fixed to the bit.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>

extern "C" {
#include <libavutil/frame.h>
}

namespace gpucheck {

struct Mark {
  int width = 0;
  int height = 0;
  uint64_t checksum = 0;
  static constexpr int kColumns = 16, kRows = 9;
  std::array<uint8_t, kColumns * kRows> grid{};
};

struct Marks {
  /** AVPixelFormat of the stream, for decoders that libavformat cannot ask. */
  int format = -1;
  /** By presentation time. */
  std::map<int64_t, Mark> pictures;
};

Mark markOf(const AVFrame& frame);
/** The largest difference of two grids, of 255. */
int difference(const Mark& a, const Mark& b);

std::filesystem::path marksOf(const std::filesystem::path& vector);
void writeMarks(const std::filesystem::path& vector, const Marks& marks);
/** Throws when they are not there. */
Marks readMarks(const std::filesystem::path& vector);

}  // namespace gpucheck
