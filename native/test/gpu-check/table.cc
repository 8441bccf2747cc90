#include "table.h"

#include <cstdio>
#include <cstdlib>

namespace gpucheck {

namespace {
bool failed = false;
}

void row(const std::string& what, const std::string& outcome, Verdict verdict) {
  const char* words = verdict == Verdict::kGood ? "good" : verdict == Verdict::kFailed ? "FAILED" : "–";
  // Told by `run` where the same check runs twice.
  const char* prefix = std::getenv("GPU_CHECK_PREFIX");
  std::printf("| %-46s | %-6s | %s |\n", ((prefix ? prefix : "") + what).c_str(), words, outcome.c_str());
  std::fflush(stdout);
  if (verdict == Verdict::kFailed) failed = true;
}

bool anyFailed() { return failed; }

std::string text(const char* form, double value) {
  char buffer[96];
  std::snprintf(buffer, sizeof buffer, form, value);
  return buffer;
}

}  // namespace gpucheck
