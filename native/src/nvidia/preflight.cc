#include "nvidia/preflight.h"

extern "C" {
#include <libavformat/avformat.h>
}

#include <cmath>
#include <cstdlib>

#include "nvidia/decoder.h"
#include "nvidia/encoder.h"
#include "nvidia/scaler.h"
#include "nvidia/upload.h"
#include "software/decoder.h"
#include "software/encoder.h"
#include "software/scaler.h"
#include "software/surface.h"

namespace sortie::nvidia {

namespace {

// Above every minimum of NVDEC and NVENC (146x50), and no multiple of 16, so that cropping is tried too.
constexpr int kWidth = 640, kHeight = 360;
constexpr int kRungWidth = 384, kRungHeight = 216;
constexpr int kFrames = 24;
constexpr double kMostDifference = 6;  // of 255, mean; what a lossy encoder may change

/** A pattern that moves, so that motion compensation has work. */
FramePtr drawFrame(int index) {
  FramePtr frame = makeFrame();
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = kWidth;
  frame->height = kHeight;
  sortie::check(av_frame_get_buffer(frame.get(), 0), Code::kInternal, "Frame buffer");
  for (int plane = 0; plane < 3; ++plane) {
    const int shift = plane == 0 ? 0 : 1;
    for (int y = 0; y < kHeight >> shift; ++y)
      for (int x = 0; x < kWidth >> shift; ++x) {
        const double wave = std::sin((x + 3.0 * index) / (9 + 4 * plane)) * std::cos((y - 2.0 * index) / 13);
        frame->data[plane][y * frame->linesize[plane] + x] = static_cast<uint8_t>(128 + 90 * wave);
      }
  }
  frame->color_range = AVCOL_RANGE_MPEG;
  frame->colorspace = AVCOL_SPC_BT709;
  frame->color_primaries = AVCOL_PRI_BT709;
  frame->color_trc = AVCOL_TRC_BT709;
  return frame;
}

EncoderSettings settingsFor(int width, int height) {
  EncoderSettings settings;
  settings.width = width;
  settings.height = height;
  settings.bitrate = 4'000'000;
  settings.maxBitrate = 6'000'000;
  settings.bufferSize = 8'000'000;
  settings.frameRate = {25, 1};
  settings.preset = "veryfast";
  settings.gpuPreset = "p5";
  return settings;
}

struct StreamDeleter {
  void operator()(AVFormatContext* format) const { avformat_free_context(format); }
};

/** A clip as a demuxer would give it. */
struct Clip {
  std::unique_ptr<AVFormatContext, StreamDeleter> format;
  AVStream* stream = nullptr;
  std::vector<PacketPtr> packets;
};

/** Packets of an encoder that makes `pictures` of them. */
Clip encode(Encoder& encoder, const std::vector<Picture>& pictures) {
  Clip clip;
  const Encoder::Sink sink = [&](AVPacket* packet) { clip.packets.emplace_back(av_packet_clone(packet)); };
  for (const Picture& picture : pictures) encoder.encode(picture, sink);
  encoder.finish(sink);
  clip.format.reset(avformat_alloc_context());
  if (!clip.format) throw std::bad_alloc();
  clip.stream = avformat_new_stream(clip.format.get(), nullptr);
  if (!clip.stream) throw std::bad_alloc();
  sortie::check(avcodec_parameters_copy(clip.stream->codecpar, &encoder.parameters()), Code::kInternal, "Codec parameters");
  clip.stream->time_base = kTicks;
  return clip;
}

std::vector<Picture> decode(Decoder& decoder, const Clip& clip) {
  std::vector<Picture> pictures;
  const Decoder::Sink sink = [&](Decoded decoded) {
    pictures.push_back({std::move(decoded.surface), static_cast<int64_t>(pictures.size()) * 3600, pictures.empty()});
  };
  for (const PacketPtr& packet : clip.packets) decoder.decode(packet.get(), sink);
  decoder.decode(nullptr, sink);
  return pictures;
}

/** Mean difference of luma; a picture on the GPU is fetched. */
double difference(const Surface& a, const Surface& b) {
  const FramePtr one = a.download(), other = b.download();
  if (one->width != other->width || one->height != other->height) return 255;
  double sum = 0;
  for (int y = 0; y < one->height; ++y)
    for (int x = 0; x < one->width; ++x)
      sum += std::abs(one->data[0][y * one->linesize[0] + x] - other->data[0][y * other->linesize[0] + x]);
  return sum / (static_cast<double>(one->width) * one->height);
}

double worst(const std::vector<Picture>& a, const std::vector<Picture>& b) {
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, difference(*a[i].surface, *b[i].surface));
  return most;
}

EnginePlan planFor() {
  EnginePlan plan;
  plan.frameRateNum = 25;
  plan.frameRateDen = 1;
  return plan;
}

/** Runs a trial; what it throws is the reason why it does not work. */
template <typename Work>
void attempt(GpuTrial& trial, const Work& work) {
  try {
    work();
    trial.works = trial.reason.empty();
  } catch (const std::exception& error) {
    trial.reason = error.what();
  }
}

struct CodecForm {
  const char* name;
  AVCodecID id;
  int depth;
};
constexpr CodecForm kDecoded[] = {{"h264", AV_CODEC_ID_H264, 8},       {"hevc", AV_CODEC_ID_HEVC, 8}, {"hevc10", AV_CODEC_ID_HEVC, 10},
                                  {"mpeg2video", AV_CODEC_ID_MPEG2VIDEO, 8}, {"mpeg4", AV_CODEC_ID_MPEG4, 8}, {"vc1", AV_CODEC_ID_VC1, 8},
                                  {"vp8", AV_CODEC_ID_VP8, 8},         {"vp9", AV_CODEC_ID_VP9, 8},   {"av1", AV_CODEC_ID_AV1, 8}};

void listDecoders(const Device& device, GpuTrial& trial) {
  for (const CodecForm& form : kDecoded) {
    const DecoderCaps caps = decoderCaps(device, *codecOf(form.id), cudaVideoChromaFormat_420, form.depth);
    if (!caps.supported) continue;
    trial.codecs.emplace_back(form.name);
    trial.engines = std::max(trial.engines, caps.engines);
  }
}

void tryDecode(const DevicePtr& device, const Clip& clip, const std::vector<Picture>& expected, std::vector<Picture>& decoded, GpuTrial& trial) {
  if (!device->driver.decodeReason.empty()) throw Unavailable(device->driver.decodeReason);
  listDecoders(*device, trial);
  const EnginePlan plan = planFor();
  NvidiaDecoder decoder(device, plan, *clip.stream, [] { return false; });
  std::vector<Picture> pictures;
  // Copied at once: NVDEC has fewer frames to give than the clip has pictures.
  const Decoder::Sink sink = [&](Decoded picture) {
    pictures.push_back({std::make_shared<HostSurface>(picture.surface->download()), 0, pictures.empty()});
  };
  for (const PacketPtr& packet : clip.packets) decoder.decode(packet.get(), sink);
  decoder.decode(nullptr, sink);
  if (pictures.size() != expected.size())
    throw Unavailable("NVDEC gave " + std::to_string(pictures.size()) + " pictures of " + std::to_string(expected.size()));
  if (worst(pictures, expected) > 0) throw Unavailable("NVDEC's pictures differ from libavcodec's");
  decoded = std::move(pictures);
}

void tryScale(const DevicePtr& device, const std::vector<Picture>& source, const std::vector<Picture>& expected, const Stream& stream, std::vector<Picture>& scaled) {
  RungPlan rung;
  rung.width = kRungWidth;
  rung.height = kRungHeight;
  NvidiaScaler scaler(device, rung, false, stream);
  // Uploaded through the mixed mode's own way, so that a card without NVDEC is tried as well.
  class Given final : public Decoder {
   public:
    explicit Given(SurfacePtr surface) : surface_(std::move(surface)) {}
    void decode(const AVPacket*, const Sink& sink) override { sink({surface_, 0, 0}); }
    int64_t errors() const override { return 0; }
    bool tooLarge() const override { return false; }
    const char* name() const override { return ""; }

   private:
    const SurfacePtr surface_;
  };
  for (const Picture& picture : source) {
    UploadingDecoder upload(device, std::make_unique<Given>(picture.surface));
    upload.decode(nullptr, [&](Decoded uploaded) { scaled.push_back({scaler.scale({uploaded.surface, picture.pts, false, 1}), picture.pts, scaled.empty(), 1}); });
  }
  if (worst(scaled, expected) > 1) throw Unavailable("pictures scaled on the GPU differ from those of the CPU");
}

void tryEncode(const DevicePtr& device, const std::vector<Picture>& scaled, Stream& stream, GpuTrial& trial) {
  for (const bool hevc : {false, true}) {
    try {
      const EncodeSession session(device, hevc);
      trial.codecs.emplace_back(hevc ? "hevc" : "h264");
      if (hevc && session.caps().tenBit) trial.codecs.emplace_back("hevc10");
      trial.engines = std::max(trial.engines, session.caps().engines);
    } catch (const Unavailable&) {
      if (!hevc) throw;
    }
  }
  NvidiaEncoder encoder(device, settingsFor(kRungWidth, kRungHeight), stream);
  const Clip made = encode(encoder, scaled);
  const EnginePlan plan = planFor();
  SoftwareDecoder decoder(plan, *made.stream, 1);
  const std::vector<Picture> seen = decode(decoder, made);
  if (seen.size() != scaled.size())
    throw Unavailable("NVENC's stream holds " + std::to_string(seen.size()) + " pictures of " + std::to_string(scaled.size()));
  if (worst(seen, scaled) > kMostDifference) throw Unavailable("NVENC's pictures are not those that it was given");
}

GpuReport tryDevice(int ordinal) {
  GpuReport report;
  report.device = ordinal;
  std::shared_ptr<Device> device;
  try {
    device = Device::open(ordinal);
    const auto attribute = [&](CUdevice_attribute which) {
      int value = 0;
      CUdevice handle = 0;
      device->driver.cuDeviceGet(&handle, ordinal);
      device->driver.cuDeviceGetAttribute(&value, which, handle);
      return value;
    };
    report.name = device->name;
    report.major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    report.minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    const auto [free, total] = device->memory();
    report.memoryFree = static_cast<int64_t>(free);
    report.memoryTotal = static_cast<int64_t>(total);

    std::vector<Picture> drawn;
    for (int i = 0; i < kFrames; ++i) drawn.push_back({std::make_shared<HostSurface>(drawFrame(i)), i * 3600LL, i == 0});
    SoftwareEncoder encoder(settingsFor(kWidth, kHeight));
    const Clip clip = encode(encoder, drawn);
    const EnginePlan plan = planFor();
    SoftwareDecoder decoder(plan, *clip.stream, 1);
    const std::vector<Picture> expected = decode(decoder, clip);
    RungPlan rung;
    rung.width = kRungWidth;
    rung.height = kRungHeight;
    SoftwareScaler scaler(rung, false);
    std::vector<Picture> expectedScaled;
    for (const Picture& picture : expected) expectedScaled.push_back({scaler.scale(picture), picture.pts, picture.key, 1});

    Stream stream(device);
    std::vector<Picture> decoded, scaled;
    attempt(report.decode, [&] { tryDecode(device, clip, expected, decoded, report.decode); });
    attempt(report.scale, [&] { tryScale(device, expected, expectedScaled, stream, scaled); });
    attempt(report.encode, [&] {
      if (!report.scale.works) throw Unavailable("nothing could be scaled for it");
      tryEncode(device, scaled, stream, report.encode);
    });
  } catch (const std::exception& error) {
    for (GpuTrial* trial : {&report.decode, &report.scale, &report.encode})
      if (!trial->works && trial->reason.empty()) trial->reason = error.what();
  }
  return report;
}

}  // namespace

Preflight preflight() {
  Preflight report;
  const Driver& driver = Driver::get();
  report.driver = driver.version;
  report.cuda = driver.cudaVersion;
  report.reason = driver.cudaReason;
  int count = 0;
  if (!report.reason.empty() || driver.cuDeviceGetCount(&count) != CUDA_SUCCESS) return report;
  for (int i = 0; i < count; ++i) report.gpus.push_back(tryDevice(i));
  return report;
}

}  // namespace sortie::nvidia
