#include "nvidia/encoder.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

namespace sortie::nvidia {

namespace {

constexpr int kBFrames = 3;     // "middle" as a reference pays from three on
constexpr int kLookahead = 24;  // with the B pictures at most 31 (NVENC guide, "Look-ahead")
// Pictures in the encoder beyond those that it holds back, so that it never waits for us. The oldest is fetched when the
// ring is full, long after it can be: GStreamer found the newest `lookaheadDepth` outputs not lockable even after success.
constexpr int kInFlight = 4;
constexpr double kSteadyGops = 1.5, kUnsteadyGops = 4;  // of the distance of IDR pictures
constexpr int kBusyTries = 2000;
constexpr uint32_t kMostHeaderBytes = 1024;

GUID presetOf(const std::string& name) {
  const GUID presets[] = {NV_ENC_PRESET_P1_GUID, NV_ENC_PRESET_P2_GUID, NV_ENC_PRESET_P3_GUID, NV_ENC_PRESET_P4_GUID,
                          NV_ENC_PRESET_P5_GUID, NV_ENC_PRESET_P6_GUID, NV_ENC_PRESET_P7_GUID};
  if (name.size() == 2 && name[0] == 'p' && name[1] >= '1' && name[1] <= '7') return presets[name[1] - '1'];
  throw EngineError(Code::kEncodeFailed, "NVENC has no preset \"" + name + "\"; p1 (fastest) to p7 (best) are there.");
}

/** The card has no session left: some drivers say so when one is opened, others when it begins. */
bool isSessionLimit(NVENCSTATUS status) { return status == NV_ENC_ERR_OUT_OF_MEMORY || status == NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY; }

bool same(const GUID& a, const GUID& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

uint32_t clampRate(int64_t rate) { return static_cast<uint32_t>(std::clamp<int64_t>(rate, 0, UINT32_MAX)); }

}  // namespace

EncodeSession::EncodeSession(DevicePtr device, bool hevc)
    : device_(std::move(device)), codec_(hevc ? NV_ENC_CODEC_HEVC_GUID : NV_ENC_CODEC_H264_GUID) {
  const Driver& driver = device_->driver;
  if (!driver.encodeReason.empty()) throw Unavailable(driver.encodeReason);
  const Device::Current current(*device_);
  NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS open{};
  open.version = NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER;
  open.deviceType = NV_ENC_DEVICE_TYPE_CUDA;
  open.device = device_->context();
  open.apiVersion = NVENCAPI_VERSION;
  const NVENCSTATUS opened = api().nvEncOpenEncodeSessionEx(&open, &encoder_);
  if (opened != NV_ENC_SUCCESS) {
    // nvEncodeAPI.h asks for nvEncDestroyEncoder after a failed open too; there must be something to destroy.
    if (encoder_) api().nvEncDestroyEncoder(encoder_);
    throw Unavailable(describe(opened));
  }
  uint32_t count = 0, written = 0;
  std::vector<GUID> codecs;
  if (api().nvEncGetEncodeGUIDCount(encoder_, &count) == NV_ENC_SUCCESS) {
    codecs.resize(count);
    api().nvEncGetEncodeGUIDs(encoder_, codecs.data(), count, &written);
  }
  if (std::none_of(codecs.begin(), codecs.end(), [&](const GUID& guid) { return same(guid, codec_); })) {
    api().nvEncDestroyEncoder(encoder_);
    throw Unavailable(std::string("this GPU's NVENC does not encode ") + (hevc ? "HEVC" : "H.264"));
  }
}

EncodeSession::~EncodeSession() {
  if (device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  api().nvEncDestroyEncoder(encoder_);
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

int EncodeSession::cap(NV_ENC_CAPS which) const {
  NV_ENC_CAPS_PARAM ask{};
  ask.version = NV_ENC_CAPS_PARAM_VER;
  ask.capsToQuery = which;
  int value = 0;
  return api().nvEncGetEncodeCaps(encoder_, codec_, &ask, &value) == NV_ENC_SUCCESS ? value : 0;
}

EncoderCaps EncodeSession::caps() const {
  const Device::Current current(*device_);
  EncoderCaps caps;
  caps.minWidth = cap(NV_ENC_CAPS_WIDTH_MIN);
  caps.minHeight = cap(NV_ENC_CAPS_HEIGHT_MIN);
  caps.maxWidth = cap(NV_ENC_CAPS_WIDTH_MAX);
  caps.maxHeight = cap(NV_ENC_CAPS_HEIGHT_MAX);
  caps.bFrames = cap(NV_ENC_CAPS_NUM_MAX_BFRAMES);
  caps.bReferences = (cap(NV_ENC_CAPS_SUPPORT_BFRAME_REF_MODE) & 2) != 0;  // bit 1: "middle"
  caps.lookahead = cap(NV_ENC_CAPS_SUPPORT_LOOKAHEAD) != 0;
  caps.tenBit = cap(NV_ENC_CAPS_SUPPORT_10BIT_ENCODE) != 0;
  caps.engines = cap(NV_ENC_CAPS_NUM_ENCODER_ENGINES);
  return caps;
}

std::string EncodeSession::lastError() const {
  const char* words = api().nvEncGetLastErrorString ? api().nvEncGetLastErrorString(encoder_) : nullptr;
  return words && *words ? std::string(": ") + words : "";
}

void EncodeSession::check(NVENCSTATUS status, const char* call) const {
  if (status != NV_ENC_SUCCESS)
    throw EngineError(Code::kGpuFailed, std::string(call) + " failed: " + describe(status) + lastError() + ".");
}

NvidiaEncoder::NvidiaEncoder(DevicePtr device, EncoderSettings settings, Stream& stream)
    : device_(std::move(device)), settings_(std::move(settings)), stream_(stream), session_(device_, settings_.hevc), caps_(session_.caps()) {
  const auto fits = [](int size, int least, int most) { return size >= least && (most == 0 || size <= most); };
  if (!fits(settings_.width, caps_.minWidth, caps_.maxWidth) || !fits(settings_.height, caps_.minHeight, caps_.maxHeight))
    throw Unavailable("NVENC takes " + std::to_string(caps_.minWidth) + "x" + std::to_string(caps_.minHeight) + " to " +
                      std::to_string(caps_.maxWidth) + "x" + std::to_string(caps_.maxHeight) + " pixels, not " +
                      std::to_string(settings_.width) + "x" + std::to_string(settings_.height));
  if (settings_.tenBit && !caps_.tenBit) throw Unavailable("this GPU's NVENC does not encode ten bits");
}

NvidiaEncoder::~NvidiaEncoder() { close(); }

NV_ENC_CONFIG NvidiaEncoder::configure(const DeviceSurface& first) {
  NV_ENC_PRESET_CONFIG preset{};
  preset.version = NV_ENC_PRESET_CONFIG_VER;
  preset.presetCfg.version = NV_ENC_CONFIG_VER;
  session_.check(session_.api().nvEncGetEncodePresetConfigEx(session_.get(), session_.codec(), presetOf(settings_.gpuPreset),
                                                            NV_ENC_TUNING_INFO_HIGH_QUALITY, &preset),
                 "nvEncGetEncodePresetConfigEx");
  NV_ENC_CONFIG config = preset.presetCfg;
  const int bFrames = std::min(kBFrames, caps_.bFrames);
  config.frameIntervalP = bFrames + 1;
  // IDR pictures come by FORCEIDR. The period is a little longer than theirs, so that it adds none, and near enough that the
  // rate control plans for what comes.
  const double gops = settings_.steadyRate ? kSteadyGops : kUnsteadyGops;
  config.gopLength = static_cast<uint32_t>(std::clamp(std::ceil(av_q2d(settings_.frameRate) * settings_.gopSeconds * gops), settings_.steadyRate ? 2.0 : 250.0, 1e5));

  NV_ENC_RC_PARAMS& rate = config.rcParams;
  rate.rateControlMode = NV_ENC_PARAMS_RC_VBR;
  rate.multiPass = NV_ENC_TWO_PASS_QUARTER_RESOLUTION;
  rate.averageBitRate = clampRate(settings_.bitrate);
  rate.maxBitRate = clampRate(settings_.maxBitrate);
  rate.vbvBufferSize = clampRate(settings_.bufferSize);
  rate.vbvInitialDelay = clampRate(settings_.bufferSize * 9 / 10);
  // "Do not enable spatial and temporal adaptive quantization together" (NVIDIA's FFmpeg guide, 6.1.8).
  rate.enableAQ = 1;
  rate.enableTemporalAQ = 0;
  rate.enableLookahead = caps_.lookahead;
  rate.lookaheadDepth = caps_.lookahead ? kLookahead : 0;
  rate.disableIadapt = 1;  // no I pictures at scene cuts between the IDRs
  rate.disableBadapt = 0;

  const Colour& colour = first.colour;
  const auto vui = [&](auto& parameters) {
    parameters.videoSignalTypePresentFlag = 1;
    parameters.videoFormat = 5;  // unspecified (ITU-T H.264, table E-2)
    parameters.videoFullRangeFlag = 0;
    parameters.colourDescriptionPresentFlag = 1;
    parameters.colourPrimaries = colour.primaries;
    parameters.transferCharacteristics = colour.transfer;
    parameters.colourMatrix = colour.space;
    parameters.chromaSampleLocationFlag = 1;  // both fields 0: left
    parameters.bitstreamRestrictionFlag = 1;
  };
  if (settings_.hevc) {
    config.profileGUID = settings_.tenBit ? NV_ENC_HEVC_PROFILE_MAIN10_GUID : NV_ENC_HEVC_PROFILE_MAIN_GUID;
    NV_ENC_CONFIG_HEVC& hevc = config.encodeCodecConfig.hevcConfig;
    hevc.level = NV_ENC_LEVEL_AUTOSELECT;
    hevc.idrPeriod = config.gopLength;
    hevc.chromaFormatIDC = 1;
    hevc.pixelBitDepthMinus8 = settings_.tenBit ? 2 : 0;
    // They stand in the initialisation section and nowhere else (ISO 14496-15, hvc1).
    hevc.repeatSPSPPS = 0;
    hevc.disableSPSPPS = 1;
    hevc.outputAUD = 0;
    hevc.useBFramesAsRef = bFrames > 1 && caps_.bReferences ? NV_ENC_BFRAME_REF_MODE_MIDDLE : NV_ENC_BFRAME_REF_MODE_DISABLED;
    vui(hevc.hevcVUIParameters);
  } else {
    config.profileGUID = NV_ENC_H264_PROFILE_HIGH_GUID;
    NV_ENC_CONFIG_H264& h264 = config.encodeCodecConfig.h264Config;
    h264.level = NV_ENC_LEVEL_AUTOSELECT;
    h264.idrPeriod = config.gopLength;
    h264.chromaFormatIDC = 1;
    h264.entropyCodingMode = NV_ENC_H264_ENTROPY_CODING_MODE_CABAC;
    h264.repeatSPSPPS = 0;  // avc1 (ISO 14496-15)
    h264.disableSPSPPS = 1;
    h264.outputAUD = 0;
    h264.useBFramesAsRef = bFrames > 1 && caps_.bReferences ? NV_ENC_BFRAME_REF_MODE_MIDDLE : NV_ENC_BFRAME_REF_MODE_DISABLED;
    vui(h264.h264VUIParameters);
  }
  reorder_ = config.frameIntervalP - 1;
  ring_ = static_cast<size_t>(config.frameIntervalP + static_cast<int>(rate.lookaheadDepth) + kInFlight);
  return config;
}

void NvidiaEncoder::initialise(const DeviceSurface& first) {
  NV_ENC_CONFIG config = configure(first);
  NV_ENC_INITIALIZE_PARAMS parameters{};
  parameters.version = NV_ENC_INITIALIZE_PARAMS_VER;
  parameters.encodeGUID = session_.codec();
  parameters.presetGUID = presetOf(settings_.gpuPreset);
  parameters.tuningInfo = NV_ENC_TUNING_INFO_HIGH_QUALITY;
  parameters.encodeWidth = parameters.maxEncodeWidth = parameters.darWidth = static_cast<uint32_t>(settings_.width);
  parameters.encodeHeight = parameters.maxEncodeHeight = parameters.darHeight = static_cast<uint32_t>(settings_.height);
  parameters.frameRateNum = static_cast<uint32_t>(settings_.frameRate.num);
  parameters.frameRateDen = static_cast<uint32_t>(settings_.frameRate.den);
  parameters.enablePTD = 1;
  parameters.encodeConfig = &config;
  const NVENCSTATUS started = session_.api().nvEncInitializeEncoder(session_.get(), &parameters);
  if (isSessionLimit(started)) throw Unavailable(describe(started));
  session_.check(started, "nvEncInitializeEncoder");
  initialised_ = true;
  // In and out on the scaler's stream: the encode waits for the kernels on the device, no thread does (nvEncSetIOCudaStreams).
  session_.check(session_.api().nvEncSetIOCudaStreams(session_.get(), stream_.address(), stream_.address()), "nvEncSetIOCudaStreams");
  for (size_t i = 0; i < ring_; ++i) {
    NV_ENC_CREATE_BITSTREAM_BUFFER buffer{};
    buffer.version = NV_ENC_CREATE_BITSTREAM_BUFFER_VER;
    session_.check(session_.api().nvEncCreateBitstreamBuffer(session_.get(), &buffer), "nvEncCreateBitstreamBuffer");
    outputs_.push_back(buffer.bitstreamBuffer);
  }
  freeOutputs_ = outputs_;
  describeStream(first.colour);
}

void NvidiaEncoder::describeStream(const Colour& colour) {
  uint8_t bytes[kMostHeaderBytes];
  uint32_t size = 0;
  NV_ENC_SEQUENCE_PARAM_PAYLOAD header{};
  header.version = NV_ENC_SEQUENCE_PARAM_PAYLOAD_VER;
  header.spsppsBuffer = bytes;
  header.inBufferSize = sizeof bytes;
  header.outSPSPPSPayloadSize = &size;
  session_.check(session_.api().nvEncGetSequenceParams(session_.get(), &header), "nvEncGetSequenceParams");
  parameters_.reset(avcodec_parameters_alloc());
  if (!parameters_) throw std::bad_alloc();
  AVCodecParameters& stream = *parameters_;
  stream.codec_type = AVMEDIA_TYPE_VIDEO;
  stream.codec_id = settings_.hevc ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264;
  stream.width = settings_.width;
  stream.height = settings_.height;
  stream.format = settings_.tenBit ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
  stream.sample_aspect_ratio = {1, 1};
  stream.color_primaries = colour.primaries;
  stream.color_trc = colour.transfer;
  stream.color_space = colour.space;
  stream.color_range = AVCOL_RANGE_MPEG;
  stream.chroma_location = AVCHROMA_LOC_LEFT;
  stream.video_delay = reorder_;
  stream.bit_rate = settings_.bitrate;
  stream.extradata = static_cast<uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
  if (!stream.extradata) throw std::bad_alloc();
  std::memcpy(stream.extradata, bytes, size);
  stream.extradata_size = static_cast<int>(size);
}

NV_ENC_INPUT_PTR NvidiaEncoder::map(const Planes& planes) {
  // Registering takes long, so each place of the scaler's pool is registered once (nvEncRegisterResource).
  NV_ENC_REGISTERED_PTR& resource = registered_[planes.data];
  if (!resource) {
    NV_ENC_REGISTER_RESOURCE registration{};
    registration.version = NV_ENC_REGISTER_RESOURCE_VER;
    registration.resourceType = NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR;
    registration.width = static_cast<uint32_t>(settings_.width);
    registration.height = static_cast<uint32_t>(settings_.height);
    registration.pitch = static_cast<uint32_t>(planes.pitch);
    registration.resourceToRegister = reinterpret_cast<void*>(planes.data);
    registration.bufferFormat = planes.wide ? NV_ENC_BUFFER_FORMAT_YUV420_10BIT : NV_ENC_BUFFER_FORMAT_NV12;
    session_.check(session_.api().nvEncRegisterResource(session_.get(), &registration), "nvEncRegisterResource");
    resource = registration.registeredResource;
  }
  NV_ENC_MAP_INPUT_RESOURCE mapping{};
  mapping.version = NV_ENC_MAP_INPUT_RESOURCE_VER;
  mapping.registeredResource = resource;
  session_.check(session_.api().nvEncMapInputResource(session_.get(), &mapping), "nvEncMapInputResource");
  return mapping.mappedResource;
}

void NvidiaEncoder::submit(NV_ENC_PIC_PARAMS& picture) {
  for (int attempt = 0;; ++attempt) {
    const NVENCSTATUS status = session_.api().nvEncEncodePicture(session_.get(), &picture);
    // Kept for reordering or lookahead: not an error.
    if (status == NV_ENC_SUCCESS || status == NV_ENC_ERR_NEED_MORE_INPUT) return;
    if (status != NV_ENC_ERR_ENCODER_BUSY || attempt == kBusyTries) session_.check(status, "nvEncEncodePicture");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void NvidiaEncoder::encode(const Picture& picture, const Sink& sink) {
  const auto* surface = dynamic_cast<const DeviceSurface*>(picture.surface.get());
  if (!surface) throw EngineError(Code::kInternal, "NVENC was given a picture that does not lie on the GPU.");
  const Device::Current current(*device_);
  if (!initialised_) initialise(*surface);
  if (freeOutputs_.empty()) takeOldest(&sink);

  const NV_ENC_INPUT_PTR mapped = map(surface->planes);
  inputs_[static_cast<uint64_t>(picture.pts)] = {mapped, picture.surface};
  const NV_ENC_OUTPUT_PTR output = freeOutputs_.back();
  freeOutputs_.pop_back();
  NV_ENC_PIC_PARAMS parameters{};
  parameters.version = NV_ENC_PIC_PARAMS_VER;
  parameters.inputBuffer = mapped;
  parameters.bufferFmt = surface->planes.wide ? NV_ENC_BUFFER_FORMAT_YUV420_10BIT : NV_ENC_BUFFER_FORMAT_NV12;
  parameters.inputWidth = static_cast<uint32_t>(settings_.width);
  parameters.inputHeight = static_cast<uint32_t>(settings_.height);
  parameters.inputPitch = static_cast<uint32_t>(surface->planes.pitch);
  parameters.outputBitstream = output;
  parameters.pictureStruct = NV_ENC_PIC_STRUCT_FRAME;
  parameters.inputTimeStamp = static_cast<uint64_t>(picture.pts);
  parameters.encodePicFlags = picture.key ? NV_ENC_PIC_FLAG_FORCEIDR : 0;
  sent_.push_back(output);
  flushed_ = false;
  if (!started_) {
    started_ = true;
    // NVENC gives no decoding times. The k-th packet is decoded at the k-th presentation time less the reordering; the
    // first ones, at times before the first picture (as FFmpeg's nvenc.c).
    const int64_t frame = std::max<int64_t>(1, av_rescale_q(1, av_inv_q(settings_.frameRate), kTicks));
    for (int i = reorder_; i > 0; --i) times_.push_back(picture.pts - i * frame);
  }
  times_.push_back(picture.pts);
  submit(parameters);
}

int64_t NvidiaEncoder::nextDts() {
  const int64_t dts = times_.front();
  times_.pop_front();
  return dts;
}

/** "The client must unmap the buffer after NvEncLockBitstream returns successfully for encode work submitted using" it. */
void NvidiaEncoder::release(uint64_t pts) {
  const auto found = inputs_.find(pts);
  if (found == inputs_.end()) return;
  session_.api().nvEncUnmapInputResource(session_.get(), found->second.mapped);
  inputs_.erase(found);
}

void NvidiaEncoder::takeOldest(const Sink* sink) {
  const NV_ENC_OUTPUT_PTR output = sent_.front();
  sent_.pop_front();
  NV_ENC_LOCK_BITSTREAM lock{};
  lock.version = NV_ENC_LOCK_BITSTREAM_VER;
  lock.outputBitstream = output;
  const NVENCSTATUS locked = session_.api().nvEncLockBitstream(session_.get(), &lock);
  PacketPtr packet;
  if (locked == NV_ENC_SUCCESS) {
    if (sink) {
      packet = makePacket();
      if (av_new_packet(packet.get(), static_cast<int>(lock.bitstreamSizeInBytes)) < 0) packet.reset();
      if (packet) {
        std::memcpy(packet->data, lock.bitstreamBufferPtr, lock.bitstreamSizeInBytes);
        packet->pts = static_cast<int64_t>(lock.outputTimeStamp);
        packet->dts = nextDts();
        if (lock.pictureType == NV_ENC_PIC_TYPE_IDR) packet->flags |= AV_PKT_FLAG_KEY;
      }
    }
    session_.api().nvEncUnlockBitstream(session_.get(), output);
    release(lock.outputTimeStamp);
  }
  freeOutputs_.push_back(output);
  session_.check(locked, "nvEncLockBitstream");
  if (!sink) return;
  if (!packet) throw std::bad_alloc();
  (*sink)(packet.get());
}

void NvidiaEncoder::finish(const Sink& sink) {
  if (!initialised_) return;
  const Device::Current current(*device_);
  NV_ENC_PIC_PARAMS end{};
  end.version = NV_ENC_PIC_PARAMS_VER;
  end.encodePicFlags = NV_ENC_PIC_FLAG_EOS;
  submit(end);
  flushed_ = true;
  while (!sent_.empty()) takeOldest(&sink);
}

void NvidiaEncoder::close() noexcept {
  if (!initialised_ || device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  const NV_ENCODE_API_FUNCTION_LIST& api = session_.api();
  try {
    // A run that was given up: the encoder must be told the end before its buffers go.
    if (!flushed_) {
      NV_ENC_PIC_PARAMS end{};
      end.version = NV_ENC_PIC_PARAMS_VER;
      end.encodePicFlags = NV_ENC_PIC_FLAG_EOS;
      submit(end);
    }
    while (!sent_.empty()) takeOldest(nullptr);
  } catch (const std::exception&) {
    // The device is lost, or the encoder refuses its end.
  }
  for (const auto& [pts, input] : inputs_) api.nvEncUnmapInputResource(session_.get(), input.mapped);
  for (const auto& [data, resource] : registered_)
    if (resource) api.nvEncUnregisterResource(session_.get(), resource);
  for (NV_ENC_OUTPUT_PTR output : outputs_) api.nvEncDestroyBitstreamBuffer(session_.get(), output);
  sent_.clear();
  inputs_.clear();
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

}  // namespace sortie::nvidia
