// RFC 6381 names of what an encoder made, for the multivariant playlist.
#pragma once
#include <string>

#include "common.h"

namespace sortie {

/** From the parameter sets (Annex B): "avc1.640028", "hvc1.1.6.L93.B0". */
std::string codecString(const AVCodecParameters& parameters);

}  // namespace sortie
