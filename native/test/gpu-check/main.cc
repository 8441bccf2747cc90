// What only hardware can show: main CHECK VECTORS, where CHECK is codecs, kernels, speed, memory or nvenc. Each prints rows
// of the table that `run` puts together, and fails when what must be equal is not.
extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

#include "demux.h"
#include "engine.h"
#include "nvidia/decoder.h"
#include "nvidia/encoder.h"
#include "nvidia/parameters.h"
#include "nvidia/scaler.h"
#include "software/decoder.h"
#include "software/scaler.h"
#include "../src/nvidia/kernels.cu"

namespace {

using namespace sortie;
using nvidia::Device;
using nvidia::DevicePtr;
namespace fs = std::filesystem;

int failures = 0;
void row(const std::string& what, const std::string& outcome, bool good = true) {
  std::printf("| %-52s | %s%s |\n", what.c_str(), good ? "" : "FAILED: ", outcome.c_str());
  std::fflush(stdout);
  if (!good) ++failures;
}
std::string text(const char* form, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, form, value);
  return buffer;
}

/** All packets of a file's picture in memory, so that no reading is timed. */
struct Clip {
  explicit Clip(const fs::path& file) : plan(planFor(file)), demuxer(plan, [] { return false; }) {
    PacketPtr packet(av_packet_alloc());
    while (demuxer.read(packet.get())) {
      if (packet->stream_index == demuxer.video()->index) packets.emplace_back(av_packet_clone(packet.get()));
      av_packet_unref(packet.get());
    }
  }
  static EnginePlan planFor(const fs::path& file) {
    EnginePlan plan;
    plan.input = file.string();
    const std::string suffix = file.extension().string();
    plan.demuxer = suffix == ".mp4" ? "mov" : suffix == ".webm" ? "matroska" : suffix == ".ivf" ? "ivf" : "mpegts";
    plan.device = 0;
    return plan;
  }
  void decode(Decoder& decoder, const Decoder::Sink& sink) const {
    for (const PacketPtr& packet : packets) decoder.decode(packet.get(), sink);
    decoder.decode(nullptr, sink);
  }

  const EnginePlan plan;
  Demuxer demuxer;
  std::vector<PacketPtr> packets;
};

/** Planes of a picture one after the other, chroma interleaved, ten bits in the lower part of 16: for both kinds alike. */
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

double psnr(const std::vector<uint16_t>& a, const std::vector<uint16_t>& b, int most) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return squares == 0 ? INFINITY : 10 * std::log10(most * most * static_cast<double>(a.size()) / squares);
}

/** MPEG-4's inverse transform is not fixed to the bit (ISO 14496-2, A.3); MPEG-2's (IEEE 1180) neither. */
bool exact(const std::string& name) { return name.rfind("mpeg", 0) != 0; }
constexpr double kLeastPsnr = 40;

