#include "kernels.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "../src/nvidia/kernels.cu"
#include "standin.h"

namespace standin {

namespace {

using sortie::nvidia::FilterPass;
using sortie::nvidia::ToneMapPass;
using sortie::nvidia::Turn;

size_t rows(int pitch, int height, int rowBytes) { return static_cast<size_t>(pitch) * static_cast<size_t>(height - 1) + static_cast<size_t>(rowBytes); }

/** What a kernel reads and writes is there until it has run. */
using Held = std::vector<std::shared_ptr<uint8_t>>;

/** Turns an address of the device into where the CPU build finds it. False, and a violation, when it cannot. */
template <typename Pointer>
bool reach(Held& held, Pointer& at, size_t bytes, const char* what) {
  held.push_back(memory(reinterpret_cast<uint64_t>(at), bytes));
  // On a lost device nothing waits for kernels any more.
  if (!held.back() && !lost()) violation("a kernel's %s lies outside device memory, or was given back before it ran", what);
  at = reinterpret_cast<Pointer>(held.back().get());
  return at != nullptr;
}

bool reachAll(Held& held, FilterPass& pass) {
  return reach(held, pass.source, rows(pass.sourcePitch, pass.sourceHeight, pass.sourceWidth), "source") &&
         reach(held, pass.target, rows(pass.targetPitch, pass.targetHeight, pass.targetWidth), "target") &&
         reach(held, pass.weights, static_cast<size_t>(pass.taps) * 2, "table of weights") && reach(held, pass.offsets, 4, "table of offsets");
}
bool reachAll(Held& held, Turn& job) {
  return reach(held, job.source, static_cast<size_t>(job.sourcePitch), "source") &&
         reach(held, job.target, rows(job.targetPitch, job.targetHeight, job.targetWidth), "target");
}

bool reachAll(Held& held, ToneMapPass& pass) {
  return reach(held, pass.luma, rows(pass.sourcePitch, pass.height, 2 * pass.width), "source") &&
         reach(held, pass.chroma, rows(pass.sourcePitch, pass.height / 2, 2 * pass.width), "source") &&
         reach(held, pass.targetLuma, rows(pass.targetPitch, pass.height, pass.width), "target") &&
         reach(held, pass.targetChroma, rows(pass.targetPitch, pass.height / 2, pass.width), "target") &&
         reach(held, pass.lumaTable, sizeof *pass.lumaTable, "table") && reach(held, pass.chromaTable, sizeof *pass.chromaTable, "table");
}

template <typename Parameters, void (*kernel)(Parameters)>
std::function<void()> launch(int width, int height, void* given) {
  Parameters parameters;
  std::memcpy(&parameters, given, sizeof parameters);
  return [=]() mutable {
    Held held;
    if (lost() || !reachAll(held, parameters)) return;
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
