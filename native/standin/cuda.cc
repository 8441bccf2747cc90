// libcuda.so.1: the CUDA Driver API as far as video programs use it. What it refuses, and with which error, follows the
// CUDA Driver API reference; device memory is the host's, under addresses that the host cannot read.
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels.h"
#include "standin.h"
#include "stream.h"

namespace {

using namespace standin;

enum : int { kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kNoDevice = 100, kInvalidDevice = 101, kInvalidImage = 200,
             kInvalidContext = 201, kUnsupportedPtx = 222, kOperatingSystem = 304, kNotFound = 500, kIllegalAddress = 700, kNotSupported = 801 };

CUresult answer(int code) { return static_cast<CUresult>(code); }

struct Context {
  int device;
  bool primary;
};
constexpr int kMostDevices = 8;
Context primaries[kMostDevices];
std::atomic<int> primaryReferences[kMostDevices];
std::atomic<bool> initialised{false};
thread_local std::vector<Context*> contexts;

int deviceCount() { return static_cast<int>(std::clamp(number("DEVICES", 1), 0L, static_cast<long>(kMostDevices))); }
// "Many calls fail with CUDA_ERROR_INVALID_CONTEXT when the thread has no current context."
int ready(const char* call) {
  if (!initialised) {
    violation("%s before cuInit", call);
    return kNotInitialized;
  }
  if (contexts.empty()) {
    violation("%s without a current context", call);
    return kInvalidContext;
  }
  return lost();
}
#define NEED_CONTEXT(call) \
  if (const int problem = ready(call)) return answer(problem)

/**
 * What a driver's start needs of the system besides its devices: it listens on a SEQPACKET socket of an abstract name (snapd,
 * interface "opengl": unix (bind,listen) type=seqpacket addr="@cuda-uvmfd-[0-9a-f]*"), and since 570 it names its threads
 * through /proc/self/task/<tid>/comm (nolabs-ai/nono#673). Where either is refused it starts no more.
 */
bool startsInThisSystem() {
  static const int listening = [] {
    const int made = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const int length = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "cuda-uvmfd-standin-%d", static_cast<int>(::getpid()));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<size_t>(length));
    if (made >= 0 && ::bind(made, reinterpret_cast<const sockaddr*>(&address), size) == 0 && ::listen(made, 1) == 0) return made;
    if (made >= 0) ::close(made);
    return -1;
  }();
  if (listening < 0) return false;
  std::promise<void> named;
  std::thread helper([done = named.get_future()]() mutable { done.wait(); });
  // Another thread's name: glibc opens its comm file for reading and writing.
  const int result = ::pthread_setname_np(helper.native_handle(), "cuda-standin");
  named.set_value();
  helper.join();
  return result == 0;
}

struct Module {
  std::string ptx;
};
struct Function {
  Launch launch;
  std::string name;
};

}  // namespace

namespace standin {
CUcontext currentContext() { return contexts.empty() ? nullptr : reinterpret_cast<CUcontext>(contexts.back()); }
}  // namespace standin

