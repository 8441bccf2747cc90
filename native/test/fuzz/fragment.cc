// The boxes of a segment and of an initialisation section: each sample lies in the bytes, or the segment is refused.
#include "fragment.h"

#include "numbers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> bytes(data, data + size);
  int64_t start = 0;
  try {
    start = sortie::editStartOf(bytes);
  } catch (const sortie::EngineError&) {
  }
  try {
    const sortie::Fragment fragment(bytes, start);
    sortie::fuzz::must(fragment.samples.size() <= bytes.size());
    for (const sortie::Sample& sample : fragment.samples) {
      const auto at = static_cast<size_t>(sample.data - bytes.data());
      sortie::fuzz::must(sample.data >= bytes.data() && at <= size && sample.size <= size - at);
    }
  } catch (const sortie::EngineError&) {
  }
  return 0;
}
