// Single wild timestamps: whatever the times, what comes out is near to what is there, and no memory grows.
#include "wild.h"

#include <algorithm>

#include "numbers.h"
#include "timeline.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sortie::fuzz::Numbers numbers(data, size);
  sortie::WildTimes times(numbers.take<uint32_t>());
  std::vector<int64_t> all;
  while (!numbers.empty()) all.push_back(numbers.time(sortie::kFarthest));
  int64_t judged = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t after = std::min(all.size() - i - 1, sortie::WildTimes::kAfter);
    const auto next = all.begin() + static_cast<std::ptrdiff_t>(i + 1);
    const std::optional<int64_t> sound = times.judge(all[i], {next, next + static_cast<std::ptrdiff_t>(after)});
    ++judged;
    // One frame beyond the neighbours at the most.
    if (sound) sortie::fuzz::must(*sound >= -4 * sortie::kFarthest && *sound <= 4 * sortie::kFarthest);
  }
  sortie::fuzz::must(times.found() <= judged);
  return 0;
}
