#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "checks.h"
#include "clip.h"
#include "marks.h"
#include "nvidia/decoder.h"
#include "nvidia/scaler.h"
#include "table.h"

namespace gpucheck {

using namespace sortie;
using nvidia::Device;

namespace {

constexpr double kHoldSeconds = 5, kMostHoldSeconds = 20;

/** Scalers of the first rungs of the ladder, each on a stream of its own. */
struct Rungs {
  Rungs(const DevicePtr& device, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      RungPlan rung;
      rung.width = kLadder[i][0];
      rung.height = kLadder[i][1];
      streams.push_back(std::make_unique<nvidia::Stream>(device));
      scalers.push_back(std::make_unique<nvidia::NvidiaScaler>(device, rung, false, *streams.back()));
    }
  }
  void scale(const SurfacePtr& surface) {
    for (const auto& scaler : scalers) scaler->scale({surface, 0, false, 1});
  }
  void finish() {
    for (const auto& stream : streams) stream->synchronize();
  }
  std::vector<std::unique_ptr<nvidia::Stream>> streams;
  std::vector<std::unique_ptr<nvidia::NvidiaScaler>> scalers;
};

/** Decodes all of the clip; gives the pictures. */
int64_t decodeAll(const DevicePtr& device, const Clip& clip, const Decoder::Sink& sink) {
  int64_t pictures = 0;
  nvidia::NvidiaDecoder decoder(device, clip.plan, clip.stream(), [] { return false; });
  clip.decode(decoder, [&](Decoded picture) {
    ++pictures;
    sink(std::move(picture));
  });
  return pictures;
}
const Decoder::Sink kLetGo = [](Decoded) {};

/** The driver's parser and decoder with nothing mapped: what the chip alone does. Gives the pictures that were shown. */
class BareDecoder {
 public:
  explicit BareDecoder(const DevicePtr& device) : device_(device) {}
  int64_t run(const Clip& clip) {
    const Device::Current current(*device_);
    CUVIDPARSERPARAMS settings{};
    settings.CodecType = cudaVideoCodec_H264;
    settings.ulMaxNumDecodeSurfaces = 1;
    settings.ulMaxDisplayDelay = 4;
    settings.pUserData = this;
    settings.pfnSequenceCallback = [](void* self, CUVIDEOFORMAT* format) { return static_cast<BareDecoder*>(self)->begin(*format); };
    settings.pfnDecodePicture = [](void* self, CUVIDPICPARAMS* picture) {
      auto& own = *static_cast<BareDecoder*>(self);
      return own.device_->driver.cuvidDecodePicture(own.decoder_, picture) == CUDA_SUCCESS ? 1 : 0;
    };
    settings.pfnDisplayPicture = [](void* self, CUVIDPARSERDISPINFO* picture) {
      if (picture) ++static_cast<BareDecoder*>(self)->shown_;
      return 1;
    };
    CUvideoparser parser = nullptr;
    nvidia::check(device_->driver.cuvidCreateVideoParser(&parser, &settings), "cuvidCreateVideoParser");
    // A transport stream: its parameter sets stand in it.
    for (const PacketPtr& packet : clip.packets) feed(parser, packet->data, static_cast<unsigned long>(packet->size), 0);
    feed(parser, nullptr, 0, CUVID_PKT_ENDOFSTREAM);
    device_->driver.cuvidDestroyVideoParser(parser);
    if (decoder_) device_->driver.cuvidDestroyDecoder(decoder_);
    return shown_;
  }

 private:
  void feed(CUvideoparser parser, const uint8_t* data, unsigned long size, unsigned long flags) {
    CUVIDSOURCEDATAPACKET packet{};
    packet.payload = data;
    packet.payload_size = size;
    packet.flags = flags;
    nvidia::check(device_->driver.cuvidParseVideoData(parser, &packet), "cuvidParseVideoData");
  }
  int begin(const CUVIDEOFORMAT& format) {
    CUVIDDECODECREATEINFO settings{};
    settings.CodecType = format.codec;
    settings.ChromaFormat = format.chroma_format;
    settings.ulWidth = settings.ulMaxWidth = settings.ulTargetWidth = format.coded_width;
    settings.ulHeight = settings.ulMaxHeight = settings.ulTargetHeight = format.coded_height;
    settings.ulNumDecodeSurfaces = format.min_num_decode_surfaces + 4ul;
    settings.ulNumOutputSurfaces = 1;
    settings.ulCreationFlags = cudaVideoCreate_PreferCUVID;
    if (!decoder_ && device_->driver.cuvidCreateDecoder(&decoder_, &settings) != CUDA_SUCCESS) return 0;
    return static_cast<int>(settings.ulNumDecodeSurfaces);
  }

  const DevicePtr device_;
  CUvideodecoder decoder_ = nullptr;
  int64_t shown_ = 0;
};

std::string rate(int64_t pictures, double seconds) { return text("%.0f frames/s", static_cast<double>(pictures) / seconds); }

}  // namespace

void speed(const DevicePtr& device, const Folder& folder) {
  const Clip clip(folder / "speed.ts");
  decodeAll(device, clip, kLetGo);  // the card wakes up
  double one = 0;
  for (const int decoders : {1, 2, 4, 7, 8}) {
    std::atomic<int64_t> pictures{0};
    std::atomic<bool> failed{false};
    const double seconds = secondsOf([&] {
      std::vector<std::thread> threads;
      for (int i = 0; i < decoders; ++i)
        threads.emplace_back([&] {
          try {
            pictures += decodeAll(device, clip, kLetGo);
          } catch (const std::exception&) {
            failed = true;
          }
        });
      for (std::thread& thread : threads) thread.join();
    });
    const double perSecond = static_cast<double>(pictures) / seconds;
    if (decoders == 1) one = perSecond;
    const std::string what = "1080p H.264: " + std::to_string(decoders) + (decoders == 1 ? " decoder" : " decoders");
    if (failed) row(what, "one of them failed", Verdict::kFailed);
    else row(what, rate(pictures, seconds) + text(", %.2f times one", perSecond / one), Verdict::kTold);
  }
}

