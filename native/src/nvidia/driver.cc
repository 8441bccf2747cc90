#include "nvidia/driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <fstream>

namespace sortie::nvidia {

namespace {

constexpr int kNotInitialised = 3, kStubLibrary = 34, kInsufficientDriver = 35, kUnavailable = 46, kNoDevice = 100,
              kOperatingSystem = 304, kSystemNotReady = 802, kDriverMismatch = 803, kUnknown = 999;
constexpr const char* kVideoCapability =
    " was not found: give the container the driver capability \"video\" (NVIDIA_DRIVER_CAPABILITIES=compute,video,utility)";

// Never closed: the driver's threads and exit handlers outlive any use of ours.
void* open(const char* name) { return ::dlopen(name, RTLD_NOW | RTLD_LOCAL); }

template <typename Entry>
bool find(void* library, const char* name, Entry*& entry) {
  entry = reinterpret_cast<Entry*>(::dlsym(library, name));
  return entry != nullptr;
}

std::string kernelModuleVersion() {
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun …"
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word;
  while (file >> word)
    if (word == "Module" && file >> word) return word == "for" ? (file >> word >> word, word) : word;
  return "";
}

std::string initReason(int result) {
  switch (result) {
    case kNoDevice:
      return "the NVIDIA driver finds no GPU: the container was given none (nvidia.com/gpu, --gpus) or the card is gone";
    case kInsufficientDriver:
    case kDriverMismatch:
      return "the NVIDIA driver's libraries and its kernel module are of different versions: restart the machine, or the "
             "container after a driver update";
    case kStubLibrary: return "libcuda.so.1 is the toolkit's stub, not a driver: remove its folder from LD_LIBRARY_PATH";
    case kOperatingSystem:
      return "the sandbox or the container hinders the NVIDIA driver (CUDA_ERROR_OPERATING_SYSTEM, 304): it needs an AF_UNIX socket of "
             "its own, /proc/self/task, and /dev/nvidia-uvm";
    case kSystemNotReady:
      return "the GPUs are not ready yet (CUDA_ERROR_SYSTEM_NOT_READY, 802): start nvidia-fabricmanager, which machines with NVSwitch "
             "(H100 and H200 SXM) need";
    case kUnavailable:
      return "the GPU is busy or not open to this process (CUDA_ERROR_DEVICE_UNAVAILABLE, 46): its compute mode is exclusive and somebody "
             "has it, or MIG is on and no MIG device was given (nvidia-smi -q)";
    case kNotInitialised:
      return "the NVIDIA driver's kernel module does not work (CUDA_ERROR_NOT_INITIALIZED, 3): look at dmesg, and at whether "
             "/dev/nvidiactl can be opened";
    case kUnknown:
      return "the NVIDIA driver does not start (CUDA_ERROR_UNKNOWN): /dev/nvidia-uvm may be missing in the container";
    default: return "the NVIDIA driver does not start: " + describe(static_cast<CUresult>(result));
  }
}

void loadCuda(Driver& driver) {
  void* library = open("libcuda.so.1");
  if (!library) {
    driver.cudaReason = "libcuda.so.1 was not found: there is no NVIDIA driver, or the container was given no GPU";
    return;
  }
  std::string missing;
#define SORTIE_ENTRY(name, type) \
  if (!find(library, #name, driver.name)) missing = #name;
  SORTIE_CUDA_ENTRIES(SORTIE_ENTRY)
#undef SORTIE_ENTRY
  if (!missing.empty()) {
    driver.cudaReason = "libcuda.so.1 has no " + missing + ": the driver is too old, 470.57 or newer is needed";
    return;
  }
  driver.cuDriverGetVersion(&driver.cudaVersion);
  const CUresult result = driver.cuInit(0);
  if (result != CUDA_SUCCESS) {
    driver.cudaReason = initReason(result);
    return;
  }
  int devices = 0;
  if (driver.cuDeviceGetCount(&devices) != CUDA_SUCCESS || devices == 0) driver.cudaReason = initReason(kNoDevice);
}

void loadCuvid(Driver& driver) {
  void* library = open("libnvcuvid.so.1");
  if (!library) {
    driver.decodeReason = std::string("libnvcuvid.so.1") + kVideoCapability;
    return;
  }
  std::string missing;
#define SORTIE_ENTRY(name, type) \
  if (!find(library, #name, driver.name)) missing = #name;
  SORTIE_CUVID_ENTRIES(SORTIE_ENTRY)
#undef SORTIE_ENTRY
  if (!missing.empty()) driver.decodeReason = "libnvcuvid.so.1 has no " + missing + ": the driver is too old";
  find(library, "cuvidGetDecodeStatus", driver.cuvidGetDecodeStatus);
}

void loadNvenc(Driver& driver) {
  void* library = open("libnvidia-encode.so.1");
  if (!library) {
    driver.encodeReason = std::string("libnvidia-encode.so.1") + kVideoCapability;
    return;
  }
  NVENCSTATUS(NVENCAPI * maxVersion)(uint32_t*) = nullptr;
  NVENCSTATUS(NVENCAPI * create)(NV_ENCODE_API_FUNCTION_LIST*) = nullptr;
  if (!find(library, "NvEncodeAPIGetMaxSupportedVersion", maxVersion) || !find(library, "NvEncodeAPICreateInstance", create)) {
    driver.encodeReason = "libnvidia-encode.so.1 lacks its entry points: the driver is broken, install it again";
    return;
  }
  // Asked before anything else: with headers that are newer than the driver every call would fail with error 15 and
  // nothing said (nvEncodeAPI.h, NvEncodeAPIGetMaxSupportedVersion: major << 4 | minor).
  uint32_t most = 0;
  constexpr uint32_t kOurs = NVENCAPI_MAJOR_VERSION << 4 | NVENCAPI_MINOR_VERSION;
  if (maxVersion(&most) != NV_ENC_SUCCESS || most < kOurs) {
    driver.encodeReason = "the driver speaks NVENC " + std::to_string(most >> 4) + "." + std::to_string(most & 15) +
                          ", 11.1 is needed: install driver 470.57 or newer";
    return;
  }
  driver.nvenc.version = NV_ENCODE_API_FUNCTION_LIST_VER;
  const NVENCSTATUS created = create(&driver.nvenc);
  if (created != NV_ENC_SUCCESS) driver.encodeReason = "NVENC does not start: " + describe(created);
}

}  // namespace

const Driver& Driver::get() {
  static const Driver driver = [] {
    Driver loaded;
    loaded.version = kernelModuleVersion();
    loadCuda(loaded);
    if (loaded.cudaReason.empty()) {
      loadCuvid(loaded);
      loadNvenc(loaded);
    }
    return loaded;
  }();
  return driver;
}

bool isSticky(CUresult result) {
  switch (static_cast<int>(result)) {
    case 214:  // CUDA_ERROR_ECC_UNCORRECTABLE
    case 700:  // CUDA_ERROR_ILLEGAL_ADDRESS
    case 702:  // CUDA_ERROR_LAUNCH_TIMEOUT
    case 714:  // CUDA_ERROR_HARDWARE_STACK_ERROR
    case 715:  // CUDA_ERROR_ILLEGAL_INSTRUCTION
    case 716:  // CUDA_ERROR_MISALIGNED_ADDRESS
    case 717:  // CUDA_ERROR_INVALID_ADDRESS_SPACE
    case 718:  // CUDA_ERROR_INVALID_PC
    case 719:  // CUDA_ERROR_LAUNCH_FAILED
    case 999:  // CUDA_ERROR_UNKNOWN
      return true;
    default: return false;
  }
}

std::string describe(CUresult result) {
  const char* name = nullptr;
  // Not through get(): it may be what fails.
  static void* const library = open("libcuda.so.1");
  tcuGetErrorName* getName = nullptr;
  if (library && find(library, "cuGetErrorName", getName)) getName(result, &name);
  return std::string(name ? name : "CUDA error") + " (" + std::to_string(static_cast<int>(result)) + ")";
}

std::string describe(NVENCSTATUS status) {
  switch (status) {
    case NV_ENC_ERR_NO_ENCODE_DEVICE: return "the chip has no NVENC (no encode device, 1)";
    case NV_ENC_ERR_UNSUPPORTED_DEVICE:
      return "unsupported device (2): the chip has no NVENC, as A100, H100 and H200, or the container sees only some of the "
             "host's GPUs with a driver of the 570 or 580 branch (give it all, or the last one)";
    case NV_ENC_ERR_INVALID_ENCODERDEVICE: return "invalid encoder device (3)";
    case NV_ENC_ERR_INVALID_DEVICE: return "invalid device (4)";
    case NV_ENC_ERR_DEVICE_NOT_EXIST: return "the device is lost (5)";
    case NV_ENC_ERR_INVALID_PARAM: return "invalid parameter (8)";
    case NV_ENC_ERR_INVALID_CALL: return "invalid call (9)";
    case NV_ENC_ERR_OUT_OF_MEMORY:
      return "out of memory (10): the card's limit of NVENC sessions is reached, or its memory is full";
    case NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY:
      // Drivers since 2024 (obsproject/obs-studio#11259).
      return "incompatible client key (21): the card's limit of NVENC sessions is reached";
    case NV_ENC_ERR_UNSUPPORTED_PARAM: return "unsupported parameter (12)";
    case NV_ENC_ERR_INVALID_VERSION: return "invalid version (15)";
    case NV_ENC_ERR_ENCODER_BUSY: return "the encoder is busy (18)";
    case NV_ENC_ERR_RESOURCE_REGISTER_FAILED: return "a buffer could not be registered (23)";
    default: return "NVENC error (" + std::to_string(static_cast<int>(status)) + ")";
  }
}

void check(CUresult result, const char* call) {
  if (result != CUDA_SUCCESS) throw EngineError(Code::kGpuFailed, std::string(call) + " failed: " + describe(result) + ".");
}

}  // namespace sortie::nvidia
