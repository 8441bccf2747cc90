#include "engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <thread>

#include "common.h"
#include "control.h"
#include "demux.h"
#include "letterbox.h"
#include "nvidia/decoder.h"
#include "nvidia/upload.h"
#include "rung.h"
#include "software/decoder.h"
#include "sound.h"
#include "still.h"
#include "timeline.h"

namespace sortie {

namespace {

using std::chrono::steady_clock;

constexpr size_t kVideoPackets = 16;
constexpr int64_t kRepeat = kTicksPerSecond / 2;
/** Audio is coded in blocks and ends a little behind the video that it was recorded with. */
constexpr int64_t kRounding = kTicksPerSecond / 20;
/** A last frame that is said to stand longer than this is not believed. */
constexpr int64_t kLongestLast = 600 * kTicksPerSecond;
constexpr auto kProgressInterval = std::chrono::milliseconds(200);

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

class Run {
 public:
  Run(const EnginePlan& plan, const CancelFlag& cancel, const ProgressSink& progress)
      : plan_(plan),
        control_(cancel),
        progress_(progress),
        threads_(plan.threads > 0 ? plan.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
        demuxer_(plan, [this] { return control_.stopped(); }),
        timeline_(demuxer_.video()->time_base, {plan.frameRateNum, plan.frameRateDen}, cutsOf(plan).gop),
        device_(openDevice()),
        decoder_(openDecoder()),
        packets_(kVideoPackets),
        sound_(plan, demuxer_, clock_, control_),
        poster_(plan),
        previews_(plan) {
    const std::vector<int> shares = shareThreads(plan, threads_);
    for (size_t i = 0; i < plan.rungs.size(); ++i)
      rungs_.push_back(std::make_unique<Rung>(plan, plan.rungs[i], shares[i], device_, clock_, control_));
  }

  EngineResult run() {
    // Told before the first picture: who encodes is known now.
    progress_({engineName(), 0, 0, 0, 0});
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

  nvidia::DevicePtr openDevice() {
    if (plan_.device < 0) return nullptr;
    try {
      return nvidia::Device::open(plan_.device);
    } catch (const nvidia::Unavailable& why) {
      gpuWarnings_.push_back("GPU " + std::to_string(plan_.device) + " is not used: " + why.what() + ".");
      return nullptr;
    }
  }

  std::unique_ptr<Decoder> openDecoder() {
    if (device_) {
      try {
        return std::make_unique<nvidia::NvidiaDecoder>(device_, plan_, *demuxer_.video(), [this] { return control_.stopped(); });
      } catch (const nvidia::Unavailable& why) {
        gpuWarnings_.push_back(std::string("The video is decoded on the CPU: ") + why.what() + ".");
      }
    }
    auto software = std::make_unique<SoftwareDecoder>(plan_, *demuxer_.video(), threads_);
    if (!device_) return software;
    return std::make_unique<nvidia::UploadingDecoder>(device_, std::move(software));
  }

  /** "gpu" only when NVENC makes every rung. */
  std::string engineName() const {
    const auto onGpu = [](const auto& rung) { return rung->onGpu(); };
    return !rungs_.empty() && std::all_of(rungs_.begin(), rungs_.end(), onGpu) ? "gpu" : "cpu";
  }

  void stop(std::exception_ptr error) {
    if (error) control_.fail(std::move(error));
    packets_.abort();
    sound_.queue.abort();
    for (const auto& rung : rungs_) rung->queue.abort();
  }

  void demux() {
    const int64_t most = plan_.maxFrames < INT64_MAX / 4 ? plan_.maxFrames * 4 + 1000 : INT64_MAX;
    PacketPtr packet = makePacket();
    while (demuxer_.read(packet.get())) {
      if (packet->stream_index == plan_.videoStream) {
        // Packets that never become pictures would otherwise be read for ever.
        if (++videoPackets_ > most) throwTooMany();
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
    // What the chip could not do libavcodec may: only what neither can decode is damaged.
    if (const std::string why = decoder_->doubt(); !why.empty()) throw EngineError(Code::kGpuFailed, why + ".");
    if (decoded_ == 0) {
      if (decoder_->tooLarge())
        throw EngineError(Code::kTooLarge, "The pictures are larger than " + std::to_string(plan_.maxPixels) + " pixels.");
      throw EngineError(Code::kDecodeFailed,
                        "Not one picture could be decoded (" + std::to_string(decoder_->errors()) +
                            " damaged); the video is broken or holds no key frame.");
    }
    failIfBroken();
    end();
    for (const auto& rung : rungs_) rung->queue.close();
    poster_.finish();
    previews_.finish();
  }

  /** What is mostly damaged shows nothing that anybody filmed. */
  void failIfBroken() const {
    const int64_t damaged = decoder_->errors() - errorsBefore_;
    if (damaged * 2 > videoPackets_.load())
      throw EngineError(Code::kDecodeFailed, "Most of the video is damaged: " + std::to_string(damaged) + " of " + std::to_string(videoPackets_.load()) +
                                                 " frames cannot be decoded; it may be encrypted, or its copy is broken.");
  }

  /** The layer is as long as the longer of video and audio. */
  void end() {
    int64_t end = lastPts_ + lastDuration_;
    const int64_t audio = sound_.end();
    if (audio > end + kRounding) {
      over_ = audio - end;
      end = audio;
    }
    stand(end);
    clock_.finish(end);
  }

  void show(Decoded decoded) {
    if (control_.stopped()) return;
    const Timeline::Stamp stamp = timeline_.place(decoded.pts);
    if (decoded_ == 0) errorsBefore_ = decoder_->errors();
    if (decoded_ == 0) clock_.start(av_rescale_q(timeline_.origin(), demuxer_.video()->time_base, kTicks));
    if (decoded_ > 0 && stand(stamp.pts)) {
      ++stands_;
      standing_ += stamp.pts - lastPts_;
    }
    const int64_t told = decoded.duration > 0 ? av_rescale_q(decoded.duration, demuxer_.video()->time_base, kTicks) : 0;
    const int64_t usual = timeline_.frameDuration();
    const int64_t before = decoded_ > 0 ? stamp.pts - lastPts_ : usual;
    // The last frame is shown as long as the container says, when that is believable, else as the one before it; beside audio,
    // which tells the length, never longer than usual.
    lastDuration_ = told > 0 && told <= kLongestLast ? told : plan_.audio.empty() ? before : std::min(before, usual);
    lastPts_ = stamp.pts;
    ++decoded_;
    push({std::move(decoded.surface), stamp.pts, stamp.key, decoded.stretch});
  }

  /**
   * Where the last frame stands for long it is repeated: segments keep their length, and players that seek show what stands there instead
   * of what comes next.
   */
  bool stand(int64_t until) {
    const int64_t gop = cutsOf(plan_).gop;
    if (until - lastPts_ <= longestGap({plan_.frameRateNum, plan_.frameRateDen})) return false;
    const int64_t step = std::min(gop, kRepeat);
    int64_t lastGop = lastPts_ / gop;
    for (int64_t pts = (lastPts_ / step + 1) * step; pts < until && !control_.stopped(); pts += step) {
      push({last_.surface, pts, pts / gop != lastGop, last_.stretch});
      lastGop = pts / gop;
    }
    return true;
  }

  void push(Picture picture) {
    if (frames_ >= plan_.maxFrames) throwTooMany();
    ++frames_;
    last_ = picture;
    const RungPlan* rung = plan_.rungs.empty() ? nullptr : &plan_.rungs.back();
    if (rung && !isWhole(boxFor(rung->width, rung->height, picture.stretch), rung->width, rung->height)) ++letterboxed_;
    clock_.advance(picture.pts);
    poster_.see(picture);
    previews_.see(picture);
    for (const auto& rung : rungs_)
      if (!rung->queue.push(picture)) return;
    report(picture.pts);
  }

  void report(int64_t pts) {
    const auto now = steady_clock::now();
    if (now - lastReport_ < kProgressInterval) return;
    const double passed = std::chrono::duration<double>(now - lastReport_).count();
    const double rate = static_cast<double>(frames_ - reportedFrames_) / passed;
    constexpr double kWeight = 0.2;
    fps_ = fps_ == 0 ? rate : fps_ + kWeight * (rate - fps_);
    lastReport_ = now;
    reportedFrames_ = frames_;
    progress_({engineName(), frames_, fps_, seconds(pts), demuxer_.bytesRead()});
  }

  [[noreturn]] void throwTooMany() const {
    throw EngineError(Code::kTooLarge, "The video has more than " + std::to_string(plan_.maxFrames) + " pictures.");
  }

  EngineResult result() {
    EngineResult result;
    result.engine = engineName();
    result.decoder = decoder_->name();
    result.gpuWarnings = gpuWarnings_;
    result.framesDecoded = decoded_;
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
      if (!rung->refusal().empty())
        result.gpuWarnings.push_back("The rendition " + result.rungs.back().name + " is encoded on the CPU: " + rung->refusal() + ".");
    }
    sound_.result(result);
    result.posterTime = poster_.time();
    result.previewInterval = previews_.interval();
    result.previewRows = previews_.rows();
    result.previewTimes = previews_.times();
    for (std::string& warning : demuxer_.warnings()) result.warnings.push_back(std::move(warning));
    if (const int64_t mended = timeline_.repaired() + demuxer_.mended(); mended > 0)
      result.warnings.push_back(std::to_string(mended) +
                                " timestamp(s) were missing, doubled or out of order and were mended.");
    const int64_t first = demuxer_.firstFrame();
    if (first != AV_NOPTS_VALUE && timeline_.origin() != AV_NOPTS_VALUE && clock_.origin() - first >= kWorthTelling)
      result.warnings.push_back("The first " + tenths(clock_.origin() - first) + " s of the video are left out: no frame before the first key frame can be decoded.");
    if (stands_ > 0)
      result.warnings.push_back("The video holds no frame for " + tenths(standing_) + " s in " + std::to_string(stands_) + " place(s); the last frame before stands there.");
    if (over_ >= kWorthTelling) result.warnings.push_back("The audio is " + tenths(over_) + " s longer than the video; the last frame stands until its end.");
    if (letterboxed_ > 0)
      result.warnings.push_back("The shape of the frames changes: " + std::to_string(letterboxed_) + " of " + std::to_string(frames_) +
                                " frames are shown whole, between black bars.");
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
  std::vector<std::string> gpuWarnings_;
  const nvidia::DevicePtr device_;
  std::unique_ptr<Decoder> decoder_;
  BoundedQueue<PacketPtr> packets_;
  Sound sound_;
  Poster poster_;
  Previews previews_;
  std::vector<std::unique_ptr<Rung>> rungs_;

  /** Frames that were decoded, and those that are encoded: where one stands for long it comes again. */
  int64_t decoded_ = 0;
  int64_t frames_ = 0;
  /** Damage before the first frame: a recording may begin between two key frames. */
  int64_t errorsBefore_ = 0;
  std::atomic<int64_t> videoPackets_{0};
  int64_t stands_ = 0;
  int64_t standing_ = 0;
  int64_t over_ = 0;
  int64_t letterboxed_ = 0;
  Picture last_;
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
