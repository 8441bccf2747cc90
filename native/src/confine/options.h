// What the launcher is asked for.
#pragma once

#include <sys/resource.h>

#include <string>
#include <vector>

namespace sortie {

struct Limit {
  int resource;
  rlim_t soft;
  rlim_t hard;
};

struct Options {
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<Limit> limits;
  bool gpu = false;
  bool explain = false;
  /** Runs the command also where the kernel cannot confine it. */
  bool bestEffort = false;
  /** Name or number of the user that the command runs as where the caller is root. */
  std::string user = "nobody";
  char** command = nullptr;
};

Options parse(int argc, char** argv);

}  // namespace sortie
