#include "engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <thread>

#include "audio.h"
#include "common.h"
#include "demux.h"
#include "mux.h"
#include "software/decoder.h"
#include "software/encoder.h"
#include "software/scaler.h"
#include "still.h"
#include "timeline.h"

namespace sortie {

namespace {

using std::chrono::steady_clock;

constexpr size_t kVideoPackets = 16;
constexpr size_t kAudioPackets = 8192;  // what may come before the first picture
constexpr size_t kPictures = 3;
constexpr AVRational kMostFrames{240, 1};
constexpr auto kProgressInterval = std::chrono::milliseconds(200);
constexpr auto kPoll = std::chrono::milliseconds(20);

/** Ends all threads of a run: by cancel, or by the first failure, which is the one that is told. */
class Control {
 public:
  explicit Control(const CancelFlag& cancel) : cancel_(cancel) {}

  bool stopped() const { return failed_.load(std::memory_order_relaxed) || cancel_.cancelled(); }

  void fail(std::exception_ptr error) {
    {
      std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    failed_.store(true);
  }

  void rethrow() const {
    if (cancel_.cancelled()) throw EngineError(Code::kCancelled, "The run was cancelled.");
    std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const CancelFlag& cancel_;
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::exception_ptr error_;
};

/** What the picture tells the sound: where 0 is, how far it is, where it ends. */
class Clock {
 public:
  void start(int64_t origin) {
    origin_ = origin;
    started_.store(true, std::memory_order_release);
  }
  void advance(int64_t media) { position_.store(media, std::memory_order_relaxed); }
  void finish(int64_t end) {
    end_ = end;
    ended_.store(true, std::memory_order_release);
  }
  bool started() const { return started_.load(std::memory_order_acquire); }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  int64_t origin() const { return origin_; }
  int64_t end() const { return end_; }
  int64_t position() const { return position_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> started_{false};
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> position_{0};
  int64_t origin_ = 0;
  int64_t end_ = 0;
};

struct Cuts {
  int64_t gop;
  int64_t gopsPerSegment;
};

Cuts cutsOf(const EnginePlan& plan) {
  const int64_t gop = std::max<int64_t>(1, ticks(plan.gopSeconds));
  return {gop, std::max<int64_t>(1, std::llround(plan.segmentSeconds / std::max(1e-3, plan.gopSeconds)))};
}

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

class Rung {
 public:
  Rung(const EnginePlan& plan, const RungPlan& rung, int threads, const Clock& clock, const Control& control)
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

  void work() {
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

  int64_t frames() const { return frames_; }

  RungResult result() const {
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

  BoundedQueue<Picture> queue;

 private:
  void take(AVPacket* packet) {
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

  const EnginePlan& plan_;
  const RungPlan& rung_;
  const Cuts cuts_;
  const Clock& clock_;
  const Control& control_;
  std::unique_ptr<Scaler> scaler_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<SegmentMuxer> muxer_;
  int64_t lastSegment_ = -1;
  int64_t frames_ = 0;
};

/** Shares of the threads by pixels. Half as many again as there are, since x264's threads wait for each other. */
std::vector<int> shareThreads(const EnginePlan& plan, int threads) {
  double all = 0;
  for (const RungPlan& rung : plan.rungs) all += static_cast<double>(rung.width) * rung.height;
  std::vector<int> shares;
  for (const RungPlan& rung : plan.rungs) {
    const double share = static_cast<double>(rung.width) * rung.height / std::max(1.0, all);
    shares.push_back(std::clamp(static_cast<int>(std::ceil(1.5 * threads * share)), 1, 32));
  }
  return shares;
}

class Sound {
 public:
  struct Item {
    size_t track;
    PacketPtr packet;
  };

  Sound(const EnginePlan& plan, const Demuxer& demuxer, const Clock& clock, const Control& control)
      : queue(kAudioPackets), plan_(plan), demuxer_(demuxer), clock_(clock), control_(control) {}

  void work() {
    while (!clock_.started() && !control_.stopped()) std::this_thread::sleep_for(kPoll);
    if (control_.stopped() || !clock_.started()) return;
    start();
    while (std::optional<Item> item = queue.pop()) {
      if (control_.stopped()) return;
      guard(item->track, [&](AudioTrack& track) {
        track.setHorizon(clock_.position());
        if (clock_.ended()) track.setEnd(clock_.end());
        track.decode(*item->packet);
      });
    }
    while (!clock_.ended() && !control_.stopped()) std::this_thread::sleep_for(kPoll);
    if (control_.stopped()) return;
    for (size_t i = 0; i < tracks_.size(); ++i) {
      guard(i, [&](AudioTrack& track) {
        track.setEnd(clock_.end());
        track.finish();
        if (!track.heard()) throw EngineError(Code::kDecodeFailed, "no sound could be decoded");
      });
    }
  }

  void result(EngineResult& result) const {
    for (const auto& track : tracks_)
      if (track) result.audio.push_back(track->result());
    result.warnings.insert(result.warnings.end(), warnings_.begin(), warnings_.end());
  }

  BoundedQueue<Item> queue;

 private:
  void start() {
    tracks_.resize(plan_.audio.size());
    for (size_t i = 0; i < plan_.audio.size(); ++i) {
      try {
        const AVStream* stream = demuxer_.audio(plan_.audio[i].stream);
        if (!stream) throw EngineError(Code::kNoStream, "it is not there");
        const Cuts cuts = cutsOf(plan_);
        tracks_[i] = std::make_unique<AudioTrack>(plan_.audio[i], plan_.outputDir, *stream, clock_.origin(),
                                                  cuts.gop * cuts.gopsPerSegment);
      } catch (const EngineError& error) {
        leaveOut(i, error);
      }
    }
  }

  /** A broken track is left out; the job goes on without it. A full disk is not the track's fault. */
  template <typename Action>
  void guard(size_t index, const Action& action) {
    if (index >= tracks_.size() || !tracks_[index]) return;
    try {
      action(*tracks_[index]);
    } catch (const EngineError& error) {
      leaveOut(index, error);
    }
  }

  void leaveOut(size_t index, const EngineError& error) {
    if (error.code() == Code::kWriteFailed) throw error;
    warnings_.push_back("The sound track " + std::to_string(plan_.audio[index].stream) +
                        " was left out: " + error.what() + ".");
    if (tracks_[index]) tracks_[index]->discard();
    tracks_[index].reset();
  }

  const EnginePlan& plan_;
  const Demuxer& demuxer_;
  const Clock& clock_;
  const Control& control_;
  std::vector<std::unique_ptr<AudioTrack>> tracks_;
  std::vector<std::string> warnings_;
};

class Run {
 public:
  Run(const EnginePlan& plan, const CancelFlag& cancel, const ProgressSink& progress)
      : plan_(plan),
        control_(cancel),
        progress_(progress),
        threads_(plan.threads > 0 ? plan.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
        demuxer_(plan, [this] { return control_.stopped(); }),
        timeline_(demuxer_.video()->time_base, {plan.frameRateNum, plan.frameRateDen}, cutsOf(plan).gop),
        decoder_(std::make_unique<SoftwareDecoder>(plan, *demuxer_.video(), threads_)),
        packets_(kVideoPackets),
        sound_(plan, demuxer_, clock_, control_),
        poster_(plan),
        previews_(plan) {
    const std::vector<int> shares = shareThreads(plan, threads_);
    for (size_t i = 0; i < plan.rungs.size(); ++i)
      rungs_.push_back(std::make_unique<Rung>(plan, plan.rungs[i], shares[i], clock_, control_));
  }

  EngineResult run() {
    {
      Joiner threads(*this);
      threads.start([this] { demux(); });
      if (!plan_.audio.empty()) threads.start([this] { sound_.work(); });
      for (const auto& rung : rungs_) threads.start([&rung] { rung->work(); });
      try {
        decode();
      } catch (...) {
        stop(std::current_exception());
      }
    }
    control_.rethrow();
    return result();
  }

 private:
  /** Threads of the run: what they throw stops the run, and leaving the block waits for all. */
  class Joiner {
   public:
    explicit Joiner(Run& run) : run_(run) {}
    ~Joiner() {
      for (std::thread& thread : threads_) thread.join();
    }
    template <typename Work>
    void start(Work work) {
      threads_.emplace_back([this, work] {
        try {
          work();
        } catch (...) {
          run_.stop(std::current_exception());
        }
      });
    }

   private:
    Run& run_;
    std::vector<std::thread> threads_;
  };

  void stop(std::exception_ptr error) {
    if (error) control_.fail(std::move(error));
    packets_.abort();
    sound_.queue.abort();
    for (const auto& rung : rungs_) rung->queue.abort();
  }

  void demux() {
    const int64_t most = plan_.maxFrames < INT64_MAX / 4 ? plan_.maxFrames * 4 + 1000 : INT64_MAX;
    int64_t videoPackets = 0;
    PacketPtr packet = makePacket();
    while (demuxer_.read(packet.get())) {
      if (packet->stream_index == plan_.videoStream) {
        // Packets that never become pictures would otherwise be read for ever.
        if (++videoPackets > most) throwTooMany();
        if (!packets_.push(std::exchange(packet, makePacket()))) break;
        continue;
      }
      for (size_t i = 0; i < plan_.audio.size(); ++i) {
        if (plan_.audio[i].stream != packet->stream_index) continue;
        PacketPtr copy(av_packet_clone(packet.get()));
        if (!copy) throw std::bad_alloc();
        // Until the first picture sound cannot be placed, and to wait for it here would be to wait for ever.
        if (!clock_.started())
          sound_.queue.pushOver({i, std::move(copy)});
        else if (!sound_.queue.push({i, std::move(copy)}))
          break;
      }
    }
    packets_.close();
    sound_.queue.close();
    if (control_.stopped()) stop(nullptr);
  }

  void decode() {
    const Decoder::Sink sink = [this](Decoded decoded) { show(std::move(decoded)); };
    while (std::optional<PacketPtr> packet = packets_.pop()) {
      if (control_.stopped()) break;
      decoder_->decode(packet->get(), sink);
    }
    if (!control_.stopped()) decoder_->decode(nullptr, sink);
    if (control_.stopped()) {
      stop(nullptr);
      return;
    }
    if (frames_ == 0) {
      if (decoder_->tooLarge())
        throw EngineError(Code::kTooLarge, "The pictures are larger than " + std::to_string(plan_.maxPixels) + " pixels.");
      throw EngineError(Code::kDecodeFailed,
                        "Not one picture could be decoded (" + std::to_string(decoder_->errors()) +
                            " damaged); the video is broken or holds no key frame.");
    }
    clock_.finish(lastPts_ + lastDuration_);
    for (const auto& rung : rungs_) rung->queue.close();
    poster_.finish();
    previews_.finish();
  }

  void show(Decoded decoded) {
    if (control_.stopped()) return;
    if (frames_ >= plan_.maxFrames) throwTooMany();
    const Timeline::Stamp stamp = timeline_.place(decoded.pts);
    if (frames_ == 0) clock_.start(av_rescale_q(timeline_.origin(), demuxer_.video()->time_base, kTicks));
    const int64_t told = decoded.duration > 0 ? av_rescale_q(decoded.duration, demuxer_.video()->time_base, kTicks) : 0;
    // The last picture is shown as long as the container says, when that is believable, else as the one before it.
    const int64_t before = frames_ > 0 ? stamp.pts - lastPts_ : timeline_.frameDuration();
    lastDuration_ = told > 0 && told <= kTicksPerSecond * 10 ? told : before;
    lastPts_ = stamp.pts;
    ++frames_;
    clock_.advance(stamp.pts);
    Picture picture{std::move(decoded.surface), stamp.pts, stamp.key};
    poster_.see(picture);
    previews_.see(picture);
    for (const auto& rung : rungs_)
      if (!rung->queue.push(picture)) return;
    report();
  }

  void report() {
    const auto now = steady_clock::now();
    if (now - lastReport_ < kProgressInterval) return;
    const double passed = std::chrono::duration<double>(now - lastReport_).count();
    const double rate = static_cast<double>(frames_ - reportedFrames_) / passed;
    constexpr double kWeight = 0.2;
    fps_ = fps_ == 0 ? rate : fps_ + kWeight * (rate - fps_);
    lastReport_ = now;
    reportedFrames_ = frames_;
    progress_({frames_, fps_, seconds(lastPts_), demuxer_.bytesRead()});
  }

  [[noreturn]] void throwTooMany() const {
    throw EngineError(Code::kTooLarge, "The video has more than " + std::to_string(plan_.maxFrames) + " pictures.");
  }

  EngineResult result() {
    EngineResult result;
    result.framesDecoded = frames_;
    result.framesEncoded = frames_;
    result.decodeErrors = decoder_->errors();
    result.duration = seconds(clock_.end());
    result.originPts90k = demuxer_.untimed() ? 0 : demuxer_.sourceClock(clock_.origin());
    for (const auto& [place, pts] : demuxer_.jumpsAfter(clock_.origin()))
      result.clockJumps.push_back({seconds(place - clock_.origin()), pts});
    for (const auto& rung : rungs_) {
      if (rung->frames() != frames_)
        throw EngineError(Code::kEncodeFailed, "A rendition has " + std::to_string(rung->frames()) + " pictures of " +
                                                   std::to_string(frames_) + ".");
      result.rungs.push_back(rung->result());
    }
    sound_.result(result);
    result.posterTime = poster_.time();
    result.previewInterval = previews_.interval();
    result.previewRows = previews_.rows();
    result.previewTimes = previews_.times();
    for (std::string& warning : demuxer_.warnings()) result.warnings.push_back(std::move(warning));
    if (timeline_.repaired() > 0)
      result.warnings.push_back(std::to_string(timeline_.repaired()) +
                                " timestamp(s) were missing, doubled or out of order and were mended.");
    if (result.decodeErrors > 0)
      result.warnings.push_back(std::to_string(result.decodeErrors) + " picture(s) or packet(s) were damaged.");
    return result;
  }

  const EnginePlan& plan_;
  Control control_;
  const ProgressSink& progress_;
  const int threads_;
  Demuxer demuxer_;
  Timeline timeline_;
  Clock clock_;
  std::unique_ptr<Decoder> decoder_;
  BoundedQueue<PacketPtr> packets_;
  Sound sound_;
  Poster poster_;
  Previews previews_;
  std::vector<std::unique_ptr<Rung>> rungs_;

  int64_t frames_ = 0;
  int64_t lastPts_ = 0;
  int64_t lastDuration_ = 0;
  int64_t reportedFrames_ = 0;
  double fps_ = 0;
  steady_clock::time_point lastReport_ = steady_clock::now();
};

}  // namespace

EngineResult runEngine(const EnginePlan& plan, const CancelFlag& cancel, const ProgressSink& progress) {
  return Run(plan, cancel, progress).run();
}

}  // namespace sortie
