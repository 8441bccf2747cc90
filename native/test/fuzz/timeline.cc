// The media timeline: strictly rising from 0, whatever the source says.
#include "timeline.h"

#include "numbers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sortie::fuzz::Numbers numbers(data, size);
  // Time bases as demuxers have them, and rates as plan.ts lets them through: 0.1 to 1000 frames a second.
  const AVRational base{1 + numbers.take<uint16_t>(), 1 + static_cast<int>(numbers.take<uint32_t>() >> 1) % INT32_MAX};
  const AVRational rate{1 + numbers.take<uint16_t>() % 10000, 1 + numbers.take<uint8_t>() % 10};
  sortie::Timeline timeline(base, rate, numbers.take<uint32_t>());
  int64_t last = -1;
  while (!numbers.empty()) {
    // Any number of 64 bits: decoders make times of their own.
    const int64_t time = (numbers.take<uint8_t>() & 1) != 0 ? numbers.take<int64_t>() : numbers.time(INT64_MAX - 1);
    const sortie::Timeline::Stamp stamp = timeline.place(time);
    sortie::fuzz::must(stamp.pts > last);
    last = stamp.pts;
  }
  sortie::fuzz::must(timeline.frameDuration() > 0 && timeline.repaired() >= 0);
  return 0;
}
