#include "options.h"

#include <cerrno>
#include <cstring>

#include "fail.h"

namespace sortie {

namespace {

// At the soft limit of CPU time comes SIGXCPU, at the hard one SIGKILL (setrlimit(2)). The distance lets the caller tell the
// limit from a SIGKILL of somebody else.
constexpr rlim_t kCpuGraceSeconds = 5;

rlim_t toNumber(const char* option, const char* text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || *text == '-') fail(std::string(option) + " needs a whole number");
  return static_cast<rlim_t>(value);
}

/** `grace`: how far the hard limit lies above the soft one. */
Limit limitOf(int resource, rlim_t value, rlim_t grace = 0) {
  return {resource, value, value > RLIM_INFINITY - 1 - grace ? value : value + grace};
}

}  // namespace

Options parse(int argc, char** argv) {
  Options options;
  options.limits.push_back({RLIMIT_CORE, 0, 0});
  int i = 1;
  for (; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
    const std::string option = argv[i];
    if (option == "--explain") {
      options.explain = true;
      continue;
    }
    if (option == "--best-effort") {
      options.bestEffort = true;
      continue;
    }
    if (option == "--gpu") {
      options.gpu = true;
      continue;
    }
    if (i + 1 >= argc) fail("unknown option, or value missing: " + option);
    const char* value = argv[++i];
    if (option == "--read") options.read.emplace_back(value);
    else if (option == "--write") options.write.emplace_back(value);
    else if (option == "--user") options.user = value;
    else if (option == "--memory") options.limits.push_back(limitOf(RLIMIT_AS, toNumber("--memory", value)));
    else if (option == "--data") options.limits.push_back(limitOf(RLIMIT_DATA, toNumber("--data", value)));
    else if (option == "--cpu") options.limits.push_back(limitOf(RLIMIT_CPU, toNumber("--cpu", value), kCpuGraceSeconds));
    else if (option == "--file-size") options.limits.push_back(limitOf(RLIMIT_FSIZE, toNumber("--file-size", value)));
    else if (option == "--open-files") options.limits.push_back(limitOf(RLIMIT_NOFILE, toNumber("--open-files", value)));
    else fail("unknown option: " + option);
  }
  if (i + 1 < argc) options.command = argv + i + 1;
  if (!options.command && !options.explain) fail("no command; usage: sortie-confine [--read PATH]... [--write PATH]... -- COMMAND ARGS...");
  return options;
}

}  // namespace sortie
