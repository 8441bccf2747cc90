// NVENC: one session of one rendition. Pictures stay where the scaler wrote them; only the finished bitstream is copied.
#pragma once
#include <deque>
#include <map>
#include <memory>

#include "../encoder.h"
#include "nvidia/surface.h"

namespace sortie::nvidia {

/** What the encoder of a device can do with a codec. */
struct EncoderCaps {
  int minWidth = 0, minHeight = 0, maxWidth = 0, maxHeight = 0;
  int bFrames = 0;
  bool bReferences = false;
  bool lookahead = false;
  bool tenBit = false;
  int engines = 0;
};

/** An open session, closed with its resources. */
class EncodeSession {
 public:
  /** Throws Unavailable: no NVENC, no more sessions, codec not offered. */
  EncodeSession(DevicePtr device, bool hevc);
  ~EncodeSession();
  EncodeSession(const EncodeSession&) = delete;
  EncodeSession& operator=(const EncodeSession&) = delete;

  EncoderCaps caps() const;
  void* get() const { return encoder_; }
  const NV_ENCODE_API_FUNCTION_LIST& api() const { return device_->driver.nvenc; }
  const GUID& codec() const { return codec_; }
  /** Throws GPU_FAILED with the driver's own words. */
  void check(NVENCSTATUS status, const char* call) const;
  std::string lastError() const;

 private:
  int cap(NV_ENC_CAPS which) const;
  const DevicePtr device_;
  const GUID codec_;
  void* encoder_ = nullptr;
};

class NvidiaEncoder final : public Encoder {
 public:
  /** Opens the session, so that its limit shows before the first picture. Throws Unavailable. */
  NvidiaEncoder(DevicePtr device, EncoderSettings settings, Stream& stream);
  ~NvidiaEncoder() override;
  void encode(const Picture& picture, const Sink& sink) override;
  void finish(const Sink& sink) override;
  const AVCodecParameters& parameters() const override { return *parameters_; }
  const char* name() const override { return "NVENC"; }

 private:
  /** A picture that the encoder may still read. */
  struct Input {
    NV_ENC_INPUT_PTR mapped = nullptr;
    SurfacePtr surface;
  };
  void initialise(const DeviceSurface& first);
  NV_ENC_CONFIG configure(const DeviceSurface& first);
  void describeStream(const Colour& colour);
  NV_ENC_INPUT_PTR map(const Planes& planes);
  void release(uint64_t pts);
  void submit(NV_ENC_PIC_PARAMS& picture);
  void takeOldest(const Sink* sink);
  int64_t nextDts();
  void close() noexcept;

  const DevicePtr device_;
  const EncoderSettings settings_;
  Stream& stream_;
  EncodeSession session_;
  const EncoderCaps caps_;
  ParametersPtr parameters_;
  bool initialised_ = false;
  bool started_ = false;
  bool flushed_ = true;
  int reorder_ = 0;
  size_t ring_ = 0;
  std::map<CUdeviceptr, NV_ENC_REGISTERED_PTR> registered_;
  std::vector<NV_ENC_OUTPUT_PTR> outputs_;
  std::vector<NV_ENC_OUTPUT_PTR> freeOutputs_;
  /** Buffers that bits will come in, in coding order. */
  std::deque<NV_ENC_OUTPUT_PTR> sent_;
  /** By presentation time: with B pictures the k-th bits are not those of the k-th picture. */
  std::map<uint64_t, Input> inputs_;
  /** Presentation times in order, from that of the next packet's decoding on. */
  std::deque<int64_t> times_;
};

}  // namespace sortie::nvidia
