#include "checks.h"
#include "nvidia/decoder.h"
#include "nvidia/preflight.h"
#include "table.h"

namespace gpucheck {

using namespace sortie;

void machine() {
  const nvidia::Driver& driver = nvidia::Driver::get();
  row("CUDA starts", driver.cudaReason.empty() ? "yes" : driver.cudaReason, driver.cudaReason.empty());
  if (!driver.cudaReason.empty()) return;
  const DevicePtr device = nvidia::Device::open(0);
  const auto [free, total] = device->memory();
  row("card", device->name + ", driver " + (driver.version.empty() ? "unknown" : driver.version) + ", CUDA " + std::to_string(driver.cudaVersion / 1000) + "." +
                  std::to_string(driver.cudaVersion % 1000 / 10) + text(", %.0f", static_cast<double>(free) / 1048576) + text(" of %.0f MiB free", static_cast<double>(total) / 1048576),
      Verdict::kTold);
  row("NVDEC library", driver.decodeReason.empty() ? "found" : driver.decodeReason, driver.decodeReason.empty());
  // A card may come without it; what it can do, or the reason why it cannot, is a check of its own.
  row("NVENC library", driver.encodeReason.empty() ? "found" : driver.encodeReason, driver.encodeReason.empty() ? Verdict::kGood : Verdict::kTold);
  if (!driver.decodeReason.empty()) return;
  std::string engines;
  for (const auto& [codec, name] : {std::pair{cudaVideoCodec_H264, "H.264"}, {cudaVideoCodec_HEVC, "HEVC"}, {cudaVideoCodec_VP9, "VP9"}, {cudaVideoCodec_AV1, "AV1"}, {cudaVideoCodec_MPEG2, "MPEG-2"}}) {
    const nvidia::DecoderCaps caps = nvidia::decoderCaps(*device, codec, cudaVideoChromaFormat_420, 8);
    engines += std::string(engines.empty() ? "" : ", ") + name + (caps.supported ? " " + std::to_string(caps.engines) : " none");
  }
  row("NVDEC engines", engines, Verdict::kTold);
}

void preflight() {
  const Preflight report = nvidia::preflight();
  if (!report.reason.empty()) row("preflight", report.reason, Verdict::kFailed);
  for (const GpuReport& gpu : report.gpus) {
    const std::string card = "preflight, GPU " + std::to_string(gpu.device) + ": ";
    const auto tell = [&](const char* what, const GpuTrial& trial) {
      row(card + what, trial.works ? "works" : trial.reason, trial.works);
    };
    tell("decode", gpu.decode);
    tell("scale", gpu.scale);
    // Chips without NVENC are named by the driver; those with one must encode.
    const bool absent = !gpu.encode.works && gpu.encode.reason.find("no NVENC") != std::string::npos;
    row(card + "encode", gpu.encode.works ? "works" : gpu.encode.reason, gpu.encode.works ? Verdict::kGood : absent ? Verdict::kTold : Verdict::kFailed);
  }
}

}  // namespace gpucheck
