#include "standin.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

namespace standin {

namespace {

struct Allocation {
  size_t bytes;
  std::string owner;
  std::shared_ptr<uint8_t> host;
  size_t reserved;
};

/** All that is counted; printed when the process ends. */
class Book {
 public:
  void violated() { ++violations_; }
  void live(const char* kind, int change) {
    const std::lock_guard lock(mutex_);
    live_[kind] += change;
  }
  void count(const char* what, long amount) {
    const std::lock_guard lock(mutex_);
    counted_[what] += amount;
  }
  std::map<uint64_t, Allocation> memory;
  std::mutex mutex_;

  ~Book() {
    const std::lock_guard lock(mutex_);
    int leaks = 0;
    std::string words;
    for (const auto& [kind, left] : live_) {
      if (left == 0) continue;
      ++leaks;
      std::fprintf(stderr, "[standin] LEAK: %d %s\n", left, kind.c_str());
    }
    if (!memory.empty()) {
      ++leaks;
      size_t bytes = 0;
      for (const auto& [address, allocation] : memory) bytes += allocation.bytes;
      std::fprintf(stderr, "[standin] LEAK: %zu allocations of device memory, %zu bytes\n", memory.size(), bytes);
    }
    for (const auto& [what, amount] : counted_) words += ", " + std::to_string(amount) + " " + what;
    if (live_.empty() && counted_.empty() && violations_ == 0) return;  // loaded, never used
    std::fprintf(stderr, "[standin] end: %d violations, %d leaks%s\n", violations_.load(), leaks, words.c_str());
  }

 private:
  std::atomic<int> violations_{0};
  std::map<std::string, int> live_;
  std::map<std::string, long> counted_;
};

Book& book() {
  static Book book;
  return book;
}

const std::map<std::string, std::string>& configuration() {
  static const std::map<std::string, std::string> read = [] {
    std::map<std::string, std::string> values;
    std::ifstream file(folder() + "standin.conf");
    for (std::string line; std::getline(file, line);)
      if (const size_t equals = line.find('='); equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
    return values;
  }();
  return read;
}

std::atomic<int> lostWith{0};
std::atomic<long> beats{0};

}  // namespace

void violation(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "[standin] VIOLATION: %s\n", text);
  book().violated();
  if (!setting("ABORT").empty()) std::abort();
}

namespace {
thread_local int working = 0;
long threadMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000L + now.tv_nsec / 1000;
}
}  // namespace

// Work on the default stream lies inside a call that works itself: only the outermost counts.
Work::Work() : begun_(working++ == 0 ? threadMicroseconds() : 0) {}
Work::~Work() {
  if (--working == 0) count("microseconds of the device", threadMicroseconds() - begun_);
}

void live(const char* kind, int change) { book().live(kind, change); }
void count(const char* what, long amount) { book().count(what, amount); }

const std::string& folder() {
  static const std::string found = [] {
    Dl_info here{};
    if (!dladdr(reinterpret_cast<const void*>(&violation), &here) || !here.dli_fname) return std::string("./");
    const std::string path = here.dli_fname;
    return path.substr(0, path.rfind('/') + 1);
  }();
  return found;
}

std::string setting(const char* key) {
  const auto found = configuration().find(key);
  if (found != configuration().end()) return found->second;
  const char* value = std::getenv((std::string("STANDIN_") + key).c_str());
  return value ? value : "";
}

long number(const char* key, long otherwise) {
  const std::string value = setting(key);
  return value.empty() ? otherwise : std::strtol(value.c_str(), nullptr, 0);
}

int lost() { return lostWith; }
void lose(int error) { lostWith = error; }

void beat() {
  static const long lostAt = number("LOST_AT", -1), hangAt = number("HANG_AT", -1), crashAt = number("CRASH_AT", -1);
  const long now = ++beats;
  if (now == lostAt) lose(700);
  if (now == crashAt) ::raise(9);
  while (hangAt >= 0 && now >= hangAt) std::this_thread::sleep_for(std::chrono::seconds(1));
}

uint64_t allocate(size_t bytes, const char* owner) {
  void* host = nullptr;
  if (posix_memalign(&host, 512, bytes ? bytes : 1) != 0) return 0;
  std::memset(host, 0xCD, bytes);
  // An address of its own kind: whoever reads it without a copy or a kernel is stopped by the MMU, as with a card.
  constexpr size_t kPage = 4096;
  const size_t reserved = (bytes + kPage) / kPage * kPage;
  void* address = ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    std::free(host);
    return 0;
  }
  const std::lock_guard lock(book().mutex_);
  book().memory[reinterpret_cast<uint64_t>(address)] = {bytes, owner, {static_cast<uint8_t*>(host), std::free}, reserved};
  return reinterpret_cast<uint64_t>(address);
}

bool release(uint64_t address, const char* owner) {
  const std::lock_guard lock(book().mutex_);
  const auto found = book().memory.find(address);
  if (found == book().memory.end() || found->second.owner != owner) return false;
  const Allocation gone = found->second;
  book().memory.erase(found);
  std::memset(gone.host.get(), 0xDD, gone.bytes);
  ::munmap(reinterpret_cast<void*>(address), gone.reserved);
  return true;
}

std::shared_ptr<uint8_t> memory(uint64_t address, size_t bytes) {
  const std::lock_guard lock(book().mutex_);
  auto found = book().memory.upper_bound(address);
  if (found == book().memory.begin()) return nullptr;
  --found;
  const auto& [begin, allocation] = *found;
  if (address + bytes > begin + allocation.bytes) return nullptr;
  return {allocation.host, allocation.host.get() + (address - begin)};
}

size_t allocated() {
  const std::lock_guard lock(book().mutex_);
  size_t bytes = 0;
  for (const auto& [address, allocation] : book().memory) bytes += allocation.bytes;
  return bytes;
}

}  // namespace standin
