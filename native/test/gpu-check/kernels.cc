#include <algorithm>
#include <random>

#include "checks.h"
#include "nvidia/filter-bank.h"
#include "nvidia/parameters.h"
#include "table.h"
#include "tonemap.h"
#include "../../src/nvidia/kernels.cu"

namespace gpucheck {

using namespace sortie;
using nvidia::Device;

namespace {

/** Host memory and its image on the device, filled with noise. */
class Both {
 public:
  Both(const DevicePtr& device, size_t bytes, std::mt19937& random) : device_(device), memory_(device, bytes, 1), host(bytes) {
    for (uint8_t& byte : host) byte = static_cast<uint8_t>(random());
  }
  CUdeviceptr upload() {
    nvidia::check(device_->driver.cuMemcpyHtoD_v2(memory_.data(), host.data(), host.size()), "cuMemcpyHtoD");
    // It may land later, and the kernel's stream does not wait for it.
    nvidia::check(device_->driver.cuStreamSynchronize(nullptr), "cuStreamSynchronize");
    return memory_.data();
  }
  std::vector<uint8_t> fetch(CUstream stream) const {
    std::vector<uint8_t> fetched(host.size());
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = memory_.data();
    copy.srcPitch = copy.dstPitch = copy.WidthInBytes = fetched.size();
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = fetched.data();
    copy.Height = 1;
    nvidia::check(device_->driver.cuMemcpy2DAsync_v2(&copy, stream), "cuMemcpy2DAsync");
    nvidia::check(device_->driver.cuStreamSynchronize(stream), "cuStreamSynchronize");
    return fetched;
  }

 private:
  const DevicePtr device_;
  const nvidia::Memory memory_;

 public:
  std::vector<uint8_t> host;
};

template <typename Parameters>
void onCpu(void (*kernel)(Parameters), int width, int height, const Parameters& parameters) {
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      nvidia::place = {x, y};
      kernel(parameters);
    }
}

}  // namespace

