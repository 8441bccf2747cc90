// NVIDIA's three driver libraries, found at run time: a machine without them loads the addon all the same and says why no
// GPU can be used. Types are those of the SDK's headers; the entry points are looked up here, by their versioned names.
#pragma once
#include <memory>
#include <string>

#include "common.h"
#include "nvidia/sdk/dynlink_cuda.h"
#include "nvidia/sdk/dynlink_nvcuvid.h"
#include "nvidia/sdk/nvEncodeAPI.h"

namespace sortie::nvidia {

// Entry points whose types the 11.1 headers lack (CUDA Driver API reference).
using tcuDriverGetVersion = CUresult CUDAAPI(int* version);
using tcuMemGetInfo = CUresult CUDAAPI(size_t* free, size_t* total);
using tcuStreamWaitEvent = CUresult CUDAAPI(CUstream stream, CUevent event, unsigned flags);

#define SORTIE_CUDA_ENTRIES(X)                                                                                          \
  X(cuInit, tcuInit)                                                                                                   \
  X(cuDriverGetVersion, tcuDriverGetVersion)                                                                           \
  X(cuDeviceGetCount, tcuDeviceGetCount)                                                                               \
  X(cuDeviceGet, tcuDeviceGet)                                                                                         \
  X(cuDeviceGetName, tcuDeviceGetName)                                                                                 \
  X(cuDeviceGetAttribute, tcuDeviceGetAttribute)                                                                       \
  X(cuDevicePrimaryCtxRetain, tcuDevicePrimaryCtxRetain)                                                               \
  X(cuDevicePrimaryCtxRelease, tcuDevicePrimaryCtxRelease)                                                             \
  X(cuDevicePrimaryCtxGetState, tcuDevicePrimaryCtxGetState)                                                           \
  X(cuDevicePrimaryCtxSetFlags, tcuDevicePrimaryCtxSetFlags)                                                           \
  X(cuCtxPushCurrent_v2, tcuCtxPushCurrent_v2)                                                                         \
  X(cuCtxPopCurrent_v2, tcuCtxPopCurrent_v2)                                                                           \
  X(cuGetErrorName, tcuGetErrorName)                                                                                   \
  X(cuMemGetInfo_v2, tcuMemGetInfo)                                                                                    \
  X(cuMemAlloc_v2, tcuMemAlloc_v2)                                                                                     \
  X(cuMemAllocPitch_v2, tcuMemAllocPitch_v2)                                                                           \
  X(cuMemFree_v2, tcuMemFree_v2)                                                                                       \
  X(cuMemcpyHtoD_v2, tcuMemcpyHtoD_v2)                                                                                 \
  X(cuMemcpy2DAsync_v2, tcuMemcpy2DAsync_v2)                                                                           \
  X(cuModuleLoadData, tcuModuleLoadData)                                                                               \
  X(cuModuleUnload, tcuModuleUnload)                                                                                   \
  X(cuModuleGetFunction, tcuModuleGetFunction)                                                                         \
  X(cuLaunchKernel, tcuLaunchKernel)                                                                                   \
  X(cuStreamCreate, tcuStreamCreate)                                                                                   \
  X(cuStreamDestroy_v2, tcuStreamDestroy_v2)                                                                           \
  X(cuStreamSynchronize, tcuStreamSynchronize)                                                                         \
  X(cuStreamWaitEvent, tcuStreamWaitEvent)                                                                             \
  X(cuEventCreate, tcuEventCreate)                                                                                     \
  X(cuEventDestroy_v2, tcuEventDestroy_v2)                                                                             \
  X(cuEventRecord, tcuEventRecord)                                                                                     \
  X(cuEventSynchronize, tcuEventSynchronize)

#define SORTIE_CUVID_ENTRIES(X)                        \
  X(cuvidGetDecoderCaps, tcuvidGetDecoderCaps)         \
  X(cuvidCreateDecoder, tcuvidCreateDecoder)           \
  X(cuvidDestroyDecoder, tcuvidDestroyDecoder)         \
  X(cuvidDecodePicture, tcuvidDecodePicture)           \
  X(cuvidMapVideoFrame64, tcuvidMapVideoFrame64)       \
  X(cuvidUnmapVideoFrame64, tcuvidUnmapVideoFrame64)   \
  X(cuvidCreateVideoParser, tcuvidCreateVideoParser)   \
  X(cuvidParseVideoData, tcuvidParseVideoData)         \
  X(cuvidDestroyVideoParser, tcuvidDestroyVideoParser)

struct Driver {
#define SORTIE_ENTRY(name, type) type* name = nullptr;
  SORTIE_CUDA_ENTRIES(SORTIE_ENTRY)
  SORTIE_CUVID_ENTRIES(SORTIE_ENTRY)
#undef SORTIE_ENTRY
  /** Since driver 396; null on older ones. */
  tcuvidGetDecodeStatus* cuvidGetDecodeStatus = nullptr;
  NV_ENCODE_API_FUNCTION_LIST nvenc{};

  /** CUDA version of the driver, 1000 · major + 10 · minor; 0 when not even libcuda is there. */
  int cudaVersion = 0;
  /** Version of the kernel module as /proc tells it, "" when it does not. */
  std::string version;
  /** Why there is no GPU, no NVDEC, no NVENC at all on this machine; empty when there is. */
  std::string cudaReason;
  std::string decodeReason;
  std::string encodeReason;

  /** Loaded once for the life of the process. */
  static const Driver& get();
};

/** Throws GPU_FAILED that names the call and the error. */
void check(CUresult result, const char* call);
/** An error after which every later call of the process fails (CUDA Driver API, CUresult: "the process must be terminated"). */
bool isSticky(CUresult result);
/** "CUDA_ERROR_ILLEGAL_ADDRESS (700)" */
std::string describe(CUresult result);
/** Name, meaning and, where known, the way out of an NVENC status. */
std::string describe(NVENCSTATUS status);

/** What can be done about a GPU's absence has been said: the caller takes the CPU for this part of the work. */
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sortie::nvidia
