#include "clip.h"

#include <chrono>

namespace gpucheck {

using namespace sortie;

EnginePlan planFor(const std::filesystem::path& file) {
  EnginePlan plan;
  plan.input = file.string();
  const std::string suffix = file.extension().string();
  plan.demuxer = suffix == ".mp4" ? "mov" : suffix == ".webm" || suffix == ".mkv" ? "matroska" : "mpegts";
  plan.device = 0;
  plan.frameRateNum = 25;
  return plan;
}

Clip::Clip(const std::filesystem::path& file) : plan(planFor(file)), demuxer_(plan, [] { return false; }) {
  PacketPtr packet = makePacket();
  while (demuxer_.read(packet.get())) {
    if (packet->stream_index == stream().index) packets.emplace_back(av_packet_clone(packet.get()));
    av_packet_unref(packet.get());
  }
}

void Clip::decode(Decoder& decoder, const Decoder::Sink& sink) const {
  for (const PacketPtr& packet : packets) decoder.decode(packet.get(), sink);
  decoder.decode(nullptr, sink);
}

double secondsOf(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace gpucheck
