#include "kernels.h"

#include <cstdint>
#include <cstring>

#include "../src/nvidia/kernels.cu"
#include "standin.h"

namespace standin {

namespace {

using sortie::nvidia::FilterPass;
using sortie::nvidia::ToneMapPass;
using sortie::nvidia::Turn;

void readable(const void* at, size_t bytes, const char* what) {
  if (!inDevice(reinterpret_cast<uint64_t>(at), bytes)) violation("a kernel's %s lies outside device memory, or was given back before it ran", what);
}
size_t rows(int pitch, int height, int rowBytes) { return static_cast<size_t>(pitch) * static_cast<size_t>(height - 1) + static_cast<size_t>(rowBytes); }

void check(const FilterPass& pass) {
  readable(pass.source, rows(pass.sourcePitch, pass.sourceHeight, pass.sourceWidth), "source");
  readable(pass.target, rows(pass.targetPitch, pass.targetHeight, pass.targetWidth), "target");
  readable(pass.weights, static_cast<size_t>(pass.taps) * 2, "table of weights");
  readable(pass.offsets, 4, "table of offsets");
}
void check(const Turn& job) {
  readable(job.source, static_cast<size_t>(job.sourcePitch), "source");
  readable(job.target, rows(job.targetPitch, job.targetHeight, job.targetWidth), "target");
}
void check(const ToneMapPass& pass) {
  readable(pass.luma, rows(pass.sourcePitch, pass.height, 2 * pass.width), "source");
  readable(pass.targetLuma, rows(pass.targetPitch, pass.height, pass.width), "target");
}

template <typename Parameters, void (*kernel)(Parameters)>
std::function<void()> launch(int width, int height, void* given) {
  Parameters parameters;
  std::memcpy(&parameters, given, sizeof parameters);
  return [=] {
    if (lost()) return;
    check(parameters);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        sortie::nvidia::place = {x, y};
        kernel(parameters);
      }
  };
}

struct Named {
  const char* name;
  Launch launch;
};
constexpr Named kKernels[] = {
    {"across_y8", launch<FilterPass, across_y8>},   {"across_uv8", launch<FilterPass, across_uv8>},
    {"across_y16", launch<FilterPass, across_y16>}, {"across_uv16", launch<FilterPass, across_uv16>},
    {"down_y8", launch<FilterPass, down_y8>},       {"down_uv8", launch<FilterPass, down_uv8>},
    {"down_y16", launch<FilterPass, down_y16>},     {"down_uv16", launch<FilterPass, down_uv16>},
    {"turn_1", launch<Turn, turn_1>},               {"turn_2", launch<Turn, turn_2>},
    {"turn_4", launch<Turn, turn_4>},               {"tone_map", launch<ToneMapPass, tone_map>},
};

}  // namespace

Launch findKernel(const char* name) {
  for (const Named& kernel : kKernels)
    if (std::strcmp(kernel.name, name) == 0) return kernel.launch;
  return nullptr;
}

}  // namespace standin
