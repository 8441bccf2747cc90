#include "marks.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace gpucheck {

namespace {

/** Planes one after the other, chroma interleaved, ten bits in the lower part of 16: the same of planar frames and of NV12 and P010. */
std::vector<uint16_t> samplesOf(const AVFrame& frame) {
  const AVPixFmtDescriptor& form = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  std::vector<uint16_t> samples;
  std::vector<uint16_t> line(static_cast<size_t>(frame.width));
  const auto plane = [&](int component, int width, int height, size_t at, size_t step) {
    for (int y = 0; y < height; ++y) {
      av_read_image_line(line.data(), const_cast<const uint8_t**>(frame.data), frame.linesize, &form, 0, y, component, width, 0);
      for (int x = 0; x < width; ++x) samples[at + (static_cast<size_t>(y) * width + x) * step] = line[static_cast<size_t>(x)];
    }
  };
  const int chromaWidth = (frame.width + 1) / 2, chromaHeight = (frame.height + 1) / 2;
  const size_t luma = static_cast<size_t>(frame.width) * frame.height;
  samples.resize(luma + static_cast<size_t>(chromaWidth) * chromaHeight * 2);
  plane(0, frame.width, frame.height, 0, 1);
  plane(1, chromaWidth, chromaHeight, luma, 2);
  plane(2, chromaWidth, chromaHeight, luma + 1, 2);
  return samples;
}

}  // namespace

Mark markOf(const AVFrame& frame) {
  const std::vector<uint16_t> samples = samplesOf(frame);
  Mark mark;
  mark.width = frame.width;
  mark.height = frame.height;
  // FNV-1a, on samples.
  mark.checksum = 0xcbf29ce484222325;
  for (const uint16_t sample : samples) mark.checksum = (mark.checksum ^ sample) * 0x100000001b3;
  const int shift = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format))->comp[0].depth - 8;
  for (int row = 0; row < Mark::kRows; ++row)
    for (int column = 0; column < Mark::kColumns; ++column) {
      const int top = frame.height * row / Mark::kRows, bottom = frame.height * (row + 1) / Mark::kRows;
      const int left = frame.width * column / Mark::kColumns, right = frame.width * (column + 1) / Mark::kColumns;
      uint64_t sum = 0;
      for (int y = top; y < bottom; ++y)
        for (int x = left; x < right; ++x) sum += samples[static_cast<size_t>(y) * frame.width + x];
      const auto count = static_cast<uint64_t>(std::max(1, (bottom - top) * (right - left)));
      mark.grid[static_cast<size_t>(row * Mark::kColumns + column)] = static_cast<uint8_t>((sum / count) >> shift);
    }
  return mark;
}

int difference(const Mark& a, const Mark& b) {
  if (a.width != b.width || a.height != b.height) return 255;
  int most = 0;
  for (size_t i = 0; i < a.grid.size(); ++i) most = std::max(most, std::abs(a.grid[i] - b.grid[i]));
  return most;
}

std::filesystem::path marksOf(const std::filesystem::path& vector) { return vector.string() + ".marks"; }

void writeMarks(const std::filesystem::path& vector, const Marks& marks) {
  std::ofstream file(marksOf(vector));
  file << av_get_pix_fmt_name(static_cast<AVPixelFormat>(marks.format)) << '\n';
  for (const auto& [pts, mark] : marks.pictures) {
    file << pts << ' ' << mark.width << ' ' << mark.height << ' ' << mark.checksum;
    for (const uint8_t value : mark.grid) file << ' ' << static_cast<int>(value);
    file << '\n';
  }
}

Marks readMarks(const std::filesystem::path& vector) {
  std::ifstream file(marksOf(vector));
  Marks marks;
  std::string format;
  if (!(file >> format)) throw std::runtime_error(marksOf(vector).string() + " is missing");
  marks.format = av_get_pix_fmt(format.c_str());
  int64_t pts = 0;
  while (file >> pts) {
    Mark& mark = marks.pictures[pts];
    file >> mark.width >> mark.height >> mark.checksum;
    for (uint8_t& value : mark.grid) {
      int read = 0;
      file >> read;
      value = static_cast<uint8_t>(read);
    }
  }
  return marks;
}

}  // namespace gpucheck
