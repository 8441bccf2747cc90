// The launcher's own failures: exit status 125, as with env(1) and timeout(1).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace sortie {

constexpr int kOwnFailure = 125;

[[noreturn]] inline void fail(const std::string& what, int error = 0) {
  std::fprintf(stderr, "sortie-confine: %s%s%s\n", what.c_str(), error ? ": " : "", error ? std::strerror(error) : "");
  std::exit(kOwnFailure);
}

}  // namespace sortie