extern "C" {

// ------------------------------------------------------------------------------------------ start, devices, contexts
CUresult cuInit(unsigned) {
  if (!setting("NO_DEVICE").empty()) return answer(kNoDevice);
  if (const long error = number("INIT_ERROR", 0)) return answer(static_cast<int>(error));
  if (const long seconds = number("INIT_SECONDS", 0)) std::this_thread::sleep_for(std::chrono::seconds(seconds));
  // As 570 with /proc/driver/nvidia-uvm (nolabs-ai/nono#673).
  if (const std::string needed = setting("NEEDS_FILE"); !needed.empty() && !std::ifstream(needed)) return answer(kOperatingSystem);
  if (!startsInThisSystem()) return answer(kOperatingSystem);
  for (int i = 0; i < kMostDevices; ++i) primaries[i] = {i, true};
  initialised = true;
  return CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int* version) {
  *version = static_cast<int>(number("CUDA", 12020));
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int* count) {
  if (!initialised) return answer(kNotInitialized);
  *count = deviceCount();
  return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  if (!initialised) return answer(kNotInitialized);
  if (ordinal < 0 || ordinal >= deviceCount()) return answer(kInvalidDevice);
  *device = ordinal;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char* name, int length, CUdevice) {
  std::snprintf(name, static_cast<size_t>(length), "Sortie driver stand-in");
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice) {
  std::memset(uuid, 1, sizeof *uuid);
  return CUDA_SUCCESS;
}
CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice) {
  *major = 8;
  *minor = 9;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT: *value = 512; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = 8; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = 9; break;
    default: *value = 1;
  }
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char** name) {
  switch (static_cast<int>(error)) {
    case kInvalidValue: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case kOutOfMemory: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case kInvalidContext: *name = "CUDA_ERROR_INVALID_CONTEXT"; break;
    case kUnsupportedPtx: *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"; break;
    case kOperatingSystem: *name = "CUDA_ERROR_OPERATING_SYSTEM"; break;
    case kIllegalAddress: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    default: *name = "CUDA_ERROR"; break;
  }
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char** text) {
  *text = "an error of the stand-in";
  return CUDA_SUCCESS;
}
CUresult cuCtxCreate_v2(CUcontext* context, unsigned, CUdevice device) {
  if (!initialised) return answer(kNotInitialized);
  auto* made = new Context{device, false};
  contexts.push_back(made);
  live("contexts", 1);
  *context = reinterpret_cast<CUcontext>(made);
  return CUDA_SUCCESS;
}
CUresult cuCtxDestroy_v2(CUcontext context) {
  auto* gone = reinterpret_cast<Context*>(context);
  contexts.erase(std::remove(contexts.begin(), contexts.end(), gone), contexts.end());
  if (gone->primary) {
    violation("cuCtxDestroy on a primary context");
    return answer(kInvalidContext);
  }
  delete gone;
  live("contexts", -1);
  return CUDA_SUCCESS;
}
CUresult cuCtxPushCurrent_v2(CUcontext context) {
  if (!context) return answer(kInvalidContext);
  contexts.push_back(reinterpret_cast<Context*>(context));
  return CUDA_SUCCESS;
}
CUresult cuCtxPopCurrent_v2(CUcontext* context) {
  if (contexts.empty()) {
    violation("cuCtxPopCurrent without a context");
    return answer(kInvalidContext);
  }
  if (context) *context = reinterpret_cast<CUcontext>(contexts.back());
  contexts.pop_back();
  return CUDA_SUCCESS;
}
CUresult cuCtxGetCurrent(CUcontext* context) {
  *context = currentContext();
  return CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice* device) {
  NEED_CONTEXT("cuCtxGetDevice");
  *device = contexts.back()->device;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetLimit(CUlimit, size_t) { return CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  if (!initialised) return answer(kNotInitialized);
  ++primaryReferences[device];
  live("references to a primary context", 1);
  *context = reinterpret_cast<CUcontext>(&primaries[device]);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  if (primaryReferences[device] <= 0) {
    violation("a primary context was released more often than retained");
    return answer(kInvalidContext);
  }
  --primaryReferences[device];
  live("references to a primary context", -1);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) { return cuDevicePrimaryCtxRelease(device); }
CUresult cuDevicePrimaryCtxSetFlags(CUdevice, unsigned) { return CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  *flags = 4;
  *active = primaryReferences[device] > 0;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxReset(CUdevice) { return CUDA_SUCCESS; }

// ------------------------------------------------------------------------------------------ memory
CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  NEED_CONTEXT("cuMemGetInfo");
  *total = static_cast<size_t>(number("MEMORY", 8L << 30));
  *free = *total - std::min(*total, allocated());
  return CUDA_SUCCESS;
}
CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  NEED_CONTEXT("cuMemAlloc");
  if (bytes == 0) return answer(kInvalidValue);
  if (allocated() + bytes > static_cast<size_t>(number("MEMORY", 8L << 30))) return answer(kOutOfMemory);
  *address = allocate(bytes, "user");
  return CUDA_SUCCESS;
}
CUresult cuMemAllocPitch_v2(CUdeviceptr* address, size_t* pitch, size_t width, size_t height, unsigned element) {
  NEED_CONTEXT("cuMemAllocPitch");
  if (element != 4 && element != 8 && element != 16) return answer(kInvalidValue);
  *pitch = (width + 511) & ~size_t{511};
  return cuMemAlloc_v2(address, *pitch * height);
}
CUresult cuMemFree_v2(CUdeviceptr address) {
  NEED_CONTEXT("cuMemFree");
  waitForDefaultStream();
  if (release(address, "user")) return CUDA_SUCCESS;
  violation("cuMemFree of an address that is not allocated");
  return answer(kInvalidValue);
}
CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, size_t bytes, CUstream stream) {
  NEED_CONTEXT("cuMemsetD8Async");
  enqueue(stream, [=] {
    if (const auto at = memory(address, bytes)) std::memset(at.get(), value, bytes);
    else violation("cuMemsetD8 outside device memory");
  });
  return CUDA_SUCCESS;
}