void codecs(const DevicePtr& device, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().rfind("vector-", 0) == 0) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty()) row("test vectors", "none in " + folder.string(), false);
  for (const fs::path& file : files) {
    const std::string name = file.stem().string().substr(7);
    const Clip clip(file);
    if (clip.demuxer.video()->codecpar->format < 0) {
      row("NVDEC against libavcodec: " + name, "not compared: this FFmpeg has no decoder for it");
      continue;
    }
    try {
      nvidia::NvidiaDecoder nvdec(device, clip.plan, *clip.demuxer.video(), [] { return false; });
      SoftwareDecoder reference(clip.plan, *clip.demuxer.video(), 4);
      std::vector<std::vector<uint16_t>> expected;
      std::vector<int64_t> times;
      int depth = 8;
      clip.decode(reference, [&](const Decoded& picture) {
        const FramePtr frame = picture.surface->download();
        depth = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format))->comp[0].depth;
        expected.push_back(samplesOf(*frame));
        times.push_back(picture.pts);
      });
      size_t seen = 0, equal = 0, late = 0;
      double worst = INFINITY;
      clip.decode(nvdec, [&](const Decoded& picture) {
        const std::vector<uint16_t> samples = samplesOf(*picture.surface->download());
        if (seen < expected.size()) {
          if (times[seen] != picture.pts) ++late;
          if (samples.size() != expected[seen].size()) worst = 0;
          else if (samples == expected[seen]) ++equal;
          else worst = std::min(worst, psnr(samples, expected[seen], (1 << depth) - 1));
        }
        ++seen;
      });
      const bool good = seen == expected.size() && seen > 0 && late == 0 && (equal == seen || (!exact(name) && worst >= kLeastPsnr));
      std::string outcome = std::to_string(seen) + " of " + std::to_string(expected.size()) + " pictures, " + std::to_string(equal) + " equal";
      if (equal < seen) outcome += text(", worst %.1f dB", worst);
      if (late > 0) outcome += ", " + std::to_string(late) + " with another time";
      row("NVDEC against libavcodec: " + name, outcome, good);
    } catch (const nvidia::Unavailable& why) {
      row("NVDEC against libavcodec: " + name, std::string("not decoded by this chip: ") + why.what());
    }
  }
}

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

