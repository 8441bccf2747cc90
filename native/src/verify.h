// Reads finished segments back: what a player would see at their edges.
#pragma once
#include "engine.h"
#include "plan.h"

namespace sortie {
/** One entry per segment, in order. Throws only when the initialisation section cannot be used. */
std::vector<VerifiedSegment> verifySegments(const VerifyPlan& plan);
}
