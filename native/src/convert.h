// Between JavaScript objects and the plain structures of plan.h.
#pragma once
#include <napi.h>

#include "plan.h"

namespace sortie {
EnginePlan toEnginePlan(const Napi::Object& object);
VerifyPlan toVerifyPlan(const Napi::Object& object);
Napi::Object fromResult(Napi::Env env, const EngineResult& result);
Napi::Object fromProgress(Napi::Env env, const EngineProgress& progress);
Napi::Object fromPreflight(Napi::Env env, const Preflight& preflight);
Napi::Object fromInfo(Napi::Env env, const EngineInfo& info);
Napi::Array fromVerified(Napi::Env env, const std::vector<VerifiedSegment>& segments);
}  // namespace sortie
