// Tries every GPU for real: decodes a clip, scales it, encodes it, and compares with what the CPU makes of it.
#pragma once
#include "../plan.h"

namespace sortie::nvidia {

Preflight preflight();

}  // namespace sortie::nvidia
