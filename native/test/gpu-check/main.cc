// check NAME FOLDER: one check of an NVIDIA card, as rows of the table that `run` puts together. Fails when a row has failed.
extern "C" {
#include <libavutil/log.h>
}

#include <cstdio>
#include <string>

#include "checks.h"
#include "table.h"

using namespace gpucheck;

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: check NAME FOLDER\n");
    return 2;
  }
  av_log_set_level(AV_LOG_FATAL);  // damaged vectors are meant to be damaged
  const std::string name = words[1];
  const Folder folder = words[2];
  try {
    if (name == "reference") {
      writeReference(folder);
      return 0;
    }
    // These look for the card by themselves.
    if (name == "machine") machine();
    else if (name == "preflight") preflight();
    else if (name == "start") start(folder);
    else {
      const sortie::nvidia::Driver& driver = sortie::nvidia::Driver::get();
      if (!driver.cudaReason.empty()) throw sortie::nvidia::Unavailable(driver.cudaReason);
      const DevicePtr device = sortie::nvidia::Device::open(0);
      const sortie::nvidia::Device::Current current(*device);
      if (name == "codecs") codecs(device, folder);
      else if (name == "kernels") kernels(device);
      else if (name == "pipeline") pipeline(device, folder);
      else if (name == "speed") speed(device, folder);
      else if (name == "parts") parts(device, folder);
      else if (name == "hold") hold(device, folder);
      else if (name == "memory") memory(device, folder);
      else if (name == "nvenc") nvenc(device, folder);
      else throw std::runtime_error("there is no such check");
    }
  } catch (const std::exception& error) {
    row(name, error.what(), Verdict::kFailed);
  }
  return anyFailed() ? 1 : 0;
}
