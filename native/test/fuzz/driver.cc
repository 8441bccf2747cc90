// What libFuzzer does, in small, where there is no clang: inputs that reach new code are kept and changed again. GCC calls
// __sanitizer_cov_trace_pc at each edge (-fsanitize-coverage=trace-pc, GCC manual 3.12); this file is built without it.
//
//   driver SEED SECONDS [FILE|FOLDER...]     with files to begin with
//   driver FILE                              one input again
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

constexpr size_t kEdges = 1 << 16;
constexpr size_t kLongest = 1 << 14;
/** How often each edge was passed by one input, and by how many orders of magnitude any input has passed it. */
std::array<uint8_t, kEdges> passed{};
std::array<uint8_t, kEdges> seen{};

/** What is tried: told when the process ends by it. */
const Input* current = nullptr;
std::string crashPath;

/** abort() of the sanitizers and of our own checks. Nothing is left to protect: the file is written by plain means. */
void keepCurrent(int) {
  if (current) {
    if (FILE* file = std::fopen(crashPath.c_str(), "wb")) {
      std::fwrite(current->data(), 1, current->size(), file);
      std::fclose(file);
    }
    std::fprintf(stderr, "kept in %s\n", crashPath.c_str());
  }
  std::_Exit(1);
}

Input readFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(file), {});
}

/** Whether it reached what none before it did. */
bool tryOne(const Input& input) {
  current = &input;
  passed.fill(0);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  current = nullptr;
  bool fresh = false;
  for (size_t edge = 0; edge < kEdges; ++edge) {
    if (passed[edge] == 0) continue;
    const auto order = static_cast<uint8_t>(1 << (31 - __builtin_clz(passed[edge])));
    fresh = fresh || (seen[edge] & order) == 0;
    seen[edge] |= order;
  }
  return fresh;
}

class Chance {
 public:
  explicit Chance(uint64_t seed) : engine_(seed) {}
  size_t below(size_t count) { return count > 0 ? engine_() % count : 0; }

  uint64_t edge() {
    constexpr std::array<uint64_t, 8> kEdgeValues{0, 1, 0x7f, 0xff, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    const uint64_t value = below(2) == 0 ? engine_() : kEdgeValues[below(kEdgeValues.size())];
    return below(2) == 0 ? value : value + below(16) - 8;
  }

 private:
  std::mt19937_64 engine_;
};

void put(Input& input, size_t at, size_t bytes, uint64_t value) {
  for (size_t i = 0; i < bytes && at + i < input.size(); ++i) input[at + i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
}

Input changed(Input input, const std::vector<Input>& corpus, Chance& chance) {
  for (size_t count = chance.below(2) == 0 ? 1 : 1 + chance.below(6); count > 0; --count) {
    const size_t at = chance.below(input.size() + 1);
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    const size_t length = 1 + chance.below(std::min<size_t>(input.size() - at + 1, 64));
    switch (chance.below(9)) {
      case 0:
      case 6: put(input, at, 1, chance.edge()); break;
      case 1:
      case 7:
      case 8: put(input, at, size_t{1} << chance.below(4), chance.edge()); break;
      case 2: input.erase(place, place + static_cast<std::ptrdiff_t>(std::min(length, input.size() - at))); break;
      case 3: input.insert(place, length, static_cast<uint8_t>(chance.edge())); break;
      case 4: {
        const Input part(place, place + static_cast<std::ptrdiff_t>(std::min(length, input.size() - at)));
        const size_t to = chance.below(input.size() + 1);
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(to), part.begin(), part.end());
        break;
      }
      default: {
        const Input& other = corpus[chance.below(corpus.size())];
        const size_t from = chance.below(other.size() + 1);
        input.insert(place, other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
    if (input.size() > kLongest) input.resize(kLongest);
  }
  return input;
}

std::vector<Input> corpusOf(int count, char** names) {
  std::vector<Input> corpus{Input{}, Input(256, 0)};
  for (int i = 0; i < count; ++i) {
    const std::filesystem::path path(names[i]);
    if (!std::filesystem::is_directory(path)) {
      corpus.push_back(readFile(path));
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) corpus.push_back(readFile(entry.path()));
  }
  return corpus;
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  uint8_t& edge = passed[(place ^ place >> 16) % kEdges];
  if (edge < UINT8_MAX) ++edge;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::signal(SIGABRT, keepCurrent);
  crashPath = (std::filesystem::temp_directory_path() / (std::filesystem::path(argv[0]).filename().string() + "-crash")).string();
  if (argc == 2) {
    tryOne(readFile(argv[1]));
    std::printf("nothing is wrong with it\n");
    return 0;
  }
  Chance chance(std::strtoull(argv[1], nullptr, 10));
  const std::chrono::seconds time(std::atoi(argv[2]));
  std::vector<Input> corpus = corpusOf(argc - 3, argv + 3);
  for (const Input& input : corpus) tryOne(input);
  const auto end = std::chrono::steady_clock::now() + time;
  uint64_t tried = 0;
  while (std::chrono::steady_clock::now() < end) {
    Input next = changed(corpus[chance.below(corpus.size())], corpus, chance);
    if (tryOne(next)) corpus.push_back(std::move(next));
    ++tried;
  }
  std::printf("%llu inputs, %zu of them reached new code\n", static_cast<unsigned long long>(tried), corpus.size());
  return 0;
}
