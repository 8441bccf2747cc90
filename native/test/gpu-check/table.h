// Rows of the table: what was looked at, what came of it, and a verdict.
#pragma once
#include <string>

namespace gpucheck {

enum class Verdict {
  kGood,
  kFailed,
  /** A measurement, or something that this machine does not have: nothing to judge. */
  kTold,
};

void row(const std::string& what, const std::string& outcome, Verdict verdict);
inline void row(const std::string& what, const std::string& outcome, bool good) { row(what, outcome, good ? Verdict::kGood : Verdict::kFailed); }
/** Whether a row has failed so far. */
bool anyFailed();
/** printf of one number. */
std::string text(const char* form, double value);

}  // namespace gpucheck
