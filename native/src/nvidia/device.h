// One GPU: its primary context, the kernels, and owners for what is made on it.
#pragma once
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nvidia/driver.h"

namespace sortie::nvidia {

enum class Kernel { kAcrossY8, kAcrossUv8, kAcrossY16, kAcrossUv16, kDownY8, kDownUv8, kDownY16, kDownUv16, kTurn1, kTurn2, kTurn4, kToneMap, kCount };

class Device {
 public:
  /** Throws Unavailable that says why, also for a card whose driver cannot compile the kernels. */
  static std::shared_ptr<Device> open(int ordinal);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /** Makes the context the thread's current one for a scope; a thread starts with none (CUDA_ERROR_INVALID_CONTEXT). */
  class Current {
   public:
    explicit Current(const Device& device) : driver_(device.driver) { check(driver_.cuCtxPushCurrent_v2(device.context_), "cuCtxPushCurrent"); }
    ~Current() { driver_.cuCtxPopCurrent_v2(nullptr); }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    const Driver& driver_;
  };

  void launch(Kernel kernel, int width, int height, void* parameters, CUstream stream) const;
  CUcontext context() const { return context_; }
  int ordinal() const { return ordinal_; }
  /** Free and total bytes. */
  std::pair<size_t, size_t> memory() const;

  const Driver& driver;
  const std::string name;

 private:
  Device(const Driver& driver, int ordinal, std::string name, CUdevice device, CUcontext context)
      : driver(driver), name(std::move(name)), ordinal_(ordinal), device_(device), context_(context) {}
  void loadKernels();

  const int ordinal_;
  const CUdevice device_;
  const CUcontext context_;
  CUmodule module_ = nullptr;
  CUfunction kernels_[static_cast<int>(Kernel::kCount)] = {};
};
using DevicePtr = std::shared_ptr<const Device>;

/** Work in order, beside other streams; never the default stream, which waits for all. */
class Stream {
 public:
  explicit Stream(DevicePtr device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  CUstream get() const { return stream_; }
  CUstream* address() { return &stream_; }
  void synchronize() const;

 private:
  const DevicePtr device_;
  CUstream stream_ = nullptr;
};

/** Waits for the stream when its scope is left by an exception: what was launched may still read what is let go. */
class Settle {
 public:
  explicit Settle(const Stream& stream) : stream_(stream), before_(std::uncaught_exceptions()) {}
  ~Settle();
  Settle(const Settle&) = delete;
  Settle& operator=(const Settle&) = delete;

 private:
  const Stream& stream_;
  const int before_;
};

/** A mark in a stream's work that other streams, or a thread, wait for. */
class Event {
 public:
  explicit Event(DevicePtr device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(CUstream stream) const;
  void synchronize() const;
  /** What `stream` does from now on waits for the mark. */
  void holdUp(CUstream stream) const;

 private:
  const DevicePtr device_;
  CUevent event_ = nullptr;
};

/** Device memory in rows. cuMemAllocPitch, never the stream-ordered allocator: NVENC refuses to register that. */
class Memory {
 public:
  Memory(DevicePtr device, size_t rowBytes, size_t rows);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  CUdeviceptr data() const { return data_; }
  size_t pitch() const { return pitch_; }

 private:
  const DevicePtr device_;
  CUdeviceptr data_ = 0;
  size_t pitch_ = 0;
};

/** A table that is copied to the device once. */
class Table {
 public:
  Table(DevicePtr device, const void* data, size_t bytes);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  CUdeviceptr data() const { return data_; }

 private:
  const DevicePtr device_;
  CUdeviceptr data_ = 0;
};

}  // namespace sortie::nvidia
