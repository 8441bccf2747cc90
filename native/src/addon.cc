// The exports: info, run, verify, preflight. See native/index.ts.
#include <napi.h>

extern "C" {
#include <libavutil/log.h>
}

#include "convert.h"
#include "engine.h"
#include "info.h"
#include "nvidia/preflight.h"
#include "task.h"
#include "verify.h"

namespace sortie {

namespace {

Napi::Object argument(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "The first argument must be the plan, an object.");
  return info[0].As<Napi::Object>();
}

Napi::Value info(const Napi::CallbackInfo& info) { return fromInfo(info.Env(), describeEngine()); }

Napi::Value run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto plan = std::make_shared<const EnginePlan>(toEnginePlan(argument(info)));
  if (!info[1].IsFunction()) throw Napi::TypeError::New(env, "The second argument must be a function.");
  const auto cancel = std::make_shared<CancelFlag>();
  const Napi::Promise promise = Task::start(
      env, info[1].As<Napi::Function>(),
      [plan, cancel](Task& task) -> Task::Outcome {
        const auto result = std::make_shared<const EngineResult>(
            runEngine(*plan, *cancel, [&task](const EngineProgress& progress) {
              task.notify([progress](Napi::Env env) { return fromProgress(env, progress); });
            }));
        return [result](Napi::Env env) { return fromResult(env, *result); };
      },
      [cancel] { cancel->cancel(); });
  Napi::Object running = Napi::Object::New(env);
  running["result"] = promise;
  running["cancel"] = Napi::Function::New(env, [cancel](const Napi::CallbackInfo&) { cancel->cancel(); }, "cancel");
  return running;
}

Napi::Value verify(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto plan = std::make_shared<const VerifyPlan>(toVerifyPlan(argument(info)));
  const Napi::Function nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  return Task::start(
      env, nothing,
      [plan](Task&) -> Task::Outcome {
        const auto segments = std::make_shared<const std::vector<VerifiedSegment>>(verifySegments(*plan));
        return [segments](Napi::Env env) { return fromVerified(env, *segments); };
      },
      [] {});
}

Napi::Value preflight(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Function nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  return Task::start(
      env, nothing,
      [](Task&) -> Task::Outcome {
        const auto report = std::make_shared<const Preflight>(nvidia::preflight());
        return [report](Napi::Env env) { return fromPreflight(env, *report); };
      },
      [] {});
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  // What libav has to say about damaged files is counted and told in results, not printed.
  av_log_set_level(AV_LOG_QUIET);
  exports["info"] = Napi::Function::New(env, info, "info");
  exports["run"] = Napi::Function::New(env, run, "run");
  exports["preflight"] = Napi::Function::New(env, preflight, "preflight");
  exports["verify"] = Napi::Function::New(env, verify, "verify");
  return exports;
}

}  // namespace

NODE_API_MODULE(sortie, init)

}  // namespace sortie
