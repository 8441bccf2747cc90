#include "info.h"

extern "C" {
#include <libswscale/swscale.h>
}

#include <dlfcn.h>

#include "common.h"

namespace sortie {

namespace {

std::string version(unsigned number) {
  return std::to_string(AV_VERSION_MAJOR(number)) + "." + std::to_string(AV_VERSION_MINOR(number)) + "." +
         std::to_string(AV_VERSION_MICRO(number));
}

struct Library {
  const char* name;
  const char* meaning;
};

// In the order in which they are needed; the container runtime leaves out the last two without the capability "video".
constexpr Library kLibraries[] = {
    {"libcuda.so.1", "no NVIDIA driver is visible"},
    {"libnvcuvid.so.1", "the driver's video decoder is not visible; give the container the capability \"video\""},
    {"libnvidia-encode.so.1", "the driver's video encoder is not visible; give the container the capability \"video\""},
};

std::string missingLibrary() {
  for (const Library& library : kLibraries) {
    void* handle = dlopen(library.name, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) return std::string(library.name) + " was not found: " + library.meaning;
    dlclose(handle);
  }
  return "the NVIDIA path is not part of this build";
}

}  // namespace

EngineInfo describeEngine() {
  EngineInfo info;
  info.libavformat = version(avformat_version());
  info.libavcodec = version(avcodec_version());
  info.libswscale = version(swscale_version());
  info.libx264 = avcodec_find_encoder_by_name("libx264") != nullptr;
  info.gpu = false;
  info.gpuReason = missingLibrary();
  return info;
}

}  // namespace sortie
