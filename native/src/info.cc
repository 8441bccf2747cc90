#include "info.h"

extern "C" {
#include <libswscale/swscale.h>
}

#include "common.h"

namespace sortie {

namespace {

std::string version(unsigned number) {
  return std::to_string(AV_VERSION_MAJOR(number)) + "." + std::to_string(AV_VERSION_MINOR(number)) + "." +
         std::to_string(AV_VERSION_MICRO(number));
}

}  // namespace

EngineInfo describeEngine() {
  EngineInfo info;
  info.libavformat = version(avformat_version());
  info.libavcodec = version(avcodec_version());
  info.libswscale = version(swscale_version());
  info.libx264 = avcodec_find_encoder_by_name("libx264") != nullptr;
  info.libx265 = avcodec_find_encoder_by_name("libx265") != nullptr;
  return info;
}

}  // namespace sortie
