#include "nvidia/device.h"

#include "nvidia/kernels.ptx.h"

namespace sortie::nvidia {

namespace {
constexpr unsigned kBlockWidth = 32, kBlockHeight = 8;
constexpr const char* kNames[] = {"across_y8", "across_uv8", "across_y16", "across_uv16", "down_y8", "down_uv8", "down_y16", "down_uv16", "turn_1", "turn_2", "turn_4", "tone_map"};
static_assert(sizeof kNames / sizeof *kNames == static_cast<size_t>(Kernel::kCount));
}  // namespace

std::shared_ptr<Device> Device::open(int ordinal) {
  const Driver& driver = Driver::get();
  if (!driver.cudaReason.empty()) throw Unavailable(driver.cudaReason);
  CUdevice device = 0;
  if (driver.cuDeviceGet(&device, ordinal) != CUDA_SUCCESS) {
    int count = 0;
    driver.cuDeviceGetCount(&count);
    throw Unavailable("there is no GPU " + std::to_string(ordinal) + "; " + std::to_string(count) + " are visible, counted from 0");
  }
  char name[128] = {};
  driver.cuDeviceGetName(name, sizeof name, device);
  // The primary context, so that other users of CUDA in the process share it. Blocking waits leave the cores to libx264
  // and to the other jobs; when somebody made it active with other flags, those do as well.
  unsigned flags = 0;
  int active = 0;
  if (driver.cuDevicePrimaryCtxGetState(device, &flags, &active) == CUDA_SUCCESS && !active)
    driver.cuDevicePrimaryCtxSetFlags(device, CU_CTX_SCHED_BLOCKING_SYNC);
  CUcontext context = nullptr;
  const CUresult retained = driver.cuDevicePrimaryCtxRetain(&context, device);
  if (retained != CUDA_SUCCESS) throw Unavailable("the GPU " + std::string(name) + " cannot be used: " + describe(retained));
  std::shared_ptr<Device> opened(new Device(driver, ordinal, name, device, context));
  opened->loadKernels();
  return opened;
}

void Device::loadKernels() {
  const Current current(*this);
  const CUresult loaded = driver.cuModuleLoadData(&module_, kKernels);
  if (loaded != CUDA_SUCCESS)
    throw Unavailable("the driver does not take the kernels: " + describe(loaded) + "; a driver of 470.57 or newer does");
  for (size_t i = 0; i < static_cast<size_t>(Kernel::kCount); ++i)
    check(driver.cuModuleGetFunction(&kernels_[i], module_, kNames[i]), "cuModuleGetFunction");
}

Device::~Device() {
  if (module_ && driver.cuCtxPushCurrent_v2(context_) == CUDA_SUCCESS) {
    driver.cuModuleUnload(module_);
    driver.cuCtxPopCurrent_v2(nullptr);
  }
  driver.cuDevicePrimaryCtxRelease(device_);
}

void Device::launch(Kernel kernel, int width, int height, void* parameters, CUstream stream) const {
  void* arguments[] = {parameters};
  check(driver.cuLaunchKernel(kernels_[static_cast<size_t>(kernel)], (static_cast<unsigned>(width) + kBlockWidth - 1) / kBlockWidth,
                              (static_cast<unsigned>(height) + kBlockHeight - 1) / kBlockHeight, 1, kBlockWidth, kBlockHeight, 1, 0,
                              stream, arguments, nullptr),
        "cuLaunchKernel");
}

std::pair<size_t, size_t> Device::memory() const {
  const Current current(*this);
  size_t free = 0, total = 0;
  check(driver.cuMemGetInfo_v2(&free, &total), "cuMemGetInfo");
  return {free, total};
}

Stream::Stream(DevicePtr device) : device_(std::move(device)) {
  const Device::Current current(*device_);
  check(device_->driver.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
}

Stream::~Stream() {
  if (device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  device_->driver.cuStreamSynchronize(stream_);
  device_->driver.cuStreamDestroy_v2(stream_);
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

void Stream::synchronize() const {
  const Device::Current current(*device_);
  check(device_->driver.cuStreamSynchronize(stream_), "cuStreamSynchronize");
}

Settle::~Settle() {
  if (std::uncaught_exceptions() == before_) return;
  try {
    stream_.synchronize();
  } catch (const std::exception&) {
    // A lost device runs nothing any more; the first failure is the one that is told.
  }
}

Event::Event(DevicePtr device) : device_(std::move(device)) {
  const Device::Current current(*device_);
  check(device_->driver.cuEventCreate(&event_, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC), "cuEventCreate");
}

Event::~Event() {
  if (device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  device_->driver.cuEventDestroy_v2(event_);
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

void Event::record(CUstream stream) const {
  const Device::Current current(*device_);
  check(device_->driver.cuEventRecord(event_, stream), "cuEventRecord");
}

void Event::synchronize() const {
  const Device::Current current(*device_);
  check(device_->driver.cuEventSynchronize(event_), "cuEventSynchronize");
}

void Event::holdUp(CUstream stream) const {
  const Device::Current current(*device_);
  check(device_->driver.cuStreamWaitEvent(stream, event_, 0), "cuStreamWaitEvent");
}

Memory::Memory(DevicePtr device, size_t rowBytes, size_t rows) : device_(std::move(device)) {
  constexpr unsigned kElement = 16;  // bytes that are read at once at most
  const Device::Current current(*device_);
  check(device_->driver.cuMemAllocPitch_v2(&data_, &pitch_, rowBytes, rows, kElement), "cuMemAllocPitch");
}

Memory::~Memory() {
  if (device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  device_->driver.cuMemFree_v2(data_);
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

Table::Table(DevicePtr device, const void* data, size_t bytes) : device_(std::move(device)) {
  const Device::Current current(*device_);
  check(device_->driver.cuMemAlloc_v2(&data_, bytes), "cuMemAlloc");
  CUresult copied = device_->driver.cuMemcpyHtoD_v2(data_, data, bytes);
  // A copy from pageable memory may land after the call, on the default stream, for which streams that do not block never wait
  // (CUDA Driver API, "API synchronization behavior").
  if (copied == CUDA_SUCCESS) copied = device_->driver.cuStreamSynchronize(nullptr);
  if (copied != CUDA_SUCCESS) {
    device_->driver.cuMemFree_v2(data_);
    check(copied, "cuMemcpyHtoD");
  }
}

Table::~Table() {
  if (device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  device_->driver.cuMemFree_v2(data_);
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

}  // namespace sortie::nvidia
