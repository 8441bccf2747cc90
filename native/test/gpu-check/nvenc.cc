#include "checks.h"
#include "clip.h"
#include "engine.h"
#include "nvidia/encoder.h"
#include "table.h"

namespace gpucheck {

using namespace sortie;

void nvenc(const DevicePtr& device, const Folder& folder) {
  std::vector<const char*> codecs;
  for (const bool hevc : {false, true}) {
    const char* name = hevc ? "NVENC, HEVC" : "NVENC, H.264";
    try {
      const nvidia::EncodeSession session(device, hevc);
      const nvidia::EncoderCaps caps = session.caps();
      codecs.push_back(hevc ? "hevc" : "h264");
      row(name,
          std::to_string(caps.engines) + (caps.engines == 1 ? " engine" : " engines") + ", up to " + std::to_string(caps.maxWidth) + "x" + std::to_string(caps.maxHeight) + ", " +
              std::to_string(caps.bFrames) + " B-frames" + (caps.bReferences ? " as references" : "") + (caps.tenBit ? ", 10 bits" : "") + (caps.lookahead ? ", lookahead" : ""),
          Verdict::kTold);
    } catch (const nvidia::Unavailable& why) {
      row(name, std::string("none: ") + why.what(), Verdict::kTold);
    }
  }
  const Folder out = std::filesystem::temp_directory_path() / "sortie-gpu-check";
  for (const char* codec : codecs) {
    EnginePlan plan = planFor(folder / "speed.ts");
    std::filesystem::remove_all(out);
    std::filesystem::create_directories(out);
    plan.outputDir = out.string();
    plan.codec = codec;
    plan.steadyRate = true;
    for (const auto& [width, height] : kLadder)
      plan.rungs.push_back({"r" + std::to_string(height), width, height, width * height * 3LL, width * height * 4LL, width * height * 6LL});
    const CancelFlag cancel;
    EngineResult result;
    const double taken = secondsOf([&] { result = runEngine(plan, cancel, [](const EngineProgress&) {}); });
    std::string who = result.decoder + " to ";
    bool all = true;
    for (const RungResult& rung : result.rungs) {
      who += (&rung == &result.rungs[0] ? "" : ", ") + rung.encoder;
      all = all && rung.encoder == "NVENC";
    }
    row(std::string("whole engine, ") + codec + ", sd, hd, fhd", who + text(", %.0f frames/s", static_cast<double>(result.framesEncoded) / taken), all && result.framesEncoded > 0);
  }
  std::filesystem::remove_all(out);
}

}  // namespace gpucheck
