// What this build is made of, and why a GPU can or cannot be used.
#pragma once
#include "plan.h"

namespace sortie {
EngineInfo describeEngine();
}
