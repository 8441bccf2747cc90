// A test vector in memory, so that no reading is timed.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "decoder.h"
#include "demux.h"

namespace gpucheck {

class Clip {
 public:
  /** Throws what the demuxer throws. */
  explicit Clip(const std::filesystem::path& file);

  /** Every packet, then the end. */
  void decode(sortie::Decoder& decoder, const sortie::Decoder::Sink& sink) const;
  const AVStream& stream() const { return *demuxer_.video(); }
  AVCodecParameters& parameters() { return *demuxer_.video()->codecpar; }

  const sortie::EnginePlan plan;
  std::vector<sortie::PacketPtr> packets;

 private:
  sortie::Demuxer demuxer_;
};

sortie::EnginePlan planFor(const std::filesystem::path& file);

/** Sizes of sd, hd and fhd. */
constexpr int kLadder[][2] = {{720, 404}, {1280, 720}, {1920, 1080}};

/** Seconds that the work takes. */
double secondsOf(const std::function<void()>& work);

}  // namespace gpucheck
