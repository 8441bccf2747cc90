// What the three stand-in libraries share. It lives in the libcuda.so.1 of this folder, as the driver's own core does.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "../src/nvidia/sdk/dynlink_cuda.h"

namespace standin {

/** A rule of the API was broken: printed, counted, and reported when the process ends. */
__attribute__((format(printf, 1, 2))) void violation(const char* format, ...);
/** Objects that must be gone at the end, by kind: streams, decoders, mapped frames … */
void live(const char* kind, int change);
/** Things worth a number: copies to the host, launches. */
void count(const char* what, long amount = 1);

/**
 * A setting, from `standin.conf` beside the library (KEY=VALUE lines; a sandboxed process has no environment to speak of)
 * or from the environment as STANDIN_KEY. Empty when it is not set.
 */
std::string setting(const char* key);
/** Where these libraries lie, with a slash at its end: one system for all processes that use them. */
const std::string& folder();
long number(const char* key, long otherwise);

/** The time that the device would have spent, not its user: CPU time of this thread until the scope's end is counted. */
class Work {
 public:
  Work();
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

 private:
  long begun_;
};

CUcontext currentContext();
/** 0, or the error that every call returns once the device is lost (CUDA_ERROR_ILLEGAL_ADDRESS is sticky). */
int lost();
void lose(int error);
/** Counts pictures decoded or encoded; loses the device, or hangs for good, at the one that the settings name. */
void beat();

/**
 * Device memory. Its addresses are not readable by the host, as those of a card; what lies there is reached by `memory`
 * alone. Filled with a pattern, and again when it is freed.
 */
uint64_t allocate(size_t bytes, const char* owner);
bool release(uint64_t address, const char* owner);
/**
 * Where the host has what lies at the address; null unless all of it lies in one living allocation. Whoever holds it may still
 * read and write when the allocation is given back, as a chip may that is not waited for because its device is lost.
 */
std::shared_ptr<uint8_t> memory(uint64_t address, size_t bytes);
inline bool inDevice(uint64_t address, size_t bytes) { return memory(address, bytes) != nullptr; }
size_t allocated();

/**
 * Runs work in the order of the stream, later. On the default stream (null): at once, after what is still on its way there
 * and after all blocking streams.
 */
void enqueue(CUstream stream, std::function<void()> work);
/**
 * Runs work on the default stream some time after the call has returned: a copy from pageable memory is staged first, and its
 * last part may land later (CUDA Driver API, "API synchronization behavior"). Streams that do not block do not wait for it.
 */
void enqueueLate(std::function<void()> work);

}  // namespace standin
