#include "sound.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace sortie {

namespace {
constexpr size_t kPackets = 8192;  // what may come before the first picture
constexpr auto kPoll = std::chrono::milliseconds(20);
}  // namespace

Sound::Sound(const EnginePlan& plan, const Demuxer& demuxer, const Clock& clock, const Control& control)
    : queue(kPackets), plan_(plan), demuxer_(demuxer), clock_(clock), control_(control) {}

void Sound::work() {
  while (!clock_.started() && !control_.stopped()) std::this_thread::sleep_for(kPoll);
  // However this ends, nobody waits for the end of the audio any more.
  struct Told {
    std::atomic<bool>& flag;
    ~Told() { flag.store(true); }
  } told{decoded_};
  if (control_.stopped() || !clock_.started()) return;
  start();
  while (std::optional<Item> item = queue.pop()) {
    if (control_.stopped()) return;
    guard(item->track, [&](AudioTrack& track) {
      track.setHorizon(clock_.position());
      track.decode(*item->packet);
    });
  }
  int64_t end = 0;
  for (size_t i = 0; i < tracks_.size(); ++i) {
    guard(i, [&](AudioTrack& track) {
      track.flush();
      end = std::max(end, track.end());
    });
  }
  end_.store(end);
  decoded_.store(true);
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

int64_t Sound::end() const {
  while (!plan_.audio.empty() && !decoded_.load() && !control_.stopped()) std::this_thread::sleep_for(kPoll);
  return end_.load();
}

void Sound::start() {
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

void Sound::leaveOut(size_t index, const EngineError& error) {
  const bool ofTheOutput =
      error.code() == Code::kWriteFailed || error.code() == Code::kDiskFull || error.code() == Code::kOutputLimit;
  if (ofTheOutput) throw error;
  warnings_.push_back("The sound track " + std::to_string(plan_.audio[index].stream) +
                      " was left out: " + error.what() + ".");
  if (tracks_[index]) tracks_[index]->discard();
  tracks_[index].reset();
}

void Sound::result(EngineResult& result) const {
  for (const auto& track : tracks_)
    if (track) result.audio.push_back(track->result());
  int64_t early = 0;
  for (const auto& track : tracks_)
    if (track) early = std::max(early, track->early());
  for (const auto& track : tracks_)
    if (track && track->channelsOfMany() > 0)
      result.warnings.push_back("Of the " + std::to_string(track->channelsOfMany()) + " channels of audio track " + std::to_string(track->stream()) +
                                " the first two are kept: the file does not tell where the others stand.");
  if (early >= kWorthTelling)
    result.warnings.push_back(tenths(early) + " s of audio before the first frame are left out.");
  result.warnings.insert(result.warnings.end(), warnings_.begin(), warnings_.end());
}

}  // namespace sortie
