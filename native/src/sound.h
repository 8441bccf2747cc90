// All sound tracks of a run, on one thread.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "audio.h"
#include "control.h"
#include "demux.h"

namespace sortie {

class Sound {
 public:
  struct Item {
    size_t track;
    PacketPtr packet;
  };

  Sound(const EnginePlan& plan, const Demuxer& demuxer, const Clock& clock, const Control& control);

  /** Until the queue is closed and the end of the layer is known, or the run stops. */
  void work();
  /** Where the audio ends of itself, 90 kHz; waits until all of it has been decoded, or the run stops. */
  int64_t end() const;
  /** Adds tracks and warnings. */
  void result(EngineResult& result) const;

  BoundedQueue<Item> queue;

 private:
  void start();
  void leaveOut(size_t index, const EngineError& error);

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

  const EnginePlan& plan_;
  const Demuxer& demuxer_;
  const Clock& clock_;
  const Control& control_;
  std::vector<std::unique_ptr<AudioTrack>> tracks_;
  std::vector<std::string> warnings_;
  std::atomic<bool> decoded_{false};
  std::atomic<int64_t> end_{0};
};

}  // namespace sortie