void parts(const DevicePtr& device, const Folder& folder) {
  const Clip clip(folder / "speed.ts");
  int64_t pictures = 0;
  BareDecoder(device).run(clip);
  const double decoded = secondsOf([&] { pictures = BareDecoder(device).run(clip); });
  row("decode alone", rate(pictures, decoded), pictures > 0);
  const double mapped = secondsOf([&] { pictures = decodeAll(device, clip, kLetGo); });
  row("decode, map", rate(pictures, mapped) + text(", %.2f times the time of decoding", mapped / decoded), Verdict::kTold);
  for (const size_t count : {1u, 3u}) {
    Rungs rungs(device, count);
    const double scaled = secondsOf([&] {
      pictures = decodeAll(device, clip, [&](const Decoded& picture) { rungs.scale(picture.surface); });
      rungs.finish();
    });
    row("decode, map, scale to " + std::to_string(count) + (count == 1 ? " rung" : " rungs"), rate(pictures, scaled) + text(", %.2f times the time of decoding", scaled / decoded), Verdict::kTold);
  }
  const double fetched = secondsOf([&] { pictures = decodeAll(device, clip, [](const Decoded& picture) { picture.surface->download(); }); });
  constexpr double kFrameBytes = 1920 * 1080 * 1.5;
  row("decode, map, download", rate(pictures, fetched) + text(", %.2f GB/s", static_cast<double>(pictures) * kFrameBytes / fetched / 1e9), Verdict::kTold);
}

void start(const Folder& folder) {
  const Clip clip(folder / "speed.ts");
  const auto begun = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count(); };
  const nvidia::Driver& driver = nvidia::Driver::get();
  if (!driver.cudaReason.empty()) throw nvidia::Unavailable(driver.cudaReason);
  const double initialised = passed();
  const DevicePtr device = Device::open(0);
  const double opened = passed();
  double first = 0;
  nvidia::NvidiaDecoder decoder(device, clip.plan, clip.stream(), [] { return false; });
  const Decoder::Sink sink = [&](const Decoded&) {
    if (first == 0) first = passed();
  };
  for (size_t i = 0; i < clip.packets.size() && first == 0; ++i) decoder.decode(clip.packets[i].get(), sink);
  row("cold start", text("cuInit %.0f ms", initialised) + text(", context and kernels %.0f ms", opened - initialised) + text(", first picture %.0f ms", first - opened), first > 0);
}

void hold(const DevicePtr& device, const Folder& folder) {
  const Clip clip(folder / "speed.ts");
  SurfacePtr held;
  uint64_t before = 0;
  int64_t pictures = 0;
  const double seconds = secondsOf([&] {
    nvidia::NvidiaDecoder decoder(device, clip.plan, clip.stream(), [] { return false; });
    const auto begun = std::chrono::steady_clock::now();
    const Decoder::Sink sink = [&](const Decoded& picture) {
      ++pictures;
      if (held) return;
      held = picture.surface;
      before = markOf(*held->download()).checksum;
    };
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() < kHoldSeconds)
      for (const PacketPtr& packet : clip.packets) decoder.decode(packet.get(), sink);
    decoder.decode(nullptr, sink);
  });
  const bool same = held && markOf(*held->download()).checksum == before;
  row("a frame that is kept for 5 s", std::to_string(pictures) + " pictures meanwhile, the frame " + (same ? "unchanged" : "changed") + text(", %.1f s", seconds),
      same && seconds < kMostHoldSeconds);
}

void pipeline(const DevicePtr& device, const Folder& folder) {
  for (const std::filesystem::path& file : vectorsIn(folder)) {
    if (file.filename() != "vector-h264.mp4") continue;
    const Clip clip(file);
    Rungs rungs(device, 3);
    const int64_t pictures = decodeAll(device, clip, [&](const Decoded& picture) { rungs.scale(picture.surface); });
    rungs.finish();
    row("decode and scale", std::to_string(pictures) + " pictures", pictures > 0);
  }
}

void memory(const DevicePtr& device, const Folder& folder) {
  constexpr int kRuns = 30;
  const Clip clip(folder / "vector-h264.mp4");
  const auto resident = [] {
    long pages = 0, kept = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
      if (std::fscanf(file, "%ld %ld", &pages, &kept) != 2) kept = 0;
      std::fclose(file);
    }
    return static_cast<double>(kept) * 4096 / 1048576;
  };
  const auto used = [&] {
    const auto [free, total] = device->memory();
    return static_cast<double>(total - free) / 1048576;
  };
  std::string onCard, onHost;
  double firstUsed = 0, firstResident = 0;
  for (int i = 0; i < kRuns; ++i) {
    {
      Rungs rungs(device, 2);
      decodeAll(device, clip, [&](const Decoded& picture) { rungs.scale(picture.surface); });
      rungs.finish();
    }
    if (i == kRuns / 3) firstUsed = used(), firstResident = resident();
    if (i % (kRuns / 3) == 0 || i == kRuns - 1) {
      onCard += text(onCard.empty() ? "%.0f" : ", %.0f", used());
      onHost += text(onHost.empty() ? "%.0f" : ", %.0f", resident());
    }
  }
  row("memory on the card over " + std::to_string(kRuns) + " runs", onCard + " MiB", used() <= firstUsed + 8);
  row("resident memory over them", onHost + " MiB", resident() <= firstResident + 16);
}

}  // namespace gpucheck
