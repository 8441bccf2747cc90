// The engine core without Node, so that sanitizers see all of it: main FILE DEMUXER STREAM DEVICE OUTPUT [cancel]
// Runs one plan with two rungs, sound, poster and previews; DEVICE -1 is the CPU. `cancel` ends the run in the middle.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "common.h"
#include "engine.h"
#include "nvidia/preflight.h"
#include "verify.h"

namespace {
struct Joined {
  std::thread& thread;
  std::atomic<bool>& ended;
  ~Joined() {
    ended = true;
    if (thread.joinable()) thread.join();
  }
};
}  // namespace

int main(int count, char** words) {
  using namespace sortie;
  if (count < 6) return 2;
  EnginePlan plan;
  plan.input = words[1];
  plan.demuxer = words[2];
  plan.videoStream = std::atoi(words[3]);
  plan.device = std::atoi(words[4]);
  plan.outputDir = words[5];
  const bool cancelled = count > 6;
  plan.frameRateNum = 25;
  plan.deinterlace = true;
  plan.preset = "ultrafast";
  plan.threads = 2;
  const auto rung = [](const char* name, int width, int height) {
    return RungPlan{name, width, height, width * height * 4LL, width * height * 6LL, width * height * 8LL};
  };
  plan.rungs = {rung("sd", 320, 180), rung("hd", 480, 270)};
  plan.audio = {AudioPlan{1 - plan.videoStream, "audio/0", 96'000, 2, 48'000}};
  plan.posterPath = "poster.jpg";
  plan.posterWidth = 160;
  plan.posterHeight = 90;
  plan.previewsPath = "previews.jpg";
  plan.previewWidth = 64;
  plan.previewHeight = 36;
  try {
    if (plan.device >= 0) {
      const Preflight report = nvidia::preflight();
      if (report.gpus.empty() || !report.gpus[0].encode.works) {
        std::fprintf(stderr, "the trial of the GPU failed: %s\n", report.gpus.empty() ? report.reason.c_str() : report.gpus[0].encode.reason.c_str());
        return 1;
      }
    }
    CancelFlag cancel;
    // From another thread, as Node does it; with the sanitizers a run takes seconds.
    std::thread canceller;
    std::atomic<bool> begun{false}, ended{false};
    if (cancelled)
      canceller = std::thread([&] {
        while (!begun && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        cancel.cancel();
      });
    const Joined joined{canceller, ended};
    const EngineResult result = runEngine(plan, cancel, [&](const EngineProgress&) { begun = true; });
    for (const RungResult& made : result.rungs) {
      VerifyPlan verify{plan.outputDir, made.initPath, {}, 2};
      for (const Segment& segment : made.segments) verify.segments.push_back(segment.path);
      for (const VerifiedSegment& segment : verifySegments(verify))
        if (segment.error) throw EngineError(Code::kInternal, *segment.error);
    }
    std::printf("%lld pictures, %s to %s\n", static_cast<long long>(result.framesEncoded), result.decoder.c_str(), result.rungs[0].encoder.c_str());
    return !cancelled && result.engine == (plan.device >= 0 ? "gpu" : "cpu") ? 0 : 1;
  } catch (const EngineError& error) {
    std::printf("%s: %s\n", codeName(error.code()), error.what());
    return cancelled && error.code() == Code::kCancelled ? 0 : 1;
  }
}