namespace {

/** Where a row of a copy lies for the host; null outside device memory. */
std::shared_ptr<uint8_t> sourceRow(const CUDA_MEMCPY2D& copy, size_t y) {
  const size_t offset = (copy.srcY + y) * copy.srcPitch + copy.srcXInBytes;
  if (copy.srcMemoryType == CU_MEMORYTYPE_DEVICE) return memory(copy.srcDevice + offset, copy.WidthInBytes);
  return {std::shared_ptr<void>(), const_cast<uint8_t*>(static_cast<const uint8_t*>(copy.srcHost)) + offset};
}
std::shared_ptr<uint8_t> targetRow(const CUDA_MEMCPY2D& copy, size_t y) {
  const size_t offset = (copy.dstY + y) * copy.dstPitch + copy.dstXInBytes;
  if (copy.dstMemoryType == CU_MEMORYTYPE_DEVICE) return memory(copy.dstDevice + offset, copy.WidthInBytes);
  return {std::shared_ptr<void>(), static_cast<uint8_t*>(copy.dstHost) + offset};
}

void copyRows(const CUDA_MEMCPY2D& copy) {
  if (lost()) return;
  for (size_t y = 0; y < copy.Height; ++y) {
    const auto from = sourceRow(copy, y), to = targetRow(copy, y);
    if (!from || !to) {
      violation("cuMemcpy2D %s outside device memory: row %zu of %zu", from ? "writes" : "reads", y, copy.Height);
      return;
    }
    std::memcpy(to.get(), from.get(), copy.WidthInBytes);
  }
}

/** "For transfers between device and pageable host memory" the call returns only when the host's side is done with. */
CUresult copy2d(CUDA_MEMCPY2D copy, CUstream stream) {
  // Legal, and FFmpeg does it.
  if (copy.WidthInBytes == 0 || copy.Height == 0) return CUDA_SUCCESS;
  if (copy.dstMemoryType == CU_MEMORYTYPE_HOST) count("planes copied to the host");
  if (copy.srcMemoryType == CU_MEMORYTYPE_HOST) {
    count("planes copied to the device");
    auto staged = std::make_shared<std::vector<uint8_t>>(copy.WidthInBytes * copy.Height);
    for (size_t y = 0; y < copy.Height; ++y) std::memcpy(staged->data() + y * copy.WidthInBytes, sourceRow(copy, y).get(), copy.WidthInBytes);
    copy.srcHost = staged->data();
    copy.srcPitch = copy.WidthInBytes;
    copy.srcY = copy.srcXInBytes = 0;
    const auto land = [copy, staged] { copyRows(copy); };
    if (stream) enqueue(stream, land);
    else enqueueLate(land);
    return CUDA_SUCCESS;
  }
  enqueue(stream, [copy] { copyRows(copy); });
  if (copy.dstMemoryType == CU_MEMORYTYPE_HOST && stream) reinterpret_cast<Stream*>(stream)->synchronize();
  return CUDA_SUCCESS;
}

CUDA_MEMCPY2D linear(const void* hostSource, CUdeviceptr deviceSource, void* hostTarget, CUdeviceptr deviceTarget, size_t bytes) {
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = hostSource ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
  copy.srcHost = hostSource;
  copy.srcDevice = deviceSource;
  copy.dstMemoryType = hostTarget ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
  copy.dstHost = hostTarget;
  copy.dstDevice = deviceTarget;
  copy.WidthInBytes = copy.srcPitch = copy.dstPitch = bytes;
  copy.Height = 1;
  return copy;
}

}  // namespace

CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* copy, CUstream stream) {
  NEED_CONTEXT("cuMemcpy2DAsync");
  return copy2d(*copy, stream);
}
CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* copy) {
  NEED_CONTEXT("cuMemcpy2D");
  return copy2d(*copy, nullptr);
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void* source, size_t bytes, CUstream stream) {
  NEED_CONTEXT("cuMemcpyHtoD");
  return copy2d(linear(source, 0, nullptr, target, bytes), stream);
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr target, const void* source, size_t bytes) { return cuMemcpyHtoDAsync_v2(target, source, bytes, nullptr); }
CUresult cuMemcpyDtoHAsync_v2(void* target, CUdeviceptr source, size_t bytes, CUstream stream) {
  NEED_CONTEXT("cuMemcpyDtoH");
  return copy2d(linear(nullptr, source, target, 0, bytes), stream);
}
CUresult cuMemcpyDtoH_v2(void* target, CUdeviceptr source, size_t bytes) { return cuMemcpyDtoHAsync_v2(target, source, bytes, nullptr); }
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream) {
  NEED_CONTEXT("cuMemcpyDtoD");
  return copy2d(linear(nullptr, source, nullptr, target, bytes), stream);
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes) { return cuMemcpyDtoDAsync_v2(target, source, bytes, nullptr); }

// ------------------------------------------------------------------------------------------ streams and events
CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  NEED_CONTEXT("cuStreamCreate");
  *stream = reinterpret_cast<CUstream>(new Stream((flags & CU_STREAM_NON_BLOCKING) == 0));
  live("streams", 1);
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy_v2(CUstream stream) {
  NEED_CONTEXT("cuStreamDestroy");
  delete reinterpret_cast<Stream*>(stream);
  live("streams", -1);
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
  NEED_CONTEXT("cuStreamSynchronize");
  if (stream) {
    reinterpret_cast<Stream*>(stream)->synchronize();
  } else {
    waitForDefaultStream();
    waitForBlockingStreams();
  }
  return answer(lost());
}
CUresult cuStreamQuery(CUstream stream) { return cuStreamSynchronize(stream); }
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  NEED_CONTEXT("cuStreamWaitEvent");
  const std::shared_ptr<Event> awaited = *reinterpret_cast<std::shared_ptr<Event>*>(event);
  enqueue(stream, [awaited, number = awaited->recorded()] { awaited->wait(number); });
  return CUDA_SUCCESS;
}
CUresult cuEventCreate(CUevent* event, unsigned) {
  NEED_CONTEXT("cuEventCreate");
  *event = reinterpret_cast<CUevent>(new std::shared_ptr<Event>(std::make_shared<Event>()));
  live("events", 1);
  return CUDA_SUCCESS;
}
CUresult cuEventDestroy_v2(CUevent event) {
  NEED_CONTEXT("cuEventDestroy");
  // "The event may be destroyed before it is complete": streams keep what they still need of it.
  delete reinterpret_cast<std::shared_ptr<Event>*>(event);
  live("events", -1);
  return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
  NEED_CONTEXT("cuEventRecord");
  const std::shared_ptr<Event> marked = *reinterpret_cast<std::shared_ptr<Event>*>(event);
  enqueue(stream, [marked, number = marked->record()] { marked->done(number); });
  return CUDA_SUCCESS;
}
CUresult cuEventSynchronize(CUevent event) {
  NEED_CONTEXT("cuEventSynchronize");
  const std::shared_ptr<Event> awaited = *reinterpret_cast<std::shared_ptr<Event>*>(event);
  awaited->wait(awaited->recorded());
  return answer(lost());
}
CUresult cuEventQuery(CUevent event) { return cuEventSynchronize(event); }

