// Clocks that break: whatever the times of the packets, what is added to them stays sane, each stream goes on where it was, and
// what is remembered of the breaks does not grow without end.
#include "continuity.h"

#include <algorithm>

#include "numbers.h"
#include "timeline.h"

namespace {

constexpr size_t kMostStreams = 200;
constexpr size_t kAhead = 64;
constexpr size_t kMostTicks = 4096;

std::vector<sortie::Tick> ticksOf(sortie::fuzz::Numbers& numbers, size_t streams) {
  std::vector<sortie::Tick> ticks;
  while (!numbers.empty() && ticks.size() < kMostTicks) {
    const size_t stream = numbers.take<uint8_t>() % streams;
    const int64_t time = numbers.time(sortie::kFarthest);
    ticks.push_back({stream, time, std::max<int64_t>(0, numbers.time(sortie::kFarthest))});
  }
  return ticks;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sortie::fuzz::Numbers numbers(data, size);
  const size_t streams = 1 + numbers.take<uint8_t>() % kMostStreams;
  const auto flags = numbers.take<uint8_t>();
  const int64_t gap = sortie::longestGap({1 + numbers.take<uint16_t>(), 1 + numbers.take<uint8_t>()});
  const size_t video = numbers.take<uint8_t>() % streams;
  std::vector<bool> audio;
  for (size_t stream = 0; stream < streams; ++stream) audio.push_back(stream % 2 == 1);
  sortie::Continuity continuity({streams, video, (flags & 1) != 0, gap, audio});
  const std::vector<sortie::Tick> ticks = ticksOf(numbers, streams);
  for (size_t i = 0; i < ticks.size(); ++i) {
    const int64_t offset = continuity.place(ticks[i], [&](bool far) {
      const size_t end = std::min(ticks.size(), i + 1 + (far ? kAhead : 8));
      return std::vector<sortie::Tick>(ticks.begin() + static_cast<std::ptrdiff_t>(i + 1), ticks.begin() + static_cast<std::ptrdiff_t>(end));
    });
    // Any two of them can be added and subtracted.
    sortie::fuzz::must(offset > INT64_MIN / 4 && offset < INT64_MAX / 4);
    continuity.sourceClock(ticks[i].time + offset);
  }
  sortie::fuzz::must(continuity.jumpsAfter(INT64_MIN).size() <= std::min(ticks.size(), sortie::Continuity::kMostJumps));
  continuity.warnings();
  return 0;
}
