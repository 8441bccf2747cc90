#include "rung.h"

#include "codec-string.h"
#include "nvidia/encoder.h"
#include "nvidia/scaler.h"
#include "software/encoder.h"
#include "software/scaler.h"

namespace sortie {

namespace {

constexpr size_t kPictures = 3;
constexpr AVRational kMostFrames{240, 1};

EncoderSettings settingsOf(const EnginePlan& plan, const RungPlan& rung, int threads) {
  EncoderSettings settings;
  settings.width = rung.width;
  settings.height = rung.height;
  settings.bitrate = rung.bitrate;
  settings.maxBitrate = rung.maxBitrate;
  settings.bufferSize = rung.bufferSize;
  // A mere hint for level and buffers; a container's clock rate (1000 a second) must not pass for it.
  settings.frameRate = {plan.frameRateNum, plan.frameRateDen};
  settings.steadyRate = plan.steadyRate && av_cmp_q(settings.frameRate, kMostFrames) <= 0;
  if (!settings.steadyRate && av_cmp_q(settings.frameRate, kMostFrames) > 0) settings.frameRate = kMostFrames;
  settings.gopSeconds = plan.gopSeconds;
  settings.hevc = plan.codec == "hevc";
  settings.tenBit = plan.bitDepth > 8;
  settings.preset = plan.preset;
  settings.gpuPreset = plan.gpuPreset;
  settings.threads = threads;
  settings.lookahead = plan.lookahead;
  return settings;
}

}  // namespace

Rung::Rung(const EnginePlan& plan, const RungPlan& rung, int threads, nvidia::DevicePtr device, const Clock& clock, const Control& control)
    : queue(kPictures),
      plan_(plan),
      rung_(rung),
      cuts_(cutsOf(plan)),
      settings_(settingsOf(plan, rung, threads)),
      device_(std::move(device)),
      clock_(clock),
      control_(control) {
  if (!device_) {
    scaler_ = std::make_unique<SoftwareScaler>(rung, settings_.tenBit);
    encoder_ = std::make_unique<SoftwareEncoder>(settings_);
    return;
  }
  stream_ = std::make_unique<nvidia::Stream>(device_);
  scaler_ = std::make_unique<nvidia::NvidiaScaler>(device_, rung, settings_.tenBit, *stream_);
  try {
    encoder_ = std::make_unique<nvidia::NvidiaEncoder>(device_, settings_, *stream_);
    onGpu_ = true;
  } catch (const nvidia::Unavailable& why) {
    refuse(why.what());
  }
}

void Rung::refuse(const std::string& why) {
  refusal_ = why;
  onGpu_ = false;
  encoder_ = std::make_unique<SoftwareEncoder>(settings_);
}

void Rung::encode(const Picture& picture, const Encoder::Sink& sink) {
  try {
    encoder_->encode(picture, sink);
  } catch (const nvidia::Unavailable& why) {
    // Sessions ran out only when the encoder was set up: no picture is lost yet.
    if (!onGpu_) throw;
    refuse(why.what());
    encoder_->encode(picture, sink);
  }
}

void Rung::work() {
  const Encoder::Sink sink = [this](AVPacket* packet) { take(packet); };
  while (std::optional<Picture> picture = queue.pop()) {
    picture->surface = scaler_->scale(*picture);
    encode(*picture, sink);
  }
  // Nothing left: either all was given, or the run stops.
  if (control_.stopped() || !clock_.ended()) return;
  encoder_->finish(sink);
  if (muxer_) muxer_->finish(clock_.end());
}

void Rung::take(AVPacket* packet) {
  // The encoder still holds dozens of pictures when it is drained: a cancelled run does not wait for them.
  if (control_.stopped()) throw EngineError(Code::kCancelled, "The run was cancelled.");
  if (!muxer_)
    muxer_ = std::make_unique<SegmentMuxer>(plan_.outputDir, "video/" + rung_.name, encoder_->parameters(), kTicks, packet->pts - packet->dts);
  ++frames_;
  bool cut = false;
  if ((packet->flags & AV_PKT_FLAG_KEY) != 0) {
    const int64_t segment = packet->pts / cuts_.gop / cuts_.gopsPerSegment;
    cut = segment != lastSegment_;
    lastSegment_ = segment;
  }
  muxer_->write(packet, cut);
}

RungResult Rung::result() const {
  RungResult result;
  result.name = rung_.name;
  result.width = rung_.width;
  result.height = rung_.height;
  result.codecs = codecString(encoder_->parameters());
  result.encoder = encoder_->name();
  result.frames = frames_;
  if (muxer_) {
    result.initPath = muxer_->initPath();
    result.initBytes = muxer_->initBytes();
    result.segments = muxer_->segments();
  }
  return result;
}

}  // namespace sortie
