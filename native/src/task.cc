#include "task.h"

namespace sortie {

namespace {

Napi::Error toError(Napi::Env env, const std::exception_ptr& failure) {
  Code code = Code::kInternal;
  std::string message = "The media engine failed for a reason it does not know.";
  try {
    std::rethrow_exception(failure);
  } catch (const EngineError& error) {
    code = error.code();
    message = error.what();
  } catch (const std::bad_alloc&) {
    code = Code::kOutOfMemory;
    message = "The media engine ran out of memory.";
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, codeName(code)));
  return error;
}

}  // namespace

Napi::Promise Task::start(Napi::Env env, const Napi::Function& callback, Work work, std::function<void()> stop) {
  const std::shared_ptr<Task> task(new Task(env, std::move(stop)));
  // The finalizer holds the task until the last queued call is done, and joins the thread when Node ends early.
  task->function_ = Napi::ThreadSafeFunction::New(env, callback, "sortie", 0, 1, [task](Napi::Env) {
    task->stop_();
    if (task->thread_.joinable()) task->thread_.join();
  });
  const Napi::Promise promise = task->deferred_.Promise();
  task->thread_ = std::thread([task, work = std::move(work)] { task->run(work); });
  return promise;
}

void Task::notify(Outcome make) {
  if (closed_) return;
  const napi_status status =
      function_.NonBlockingCall([make = std::move(make)](Napi::Env env, const Napi::Function& callback) {
        if (env == nullptr || callback.IsEmpty()) return;
        callback.Call({make(env)});
      });
  // Node is going down, and the function with it: it must not be touched again (napi_call_threadsafe_function).
  if (status == napi_closing) closed_ = true;
}

void Task::run(const Work& work) {
  Outcome outcome;
  std::exception_ptr error;
  try {
    outcome = work(*this);
  } catch (...) {
    error = std::current_exception();
  }
  if (closed_) return;
  const std::shared_ptr<Task> self = shared_from_this();
  const napi_status status = function_.NonBlockingCall([self, outcome, error](Napi::Env env, const Napi::Function&) {
    if (env != nullptr) self->settle(env, outcome, error);
  });
  if (status != napi_closing) function_.Release();
}

void Task::settle(Napi::Env env, const Outcome& outcome, const std::exception_ptr& error) {
  if (thread_.joinable()) thread_.join();
  Napi::HandleScope scope(env);
  if (error) {
    deferred_.Reject(toError(env, error).Value());
    return;
  }
  try {
    deferred_.Resolve(outcome(env));
  } catch (const Napi::Error& failure) {
    deferred_.Reject(failure.Value());
  }
}

}  // namespace sortie