void kernels(const DevicePtr& device) {
  const Device::Current current(*device);
  const nvidia::Stream stream(device);
  std::mt19937 random(1);
  const auto told = [&](const std::string& name, const std::vector<uint8_t>& card, const std::vector<uint8_t>& host) {
    size_t off = 0;
    for (size_t i = 0; i < card.size(); ++i) off += card[i] != host[i];
    row("kernel: " + name, off == 0 ? "equal to its CPU build" : std::to_string(off) + " of " + std::to_string(card.size()) + " bytes differ", off == 0);
  };

  struct FilterKernel {
    const char* name;
    nvidia::Kernel kernel;
    void (*cpu)(nvidia::FilterPass);
    int bytes;
    int channels;
    bool across;
  };
  const FilterKernel filters[] = {
      {"across, luma, 8 bits", nvidia::Kernel::kAcrossY8, across_y8, 1, 1, true},   {"across, chroma, 8 bits", nvidia::Kernel::kAcrossUv8, across_uv8, 1, 2, true},
      {"across, luma, 10 bits", nvidia::Kernel::kAcrossY16, across_y16, 2, 1, true}, {"across, chroma, 10 bits", nvidia::Kernel::kAcrossUv16, across_uv16, 2, 2, true},
      {"down, luma, 8 bits", nvidia::Kernel::kDownY8, down_y8, 1, 1, false},        {"down, chroma, 8 bits", nvidia::Kernel::kDownUv8, down_uv8, 1, 2, false},
      {"down, luma, 10 bits", nvidia::Kernel::kDownY16, down_y16, 2, 1, false},      {"down, chroma, 10 bits", nvidia::Kernel::kDownUv16, down_uv16, 2, 2, false},
  };
  for (const FilterKernel& filter : filters) {
    bool same = true;
    std::vector<uint8_t> card, host;
    // Down, up, and odd sizes; with and without the offset of full range.
    const int sizes[][4] = {{1920, 1080, 853, 480}, {321, 243, 1280, 721}, {37, 19, 5, 3}};
    for (const auto& size : sizes) {
      const int targetWidth = size[2], targetHeight = filter.across ? size[1] : size[3], sourceWidth = filter.across ? size[0] : size[2];
      const auto bank = filter.across ? nvidia::makeBank({size[0], size[2], size[0], size[2], false, 0, 0}, 1)
                                      : nvidia::makeBank({size[1], size[3], size[1], size[3], false, 0, 0}, 219.0 / 255);
      const std::vector<int16_t> weights = filter.across ? bank.transposed() : bank.weights;
      const nvidia::Table weightTable(device, weights.data(), weights.size() * 2), offsetTable(device, bank.offsets.data(), bank.offsets.size() * 4);
      const int sourcePitch = sourceWidth * filter.channels * (filter.across ? filter.bytes : 2) + 64;
      const int targetPitch = targetWidth * filter.channels * (filter.across ? 2 : filter.bytes) + 32;
      Both source(device, static_cast<size_t>(sourcePitch) * size[1], random), target(device, static_cast<size_t>(targetPitch) * targetHeight, random);
      // What `across` leaves for `down` fits its clamp by design; noise of all 16 bits would overflow what no picture can.
      if (!filter.across)
        for (size_t i = 1; i < source.host.size(); i += 2) source.host[i] = static_cast<uint8_t>(source.host[i] >> 2);
      nvidia::FilterPass pass{reinterpret_cast<const void*>(source.upload()), reinterpret_cast<void*>(target.upload()),
                              reinterpret_cast<const short*>(weightTable.data()), reinterpret_cast<const int*>(offsetTable.data()),
                              bank.taps, sourceWidth, size[1], sourcePitch, targetWidth, targetHeight, targetPitch, filter.across ? 0 : 16 << 20};
      device->launch(filter.kernel, targetWidth, targetHeight, &pass, stream.get());
      card = target.fetch(stream.get());
      pass.source = source.host.data();
      pass.target = target.host.data();
      pass.weights = weights.data();
      pass.offsets = bank.offsets.data();
      onCpu(filter.cpu, targetWidth, targetHeight, pass);
      host = target.host;
      if (card != host) {
        same = false;
        break;
      }
    }
    told(filter.name, card, same ? card : host);
  }

  const auto turn = [&](const char* name, nvidia::Kernel kernel, void (*cpu)(nvidia::Turn), int bytes) {
    const int width = 321, height = 243;
    Both source(device, static_cast<size_t>(width) * height * bytes, random), target(device, static_cast<size_t>(width) * height * bytes, random);
    // By 90 degrees: target (x, y) comes from (y, height − 1 − x).
    nvidia::Turn job{reinterpret_cast<const void*>(source.upload()), reinterpret_cast<void*>(target.upload()), width * bytes, height * bytes, height, width, 0, 1, 0, -1, 0, height - 1};
    device->launch(kernel, height, width, &job, stream.get());
    const std::vector<uint8_t> card = target.fetch(stream.get());
    job.source = source.host.data();
    job.target = target.host.data();
    onCpu(cpu, height, width, job);
    told(name, card, target.host);
  };
  turn("turn, 1 byte", nvidia::Kernel::kTurn1, turn_1, 1);
  turn("turn, 2 bytes", nvidia::Kernel::kTurn2, turn_2, 2);
  turn("turn, 4 bytes", nvidia::Kernel::kTurn4, turn_4, 4);

  // The tables' contents do not matter here; that they give the right colours is the test of the CPU path.
  const int width = 319, height = 241, pitch = 704, targetPitch = 352, chromaRows = (height + 1) / 2;
  std::vector<float> luma(kToneNodes * kToneNodes * kToneNodes), chroma(luma.size() * 2);
  for (std::vector<float>* table : {&luma, &chroma})
    for (float& value : *table) value = static_cast<float>(random() % 256'000) / 1000;
  const nvidia::Table lumaTable(device, luma.data(), luma.size() * 4), chromaTable(device, chroma.data(), chroma.size() * 4);
  Both source(device, static_cast<size_t>(pitch) * (height + chromaRows), random), target(device, static_cast<size_t>(targetPitch) * (height + chromaRows), random);
  const auto passOf = [&](char* from, char* to, const float* y, const float* uv) {
    return nvidia::ToneMapPass{from, from + static_cast<size_t>(pitch) * height, to, to + static_cast<size_t>(targetPitch) * height, y, uv, pitch, targetPitch, width, height};
  };
  auto pass = passOf(reinterpret_cast<char*>(source.upload()), reinterpret_cast<char*>(target.upload()), reinterpret_cast<const float*>(lumaTable.data()), reinterpret_cast<const float*>(chromaTable.data()));
  device->launch(nvidia::Kernel::kToneMap, (width + 1) / 2, chromaRows, &pass, stream.get());
  const std::vector<uint8_t> card = target.fetch(stream.get());
  onCpu(tone_map, (width + 1) / 2, chromaRows, passOf(reinterpret_cast<char*>(source.host.data()), reinterpret_cast<char*>(target.host.data()), luma.data(), chroma.data()));
  told("tone mapping", card, target.host);
}

}  // namespace gpucheck
