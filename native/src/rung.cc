#include "rung.h"

#include <cstdio>

#include "software/encoder.h"
#include "software/scaler.h"

namespace sortie {

namespace {

constexpr size_t kPictures = 3;
constexpr AVRational kMostFrames{240, 1};

/** RFC 6381, 3.3: profile, constraints and level as they stand in the sequence parameter set. */
std::string codecString(const AVCodecParameters& parameters) {
  const uint8_t* data = parameters.extradata;
  for (int i = 0; i + 7 < parameters.extradata_size; ++i) {
    if (data[i] != 0 || data[i + 1] != 0 || data[i + 2] != 1 || (data[i + 3] & 0x1f) != 7) continue;
    char text[16];
    std::snprintf(text, sizeof text, "avc1.%02x%02x%02x", data[i + 4], data[i + 5], data[i + 6]);
    return text;
  }
  throw EngineError(Code::kEncodeFailed, "The encoder gave no sequence parameter set.");
}

}  // namespace

Rung::Rung(const EnginePlan& plan, const RungPlan& rung, int threads, const Clock& clock, const Control& control)
    : queue(kPictures), plan_(plan), rung_(rung), cuts_(cutsOf(plan)), clock_(clock), control_(control) {
  EncoderSettings settings;
  settings.width = rung.width;
  settings.height = rung.height;
  settings.bitrate = rung.bitrate;
  settings.maxBitrate = rung.maxBitrate;
  settings.bufferSize = rung.bufferSize;
  // A mere hint for level and buffers; a container's clock rate (1000 a second) must not pass for it.
  settings.frameRate = {plan.frameRateNum, plan.frameRateDen};
  if (av_cmp_q(settings.frameRate, kMostFrames) > 0) settings.frameRate = kMostFrames;
  settings.gopSeconds = plan.gopSeconds;
  settings.preset = plan.preset;
  settings.threads = threads;
  scaler_ = std::make_unique<SoftwareScaler>(rung);
  encoder_ = std::make_unique<SoftwareEncoder>(std::move(settings));
}

void Rung::work() {
  const Encoder::Sink sink = [this](AVPacket* packet) { take(packet); };
  while (std::optional<Picture> picture = queue.pop()) {
    picture->surface = scaler_->scale(picture->surface);
    encoder_->encode(*picture, sink);
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
    muxer_ = std::make_unique<SegmentMuxer>(plan_.outputDir, "video/" + rung_.name, encoder_->parameters(), kTicks);
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
  result.frames = frames_;
  if (muxer_) {
    result.initPath = muxer_->initPath();
    result.initBytes = muxer_->initBytes();
    result.segments = muxer_->segments();
  }
  return result;
}

}  // namespace sortie