// ------------------------------------------------------------------------------------------ kernels
// PTX is read for its version, target and entry points; the CPU build of the same source does the work.
CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  NEED_CONTEXT("cuModuleLoadData");
  const auto* text = static_cast<const char*>(image);
  const char* version = std::strstr(text, ".version ");
  if (!version || !std::strstr(text, ".target sm_")) {
    violation("a module that is no PTX");
    return answer(kInvalidImage);
  }
  const std::string most = setting("PTX_MAX");
  if (!most.empty() && std::atof(version + 9) > std::atof(most.c_str())) return answer(kUnsupportedPtx);
  live("modules", 1);
  *module = reinterpret_cast<CUmodule>(new Module{text});
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) {
  NEED_CONTEXT("cuModuleUnload");
  delete reinterpret_cast<Module*>(module);
  live("modules", -1);
  return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  NEED_CONTEXT("cuModuleGetFunction");
  if (reinterpret_cast<Module*>(module)->ptx.find(std::string(".entry ") + name + "(") == std::string::npos) return answer(kNotFound);
  static std::map<std::string, Function> functions;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  Function& found = functions[name];
  found = {findKernel(name), name};
  if (!found.launch) {
    violation("there is no CPU build of the kernel %s", name);
    return answer(kNotFound);
  }
  *function = reinterpret_cast<CUfunction>(&found);
  return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                        unsigned shared, CUstream stream, void** parameters, void** extra) {
  NEED_CONTEXT("cuLaunchKernel");
  const auto& called = *reinterpret_cast<Function*>(function);
  // CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability".
  constexpr unsigned kMostThreads = 1024, kMostGridY = 65535, kMostShared = 48 * 1024;
  if (gridX == 0 || gridY == 0 || gridZ == 0 || blockX * blockY * blockZ == 0 || blockX * blockY * blockZ > kMostThreads || gridY > kMostGridY ||
      gridZ > kMostGridY || shared > kMostShared || extra) {
    violation("cuLaunchKernel %s: grid %ux%ux%u, block %ux%ux%u", called.name.c_str(), gridX, gridY, gridZ, blockX, blockY, blockZ);
    return answer(kInvalidValue);
  }
  count("kernels launched");
  enqueue(stream, called.launch(static_cast<int>(gridX * blockX), static_cast<int>(gridY * blockY), parameters[0]));
  return CUDA_SUCCESS;
}

// What FFmpeg's loader insists on and no video path calls.
#define ABSENT(name)                               \
  CUresult name() {                                \
    violation(#name " is not in the stand-in");    \
    return answer(kNotSupported);                  \
  }
ABSENT(cuMemAllocManaged) ABSENT(cuMemcpy) ABSENT(cuMemcpyAsync) ABSENT(cuStreamAddCallback) ABSENT(cuLinkCreate) ABSENT(cuLinkAddData)
ABSENT(cuLinkComplete) ABSENT(cuLinkDestroy) ABSENT(cuModuleGetGlobal) ABSENT(cuTexObjectCreate) ABSENT(cuTexObjectDestroy)
ABSENT(cuGLGetDevices_v2) ABSENT(cuGraphicsGLRegisterImage) ABSENT(cuGraphicsUnregisterResource) ABSENT(cuGraphicsMapResources)
ABSENT(cuGraphicsUnmapResources) ABSENT(cuGraphicsSubResourceGetMappedArray) ABSENT(cuGraphicsResourceGetMappedPointer_v2)
ABSENT(cuArray3DCreate_v2) ABSENT(cuArrayDestroy)

}  // extern "C"