/** Every kernel over noise, on the card and in its CPU build. */
void kernels(const DevicePtr& device) {
  const Device::Current current(*device);
  const nvidia::Stream stream(device);
  std::mt19937 random(1);
  const auto told = [&](const std::string& name, const std::vector<uint8_t>& card, const std::vector<uint8_t>& host) {
    size_t off = 0;
    for (size_t i = 0; i < card.size(); ++i) off += card[i] != host[i];
    row("kernel against its CPU build: " + name, off == 0 ? "equal" : std::to_string(off) + " of " + std::to_string(card.size()) + " bytes differ", off == 0);
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

constexpr int kLadder[][2] = {{720, 404}, {1280, 720}, {1920, 1080}};

double seconds(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

/** Pictures a second of NVDEC alone, and with three rungs scaled of each picture; nothing leaves the card. */
void speed(const DevicePtr& device, const fs::path& folder) {
  const Clip clip(folder / "speed.mp4");
  int64_t pictures = 0;
  const auto run = [&](size_t rungs) {
    std::vector<std::unique_ptr<nvidia::Stream>> streams;
    std::vector<std::unique_ptr<nvidia::NvidiaScaler>> scalers;
    for (size_t i = 0; i < rungs; ++i) {
      RungPlan rung;
      rung.width = kLadder[i][0];
      rung.height = kLadder[i][1];
      streams.push_back(std::make_unique<nvidia::Stream>(device));
      scalers.push_back(std::make_unique<nvidia::NvidiaScaler>(device, rung, false, *streams.back()));
    }
    pictures = 0;
    return seconds([&] {
      nvidia::NvidiaDecoder decoder(device, clip.plan, *clip.demuxer.video(), [] { return false; });
      clip.decode(decoder, [&](const Decoded& picture) {
        ++pictures;
        for (const auto& scaler : scalers) scaler->scale(picture.surface);
      });
      for (const auto& stream : streams) stream->synchronize();
    });
  };
  run(3);  // the card wakes up
  double alone = 1e9, scaled = 1e9;
  for (int round = 0; round < 3; ++round) {
    alone = std::min(alone, run(0));
    scaled = std::min(scaled, run(3));
  }
  row("1080p H.264: NVDEC alone", text("%.0f pictures/s", static_cast<double>(pictures) / alone));
  row("the same and scaled to sd, hd, fhd", text("%.0f pictures/s", static_cast<double>(pictures) / scaled) + text(" (%.2f of it)", alone / scaled));
}

void memory(const DevicePtr& device, const fs::path& folder) {
  constexpr int kRuns = 30;
  const Clip clip(folder / "speed.mp4");
  const auto resident = [] {
    long pages = 0, kept = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
      if (std::fscanf(file, "%ld %ld", &pages, &kept) != 2) kept = 0;
      std::fclose(file);
    }
    return static_cast<double>(kept) * 4096 / 1048576;
  };
  const auto used = [&] {
    const Device::Current current(*device);
    const auto [free, total] = device->memory();
    return static_cast<double>(total - free) / 1048576;
  };
  std::string onCard, onHost;
  double firstUsed = 0, firstResident = 0;
  for (int i = 0; i < kRuns; ++i) {
    {
      const nvidia::Stream stream(device);
      RungPlan rung;
      rung.width = 1280;
      rung.height = 720;
      nvidia::NvidiaScaler scaler(device, rung, false, stream);
      nvidia::NvidiaDecoder decoder(device, clip.plan, *clip.demuxer.video(), [] { return false; });
      clip.decode(decoder, [&](const Decoded& picture) { scaler.scale(picture.surface); });
      stream.synchronize();
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

/** Pictures a second of the whole engine, and who encodes: NVENC, or libx264 and why. */
void nvenc(const DevicePtr& device, const fs::path& folder) {
  for (const bool hevc : {false, true}) {
    const char* name = hevc ? "NVENC, HEVC" : "NVENC, H.264";
    try {
      const nvidia::EncodeSession session(device, hevc);
      const nvidia::EncoderCaps caps = session.caps();
      row(name, std::to_string(caps.engines) + " engines, up to " + std::to_string(caps.maxWidth) + "x" + std::to_string(caps.maxHeight) + ", " +
                    std::to_string(caps.bFrames) + " B pictures" + (caps.tenBit ? ", 10 bits" : "") + (caps.lookahead ? ", lookahead" : ""));
    } catch (const nvidia::Unavailable& why) {
      row(name, std::string("none: ") + why.what());
    }
  }
  EnginePlan plan = Clip::planFor(folder / "speed.mp4");
  const fs::path out = folder / "out";
  fs::remove_all(out);
  fs::create_directories(out);
  plan.outputDir = out.string();
  plan.preset = "ultrafast";
  for (const auto& [width, height] : kLadder)
    plan.rungs.push_back({"r" + std::to_string(height), width, height, width * height * 3LL, width * height * 4LL, width * height * 6LL});
  const CancelFlag cancel;
  EngineResult result;
  const double taken = seconds([&] { result = runEngine(plan, cancel, [](const EngineProgress&) {}); });
  std::string who = result.decoder + " to ";
  for (const RungResult& rung : result.rungs) who += (&rung == &result.rungs[0] ? "" : ", ") + rung.encoder;
  row("whole engine, sd, hd, fhd: " + who, text("%.0f pictures/s", static_cast<double>(result.framesEncoded) / taken), result.framesEncoded > 0);
  fs::remove_all(out);
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  const std::string check = words[1];
  const fs::path folder = words[2];
  try {
    const nvidia::Driver& driver = nvidia::Driver::get();
    if (!driver.cudaReason.empty()) throw nvidia::Unavailable(driver.cudaReason);
    const DevicePtr device = Device::open(0);
    const Device::Current current(*device);
    if (check == "card") {
      row("card", device->name + ", driver " + (driver.version.empty() ? "unknown" : driver.version) + ", CUDA " + std::to_string(driver.cudaVersion / 1000) + "." + std::to_string(driver.cudaVersion % 1000 / 10));
      row("NVDEC library", driver.decodeReason.empty() ? "found" : driver.decodeReason);
      row("NVENC library", driver.encodeReason.empty() ? "found" : driver.encodeReason);
    }
    if (check == "codecs") codecs(device, folder);
    if (check == "kernels") kernels(device);
    if (check == "speed") speed(device, folder);
    if (check == "memory") memory(device, folder);
    if (check == "nvenc") nvenc(device, folder);
  } catch (const std::exception& error) {
    row(check, error.what(), false);
  }
  return failures == 0 ? 0 : 1;
}
