// libnvidia-encode.so.1, API 11.1: sessions with the real contract (order of calls, version words, which pictures come out
// when), coding without loss. Rules follow nvEncodeAPI.h and what FFmpeg's nvenc.c and GStreamer's nvcodec rely on.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "coder.h"
#include "standin.h"
#include "stream.h"

#include "../src/nvidia/sdk/nvEncodeAPI.h"

namespace {

using namespace standin;

struct Resource {
  /** On the device; of a buffer of NVENC's own, where the host finds it. */
  void* address;
  unsigned width, height, pitch;
  NV_ENC_BUFFER_FORMAT format;
  bool mapped = false;
  bool locked = false;
  std::atomic<int> inFlight{0};
  Bytes own;  // of buffers that nvEncCreateInputBuffer made
};

struct Output {
  Bytes data;
  bool submitted = false;
  bool scheduled = false;  // some picture's bits will come here
  bool ready = false;
  bool locked = false;
  uint64_t sequence = 0;
  uint64_t timestamp = 0, duration = 0;
  NV_ENC_PIC_TYPE type = NV_ENC_PIC_TYPE_UNKNOWN;
  uint32_t index = 0;
  Resource* input = nullptr;  // of the picture whose bits these are
};

/**
 * A submitted picture. Its samples are read after what its input stream held when it came: with lookahead when it is coded ("input
 * frames must remain available to the encoder until encode completion", nvEncodeAPI.h), else into a copy ("will make a copy of
 * the input buffers to its internal buffers for re-ordering").
 */
struct Input {
  Resource* resource;
  uint64_t timestamp, duration;
  uint32_t flags;
  uint64_t order;
  Type type = Type::kP;
  std::shared_ptr<Event> written;
  uint64_t mark = 0;
  std::shared_ptr<Bytes> copy;
};

struct Session {
  static constexpr uint32_t kMagic = 0x534f5254;
  uint32_t magic = kMagic;
  std::mutex mutex;
  std::condition_variable coded;
  bool initialised = false;
  bool ended = false;
  bool hevc = false;
  NV_ENC_INITIALIZE_PARAMS parameters{};
  NV_ENC_CONFIG config{};
  CUstream stream = nullptr;
  bool streamed = false;
  std::list<std::unique_ptr<Resource>> resources;
  std::list<std::unique_ptr<Output>> outputs;
  std::deque<Output*> waiting;  // submitted, in the order in which bits will come
  std::deque<Input> inputs;     // kept for reordering or lookahead
  uint64_t submitted = 0, sent = 0, fetched = 0;
  uint64_t sinceIdr = 0;
  bool started = false;
  unsigned frameNumber = 0, idrs = 0;
  uint64_t idrOrder = 0;
  uint32_t index = 0;
  int pending = 0;  // pictures that the engine has yet to code
  /** Pictures that were submitted and whose bits nobody has fetched yet, by the number of their input. */
  std::map<Resource*, int> unfetched;
  int place = -1;  // in the system's sessions
  std::string error;
  /** Codes one picture after the other, beside all streams. */
  Stream engine{false};
};

std::atomic<int> opened{0};

/**
 * One of the places that the limit leaves, for all processes that use this stand-in: a name that only one socket of the system
 * can have, and that goes with its process. -1 when all are taken.
 */
int takePlace() {
  static const long most = number("SESSIONS", 1000);
  static const std::string system = std::to_string(std::hash<std::string>{}(folder()));
  const int place = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  for (long i = 0; i < most; ++i) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const int length = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "standin-nvenc-%s-%ld", system.c_str(), i);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<size_t>(length));
    if (::bind(place, reinterpret_cast<const sockaddr*>(&address), size) == 0) return place;
  }
  if (place >= 0) ::close(place);
  return -1;
}

__attribute__((format(printf, 3, 4))) NVENCSTATUS fail(Session* session, NVENCSTATUS status, const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (session) session->error = text;
  violation("NVENC: %s", text);
  return status;
}

bool same(const GUID& a, const GUID& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

#define SESSION(handle)                                                            \
  auto* session = static_cast<Session*>(handle);                                   \
  if (!session || session->magic != Session::kMagic) {                             \
    violation("NVENC: %s on a session that is closed or none", __func__);          \
    return NV_ENC_ERR_INVALID_ENCODERDEVICE;                                       \
  }                                                                                \
  std::unique_lock lock(session->mutex);                                           \
  if (lost()) return NV_ENC_ERR_GENERIC
#define VERSION(field, wanted) \
  if ((field) != (wanted)) return fail(session, NV_ENC_ERR_INVALID_VERSION, "%s: version %08x, not %08x", __func__, static_cast<unsigned>(field), static_cast<unsigned>(wanted))
#define INITIALISED() \
  if (!session->initialised) return fail(session, NV_ENC_ERR_ENCODER_NOT_INITIALIZED, "%s before nvEncInitializeEncoder", __func__)

// ------------------------------------------------------------------------------------------ coding
Form formOf(const Session& session) {
  Form form{};
  form.width = session.parameters.encodeWidth;
  form.height = session.parameters.encodeHeight;
  form.frameRateNum = session.parameters.frameRateNum;
  form.frameRateDen = session.parameters.frameRateDen;
  form.reorders = session.config.frameIntervalP > 1;
  const auto signal = [&](const auto& vui) {
    form.signal = vui.videoSignalTypePresentFlag;
    form.videoFormat = vui.videoFormat;
    form.fullRange = vui.videoFullRangeFlag;
    form.primaries = vui.colourPrimaries;
    form.transfer = vui.transferCharacteristics;
    form.matrix = vui.colourMatrix;
  };
  if (session.hevc) {
    signal(session.config.encodeCodecConfig.hevcConfig.hevcVUIParameters);
    form.tenBit = session.config.encodeCodecConfig.hevcConfig.pixelBitDepthMinus8 == 2;
  } else {
    signal(session.config.encodeCodecConfig.h264Config.h264VUIParameters);
  }
  return form;
}

unsigned sampleBytes(NV_ENC_BUFFER_FORMAT format) { return format == NV_ENC_BUFFER_FORMAT_YUV420_10BIT ? 2 : 1; }

/** The samples as they lie now: NV12 or P010, chroma below luma. */
void snapshot(Resource& resource, Bytes& into) {
  const size_t bytes = static_cast<size_t>(resource.pitch) * (resource.height + (resource.height + 1) / 2);
  if (lost()) {
    into.resize(bytes);
    return;
  }
  const auto held = resource.own.empty() ? memory(reinterpret_cast<uint64_t>(resource.address), bytes - resource.pitch) : nullptr;
  const uint8_t* from = resource.own.empty() ? held.get() : resource.own.data();
  if (!from) {
    if (!lost()) violation("NVENC: the input's memory was freed before it was read");
    into.resize(bytes);
    return;
  }
  into.assign(from, from + bytes - resource.pitch);
  into.resize(bytes);
  const size_t last = bytes - resource.pitch;  // of the last row only what belongs to the picture
  std::memcpy(into.data() + last, from + last, (resource.width + 1) / 2 * 2 * sampleBytes(resource.format));
}

/** Gives the next waiting buffer the bits of a picture, when the engine gets there. */
void send(Session& session, const Input& input) {
  if (session.waiting.empty()) {
    fail(&session, NV_ENC_ERR_GENERIC, "more pictures than output buffers");
    return;
  }
  Output* output = session.waiting.front();
  session.waiting.pop_front();
  const auto& avc = session.config.encodeCodecConfig.h264Config;
  const auto& hevc = session.config.encodeCodecConfig.hevcConfig;
  const bool idr = input.type == Type::kIdr;
  const bool repeat = session.hevc ? hevc.repeatSPSPPS : avc.repeatSPSPPS, delimiter = session.hevc ? hevc.outputAUD : avc.outputAUD;
  // nvEncodeAPI.h, disableSPSPPS: without it they stand in the first IDR picture, whatever repeatSPSPPS says.
  const bool disabled = session.hevc ? hevc.disableSPSPPS : avc.disableSPSPPS;
  const bool headers = (idr && !disabled && (!session.started || repeat)) || (input.flags & NV_ENC_PIC_FLAG_OUTPUT_SPSPPS);
  if (idr) {
    session.frameNumber = 0;
    session.idrOrder = input.order;
    ++session.idrs;
  }
  session.started = true;
  Picture picture{nullptr, nullptr, input.resource->pitch, input.type, session.frameNumber, static_cast<unsigned>(input.order - session.idrOrder), session.idrs};
  if (input.type != Type::kB) ++session.frameNumber;
  output->scheduled = true;
  output->timestamp = input.timestamp;
  output->duration = input.duration;
  output->type = idr ? NV_ENC_PIC_TYPE_IDR : input.type == Type::kP ? NV_ENC_PIC_TYPE_P : NV_ENC_PIC_TYPE_B;
  output->index = session.index++;
  output->input = input.resource;
  ++session.pending;
  session.engine.enqueue([&session, output, picture, form = formOf(session), input = Input(input), height = input.resource->height, headers, delimiter]() mutable {
    input.written->wait(input.mark);
    Bytes data;
    if (!input.copy) {
      input.copy = std::make_shared<Bytes>();
      snapshot(*input.resource, *input.copy);
      --input.resource->inFlight;
    }
    picture.luma = input.copy->data();
    picture.chroma = input.copy->data() + picture.pitch * height;
    (session.hevc ? codeHevc : codeAvc)(form, picture, delimiter, headers, data);
    const std::lock_guard own(session.mutex);
    output->data = std::move(data);
    output->ready = true;
    --session.pending;
    session.coded.notify_all();
  });
  ++session.sent;
  count("pictures encoded");
}

/** Sends what can be decided: types in display order, pictures in coding order. True if any went out. */
bool decide(Session& session, bool end) {
  bool any = false;
  const auto interval = static_cast<size_t>(std::max(1, session.config.frameIntervalP));
  const NV_ENC_RC_PARAMS& rate = session.config.rcParams;
  const size_t hold = end || !rate.enableLookahead ? 0 : rate.lookaheadDepth;
  const uint32_t period = session.hevc ? session.config.encodeCodecConfig.hevcConfig.idrPeriod : session.config.encodeCodecConfig.h264Config.idrPeriod;
  const uint64_t most = session.config.gopLength == NVENC_INFINITE_GOPLENGTH ? UINT64_MAX : period ? period : session.config.gopLength;
  std::deque<Input>& inputs = session.inputs;
  const auto isIdr = [&](size_t i) {
    return (!session.started && i == 0) || (inputs[i].flags & NV_ENC_PIC_FLAG_FORCEIDR) || session.sinceIdr + i >= most;
  };
  while (inputs.size() > hold) {
    if (isIdr(0)) {
      Input input = inputs.front();
      inputs.pop_front();
      input.type = Type::kIdr;
      session.sinceIdr = 1;
      send(session, input);
      any = true;
      continue;
    }
    // The P picture that ends this group: `interval` pictures on, or the last one before an IDR or the end.
    size_t anchor = 0;
    while (anchor + 1 < interval && anchor + 1 < inputs.size() && !isIdr(anchor + 1)) ++anchor;
    const bool decided = anchor + 1 == interval || (anchor + 1 < inputs.size() && isIdr(anchor + 1)) || end;
    if (!decided || (!end && anchor >= inputs.size() - hold)) return any;
    inputs[anchor].type = Type::kP;
    send(session, inputs[anchor]);
    for (size_t i = 0; i < anchor; ++i) {
      inputs[i].type = Type::kB;
      send(session, inputs[i]);
    }
    inputs.erase(inputs.begin(), inputs.begin() + static_cast<ptrdiff_t>(anchor) + 1);
    session.sinceIdr += anchor + 1;
    any = true;
  }
  return any;
}

// ------------------------------------------------------------------------------------------ sessions and what they can
NVENCSTATUS NVENCAPI open(NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS* given, void** encoder) {
  Session* session = nullptr;
  *encoder = nullptr;
  VERSION(given->version, NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER);
  if (given->apiVersion != NVENCAPI_VERSION) return fail(session, NV_ENC_ERR_INVALID_VERSION, "apiVersion %08x", given->apiVersion);
  if (given->deviceType != NV_ENC_DEVICE_TYPE_CUDA || !given->device) return fail(session, NV_ENC_ERR_INVALID_DEVICE, "no CUDA context");
  if (!setting("NO_ENCODER").empty()) return NV_ENC_ERR_UNSUPPORTED_DEVICE;
  // Drivers of before 2024 say "out of memory" (10), later ones "incompatible client key" (21): obsproject/obs-studio#11259.
  const auto refusal = static_cast<NVENCSTATUS>(number("SESSIONS_CODE", NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY));
  if (++opened == number("REFUSE_OPEN", -1)) return refusal;
  const int place = takePlace();
  if (place < 0) return refusal;
  live("encode sessions", 1);
  auto* opening = new Session;
  opening->place = place;
  *encoder = opening;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI codecCount(void* handle, uint32_t* amount) {
  SESSION(handle);
  *amount = 2;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI codecs(void* handle, GUID* into, uint32_t room, uint32_t* written) {
  SESSION(handle);
  const GUID known[] = {NV_ENC_CODEC_H264_GUID, NV_ENC_CODEC_HEVC_GUID};
  *written = std::min(room, 2u);
  std::copy_n(known, *written, into);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI profileCount(void* handle, GUID codec, uint32_t* amount) {
  SESSION(handle);
  *amount = same(codec, NV_ENC_CODEC_HEVC_GUID) ? 2 : 1;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI profiles(void* handle, GUID codec, GUID* into, uint32_t room, uint32_t* written) {
  SESSION(handle);
  const GUID hevc[] = {NV_ENC_HEVC_PROFILE_MAIN_GUID, NV_ENC_HEVC_PROFILE_MAIN10_GUID}, avc[] = {NV_ENC_H264_PROFILE_HIGH_GUID};
  const bool isHevc = same(codec, NV_ENC_CODEC_HEVC_GUID);
  *written = std::min(room, isHevc ? 2u : 1u);
  std::copy_n(isHevc ? hevc : avc, *written, into);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI formatCount(void* handle, GUID, uint32_t* amount) {
  SESSION(handle);
  *amount = 2;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI formats(void* handle, GUID, NV_ENC_BUFFER_FORMAT* into, uint32_t room, uint32_t* written) {
  SESSION(handle);
  const NV_ENC_BUFFER_FORMAT known[] = {NV_ENC_BUFFER_FORMAT_NV12, NV_ENC_BUFFER_FORMAT_YUV420_10BIT};
  *written = std::min(room, 2u);
  std::copy_n(known, *written, into);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI caps(void* handle, GUID codec, NV_ENC_CAPS_PARAM* asked, int* value) {
  SESSION(handle);
  VERSION(asked->version, NV_ENC_CAPS_PARAM_VER);
  const bool hevc = same(codec, NV_ENC_CODEC_HEVC_GUID);
  switch (asked->capsToQuery) {
    case NV_ENC_CAPS_NUM_MAX_BFRAMES: *value = 4; break;
    case NV_ENC_CAPS_WIDTH_MAX:
    case NV_ENC_CAPS_HEIGHT_MAX: *value = hevc ? 8192 : 4096; break;
    case NV_ENC_CAPS_WIDTH_MIN: *value = hevc ? 129 : 145; break;
    case NV_ENC_CAPS_HEIGHT_MIN: *value = hevc ? 33 : 49; break;
    case NV_ENC_CAPS_SUPPORT_10BIT_ENCODE: *value = hevc; break;
    case NV_ENC_CAPS_NUM_ENCODER_ENGINES: *value = 1; break;
    case NV_ENC_CAPS_SUPPORT_BFRAME_REF_MODE:
    case NV_ENC_CAPS_SUPPORT_YUV444_ENCODE:
    case NV_ENC_CAPS_SUPPORT_FIELD_ENCODING:
    case NV_ENC_CAPS_ASYNC_ENCODE_SUPPORT: *value = 0; break;  // asynchronous mode is Windows only
    default: *value = 1;
  }
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI presetCount(void* handle, GUID, uint32_t* amount) {
  SESSION(handle);
  *amount = 7;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI presets(void* handle, GUID, GUID* into, uint32_t room, uint32_t* written) {
  SESSION(handle);
  const GUID known[] = {NV_ENC_PRESET_P1_GUID, NV_ENC_PRESET_P2_GUID, NV_ENC_PRESET_P3_GUID, NV_ENC_PRESET_P4_GUID, NV_ENC_PRESET_P5_GUID, NV_ENC_PRESET_P6_GUID, NV_ENC_PRESET_P7_GUID};
  *written = std::min(room, 7u);
  std::copy_n(known, *written, into);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI presetConfig(void* handle, GUID codec, GUID, NV_ENC_TUNING_INFO tuning, NV_ENC_PRESET_CONFIG* preset) {
  SESSION(handle);
  VERSION(preset->version, NV_ENC_PRESET_CONFIG_VER);
  VERSION(preset->presetCfg.version, NV_ENC_CONFIG_VER);
  if (tuning < NV_ENC_TUNING_INFO_HIGH_QUALITY || tuning > NV_ENC_TUNING_INFO_LOSSLESS) return fail(session, NV_ENC_ERR_INVALID_PARAM, "tuning %d", tuning);
  NV_ENC_CONFIG& config = preset->presetCfg;
  const uint32_t version = config.version;
  config = {};
  config.version = version;
  config.gopLength = 250;
  config.frameIntervalP = tuning == NV_ENC_TUNING_INFO_HIGH_QUALITY ? 3 : 1;
  config.frameFieldMode = NV_ENC_PARAMS_FRAME_FIELD_MODE_FRAME;
  config.rcParams.version = NV_ENC_RC_PARAMS_VER;
  config.rcParams.rateControlMode = NV_ENC_PARAMS_RC_VBR;
  if (same(codec, NV_ENC_CODEC_HEVC_GUID)) {
    config.profileGUID = NV_ENC_HEVC_PROFILE_MAIN_GUID;
    config.encodeCodecConfig.hevcConfig.idrPeriod = 250;
    config.encodeCodecConfig.hevcConfig.chromaFormatIDC = 1;
  } else {
    config.profileGUID = NV_ENC_H264_PROFILE_HIGH_GUID;
    config.encodeCodecConfig.h264Config.idrPeriod = 250;
    config.encodeCodecConfig.h264Config.chromaFormatIDC = 1;
  }
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI initialise(void* handle, NV_ENC_INITIALIZE_PARAMS* given) {
  SESSION(handle);
  VERSION(given->version, NV_ENC_INITIALIZE_PARAMS_VER);
  if (session->initialised) return fail(session, NV_ENC_ERR_INVALID_CALL, "initialised twice");
  session->hevc = same(given->encodeGUID, NV_ENC_CODEC_HEVC_GUID);
  if (!session->hevc && !same(given->encodeGUID, NV_ENC_CODEC_H264_GUID)) return fail(session, NV_ENC_ERR_UNSUPPORTED_PARAM, "a codec that is not offered");
  if (!given->encodeConfig) return fail(session, NV_ENC_ERR_INVALID_PTR, "no encodeConfig");
  const NV_ENC_CONFIG& config = *given->encodeConfig;
  VERSION(config.version, NV_ENC_CONFIG_VER);
  const unsigned leastWidth = session->hevc ? 129 : 145, leastHeight = session->hevc ? 33 : 49, most = session->hevc ? 8192 : 4096;
  if (given->encodeWidth < leastWidth || given->encodeHeight < leastHeight || given->encodeWidth > most || given->encodeHeight > most || (given->encodeWidth | given->encodeHeight) & 1)
    return fail(session, NV_ENC_ERR_INVALID_PARAM, "size %ux%u", given->encodeWidth, given->encodeHeight);
  if (!given->frameRateNum || !given->frameRateDen) return fail(session, NV_ENC_ERR_INVALID_PARAM, "no frame rate");
  if (given->enableEncodeAsync) return fail(session, NV_ENC_ERR_INVALID_PARAM, "asynchronous mode, which is Windows only");
  if (!given->enablePTD) return fail(session, NV_ENC_ERR_UNSUPPORTED_PARAM, "the stand-in decides the types of pictures itself (enablePTD)");
  if (given->enableWeightedPrediction && config.frameIntervalP > 1) return fail(session, NV_ENC_ERR_INVALID_PARAM, "weighted prediction with B pictures");
  const NV_ENC_RC_PARAMS& rate = config.rcParams;
  if (rate.maxBitRate && rate.averageBitRate > rate.maxBitRate) return fail(session, NV_ENC_ERR_INVALID_PARAM, "the average rate is above the maximum");
  if (rate.enableLookahead && rate.lookaheadDepth + static_cast<unsigned>(std::max(1, config.frameIntervalP)) - 1 > 31)
    return fail(session, NV_ENC_ERR_INVALID_PARAM, "lookahead and B pictures are more than 31");
  session->parameters = *given;
  session->config = config;
  session->parameters.encodeConfig = nullptr;
  session->initialised = true;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI reconfigure(void* handle, NV_ENC_RECONFIGURE_PARAMS* given) {
  SESSION(handle);
  INITIALISED();
  VERSION(given->version, NV_ENC_RECONFIGURE_PARAMS_VER);
  if (given->reInitEncodeParams.encodeConfig) session->config = *given->reInitEncodeParams.encodeConfig;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI setStreams(void* handle, NV_ENC_CUSTREAM_PTR input, NV_ENC_CUSTREAM_PTR output) {
  SESSION(handle);
  INITIALISED();
  if (!input || !output) return fail(session, NV_ENC_ERR_INVALID_PTR, "no stream");
  session->stream = *static_cast<CUstream*>(input);
  session->streamed = session->stream != nullptr;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI sequenceParameters(void* handle, NV_ENC_SEQUENCE_PARAM_PAYLOAD* payload) {
  SESSION(handle);
  INITIALISED();
  VERSION(payload->version, NV_ENC_SEQUENCE_PARAM_PAYLOAD_VER);
  const Bytes sets = (session->hevc ? hevcHeaders : avcHeaders)(formOf(*session));
  if (sets.size() > payload->inBufferSize) return fail(session, NV_ENC_ERR_INVALID_PARAM, "room for %u bytes of parameter sets", payload->inBufferSize);
  std::copy(sets.begin(), sets.end(), static_cast<uint8_t*>(payload->spsppsBuffer));
  *payload->outSPSPPSPayloadSize = static_cast<uint32_t>(sets.size());
  return NV_ENC_SUCCESS;
}

// ------------------------------------------------------------------------------------------ buffers
Resource* find(Session* session, const void* handle) {
  for (const auto& resource : session->resources)
    if (resource.get() == handle) return resource.get();
  return nullptr;
}
Output* findOutput(Session* session, const void* handle) {
  for (const auto& output : session->outputs)
    if (output.get() == handle) return output.get();
  return nullptr;
}
bool takes(NV_ENC_BUFFER_FORMAT format) { return format == NV_ENC_BUFFER_FORMAT_NV12 || format == NV_ENC_BUFFER_FORMAT_YUV420_10BIT; }

NVENCSTATUS NVENCAPI createInput(void* handle, NV_ENC_CREATE_INPUT_BUFFER* given) {
  SESSION(handle);
  INITIALISED();
  VERSION(given->version, NV_ENC_CREATE_INPUT_BUFFER_VER);
  if (!takes(given->bufferFmt)) return fail(session, NV_ENC_ERR_UNSUPPORTED_PARAM, "input format %x", given->bufferFmt);
  auto resource = std::make_unique<Resource>();
  resource->width = given->width;
  resource->height = given->height;
  resource->pitch = (given->width * sampleBytes(given->bufferFmt) + 63) & ~63u;
  resource->format = given->bufferFmt;
  resource->own.resize(static_cast<size_t>(resource->pitch) * (given->height + (given->height + 1) / 2));
  resource->address = resource->own.data();
  resource->mapped = true;
  given->inputBuffer = resource.get();
  live("input buffers", 1);
  session->resources.push_back(std::move(resource));
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI destroyInput(void* handle, NV_ENC_INPUT_PTR buffer) {
  SESSION(handle);
  const Resource* gone = find(session, buffer);
  if (!gone || gone->own.empty()) return fail(session, NV_ENC_ERR_INVALID_PARAM, "destroys an input buffer that is none");
  session->resources.remove_if([&](const auto& resource) { return resource.get() == gone; });
  live("input buffers", -1);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI lockInput(void* handle, NV_ENC_LOCK_INPUT_BUFFER* given) {
  SESSION(handle);
  VERSION(given->version, NV_ENC_LOCK_INPUT_BUFFER_VER);
  Resource* resource = find(session, given->inputBuffer);
  if (!resource || resource->locked) return fail(session, NV_ENC_ERR_INVALID_PARAM, "locks an input buffer that is none, or locked");
  if (resource->inFlight > 0) fail(session, NV_ENC_SUCCESS, "an input buffer is written while the encoder needs it");
  resource->locked = true;
  given->bufferDataPtr = resource->address;
  given->pitch = resource->pitch;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI unlockInput(void* handle, NV_ENC_INPUT_PTR buffer) {
  SESSION(handle);
  Resource* resource = find(session, buffer);
  if (!resource || !resource->locked) return fail(session, NV_ENC_ERR_INVALID_PARAM, "unlocks an input buffer that is not locked");
  resource->locked = false;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI createOutput(void* handle, NV_ENC_CREATE_BITSTREAM_BUFFER* given) {
  SESSION(handle);
  INITIALISED();
  VERSION(given->version, NV_ENC_CREATE_BITSTREAM_BUFFER_VER);
  session->outputs.push_back(std::make_unique<Output>());
  given->bitstreamBuffer = session->outputs.back().get();
  live("bitstream buffers", 1);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI destroyOutput(void* handle, NV_ENC_OUTPUT_PTR buffer) {
  SESSION(handle);
  const Output* gone = findOutput(session, buffer);
  if (!gone) return fail(session, NV_ENC_ERR_INVALID_PARAM, "destroys a bitstream buffer that is none");
  if (gone->locked || gone->submitted) fail(session, NV_ENC_SUCCESS, "a bitstream buffer is destroyed while it is in use");
  session->coded.wait(lock, [&] { return !gone->scheduled || gone->ready; });
  session->outputs.remove_if([&](const auto& output) { return output.get() == gone; });
  live("bitstream buffers", -1);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI registerResource(void* handle, NV_ENC_REGISTER_RESOURCE* given) {
  SESSION(handle);
  INITIALISED();
  VERSION(given->version, NV_ENC_REGISTER_RESOURCE_VER);
  if (given->resourceType != NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR) return fail(session, NV_ENC_ERR_UNSUPPORTED_PARAM, "resource type %d", given->resourceType);
  if (!takes(given->bufferFormat)) return fail(session, NV_ENC_ERR_UNSUPPORTED_PARAM, "buffer format %x", given->bufferFormat);
  if (given->pitch % 4 != 0 || given->pitch < given->width * sampleBytes(given->bufferFormat)) return fail(session, NV_ENC_ERR_INVALID_PARAM, "pitch %u for width %u", given->pitch, given->width);
  if (given->width < session->parameters.encodeWidth || given->height < session->parameters.encodeHeight)
    return fail(session, NV_ENC_ERR_INVALID_PARAM, "a resource of %ux%u is smaller than the picture", given->width, given->height);
  const size_t bytes = static_cast<size_t>(given->pitch) * (given->height + (given->height + 1) / 2 - 1) + given->width;
  if (!inDevice(reinterpret_cast<uint64_t>(given->resourceToRegister), bytes)) return fail(session, NV_ENC_ERR_RESOURCE_REGISTER_FAILED, "the resource does not lie in device memory");
  auto resource = std::make_unique<Resource>();
  resource->address = given->resourceToRegister;
  resource->width = given->width;
  resource->height = given->height;
  resource->pitch = given->pitch;
  resource->format = given->bufferFormat;
  given->registeredResource = resource.get();
  live("registered resources", 1);
  session->resources.push_back(std::move(resource));
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI unregisterResource(void* handle, NV_ENC_REGISTERED_PTR registered) {
  SESSION(handle);
  const Resource* gone = find(session, registered);
  if (!gone) return fail(session, NV_ENC_ERR_RESOURCE_NOT_REGISTERED, "unregisters what is not registered");
  if (gone->mapped) fail(session, NV_ENC_SUCCESS, "unregisters a resource that is mapped");
  if (gone->inFlight > 0) fail(session, NV_ENC_SUCCESS, "unregisters a resource that the encoder needs");
  session->resources.remove_if([&](const auto& resource) { return resource.get() == gone; });
  live("registered resources", -1);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI mapInput(void* handle, NV_ENC_MAP_INPUT_RESOURCE* given) {
  SESSION(handle);
  INITIALISED();
  VERSION(given->version, NV_ENC_MAP_INPUT_RESOURCE_VER);
  Resource* resource = find(session, given->registeredResource);
  if (!resource) return fail(session, NV_ENC_ERR_RESOURCE_NOT_REGISTERED, "maps what is not registered");
  if (resource->mapped) return fail(session, NV_ENC_ERR_MAP_FAILED, "maps a resource twice");
  resource->mapped = true;
  live("mapped inputs", 1);
  given->mappedResource = resource;
  given->mappedBufferFmt = resource->format;
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI unmapInput(void* handle, NV_ENC_INPUT_PTR mapped) {
  SESSION(handle);
  Resource* resource = find(session, mapped);
  if (!resource || !resource->mapped || !resource->own.empty()) return fail(session, NV_ENC_ERR_RESOURCE_NOT_MAPPED, "unmaps what is not mapped");
  if (std::any_of(session->inputs.begin(), session->inputs.end(), [&](const Input& input) { return input.resource == resource && !input.copy; }))
    fail(session, NV_ENC_SUCCESS, "unmaps an input before its picture is encoded");
  // "Must unmap the buffer after NvEncLockBitstream returns for encode work submitted using" it: FFmpeg does not keep to it.
  if (session->unfetched[resource] > 0) count("inputs unmapped before their pictures came out");
  resource->mapped = false;
  live("mapped inputs", -1);
  return NV_ENC_SUCCESS;
}

// ------------------------------------------------------------------------------------------ pictures
NVENCSTATUS NVENCAPI encode(void* handle, NV_ENC_PIC_PARAMS* given) {
  {
    SESSION(handle);
    INITIALISED();
    VERSION(given->version, NV_ENC_PIC_PARAMS_VER);
    static const long busyAt = number("BUSY_AT", -1);
    static std::atomic<long> calls{0};
    // Twenty times in a row, then it takes the picture.
    if (const long call = ++calls; busyAt >= 0 && call >= busyAt && call < busyAt + 20) return NV_ENC_ERR_ENCODER_BUSY;
  }
  beat();
  SESSION(handle);
  if (given->encodePicFlags & NV_ENC_PIC_FLAG_EOS) {
    if (given->inputBuffer || given->outputBitstream) fail(session, NV_ENC_SUCCESS, "the end comes with a picture");
    decide(*session, true);
    session->ended = true;
    session->started = false;
    session->sinceIdr = 0;
    return NV_ENC_SUCCESS;
  }
  if (given->pictureStruct != NV_ENC_PIC_STRUCT_FRAME) return fail(session, NV_ENC_ERR_INVALID_PARAM, "pictureStruct %d", given->pictureStruct);
  Resource* resource = find(session, given->inputBuffer);
  if (!resource || !resource->mapped) return fail(session, NV_ENC_ERR_RESOURCE_NOT_MAPPED, "an input that is not mapped");
  if (resource->locked) return fail(session, NV_ENC_ERR_LOCK_BUSY, "an input that is still locked");
  // FFmpeg does so, with lookahead too, and nobody has seen harm of it: counted only.
  if (resource->inFlight > 0) count("inputs submitted again before they were coded");
  if (given->bufferFmt != resource->format) return fail(session, NV_ENC_ERR_INVALID_PARAM, "bufferFmt %x is not that of the input", given->bufferFmt);
  if (given->inputWidth > resource->width || given->inputHeight > resource->height) return fail(session, NV_ENC_ERR_INVALID_PARAM, "the picture is larger than its input");
  Output* output = findOutput(session, given->outputBitstream);
  if (!output) return fail(session, NV_ENC_ERR_INVALID_PARAM, "a bitstream buffer that is none");
  if (output->submitted) return fail(session, NV_ENC_ERR_INVALID_CALL, "a bitstream buffer is given again before it was fetched");
  *output = Output{};
  output->submitted = true;
  output->sequence = session->submitted++;
  session->waiting.push_back(output);
  ++resource->inFlight;
  ++session->unfetched[resource];
  Input input{resource, given->inputTimeStamp, given->inputDuration, given->encodePicFlags, output->sequence};
  // What writes the samples may still be at work on the input stream (nvEncSetIOCudaStreams).
  input.written = std::make_shared<Event>();
  input.mark = input.written->record();
  if (!session->config.rcParams.enableLookahead) input.copy = std::make_shared<Bytes>();
  enqueue(session->streamed ? session->stream : nullptr, [resource, copy = input.copy, written = input.written, mark = input.mark] {
    if (copy) {
      snapshot(*resource, *copy);
      --resource->inFlight;
    }
    written->done(mark);
  });
  session->inputs.push_back(std::move(input));
  session->ended = false;
  return decide(*session, false) ? NV_ENC_SUCCESS : NV_ENC_ERR_NEED_MORE_INPUT;
}
NVENCSTATUS NVENCAPI lockBitstream(void* handle, NV_ENC_LOCK_BITSTREAM* given) {
  SESSION(handle);
  INITIALISED();
  VERSION(given->version, NV_ENC_LOCK_BITSTREAM_VER);
  Output* output = findOutput(session, given->outputBitstream);
  if (!output || !output->submitted) return fail(session, NV_ENC_ERR_INVALID_PARAM, "locks a bitstream buffer that was not submitted");
  if (output->locked) return fail(session, NV_ENC_ERR_LOCK_BUSY, "locks a bitstream buffer twice");
  // Hardware would wait for ever, or answer INVALID_PARAM (GStreamer, gstnvencoder.cpp, on lookahead).
  if (!output->scheduled) return fail(session, NV_ENC_ERR_INVALID_PARAM, "locks a bitstream buffer whose picture the encoder still holds back");
  if (output->sequence != session->fetched) fail(session, NV_ENC_SUCCESS, "bitstream buffers are fetched out of order");
  session->fetched = output->sequence + 1;
  session->coded.wait(lock, [&] { return output->ready; });
  output->locked = true;
  live("locked bitstreams", 1);
  given->bitstreamBufferPtr = output->data.data();
  given->bitstreamSizeInBytes = static_cast<uint32_t>(output->data.size());
  --session->unfetched[output->input];
  given->outputTimeStamp = output->timestamp;
  given->outputDuration = output->duration;
  given->pictureType = output->type;
  given->pictureStruct = NV_ENC_PIC_STRUCT_FRAME;
  given->frameIdx = output->index;
  given->hwEncodeStatus = 0;
  given->frameAvgQP = 0;
  given->numSlices = 1;
  return lost() ? NV_ENC_ERR_GENERIC : NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI unlockBitstream(void* handle, NV_ENC_OUTPUT_PTR buffer) {
  SESSION(handle);
  Output* output = findOutput(session, buffer);
  if (!output || !output->locked) return fail(session, NV_ENC_ERR_INVALID_PARAM, "unlocks a bitstream buffer that is not locked");
  std::fill(output->data.begin(), output->data.end(), uint8_t{0xDD});
  output->locked = output->submitted = output->scheduled = output->ready = false;
  live("locked bitstreams", -1);
  return NV_ENC_SUCCESS;
}
const char* NVENCAPI lastError(void* handle) {
  const auto* session = static_cast<Session*>(handle);
  return session ? session->error.c_str() : "";
}
NVENCSTATUS NVENCAPI destroy(void* handle) {
  auto* gone = static_cast<Session*>(handle);
  if (!gone || gone->magic != Session::kMagic) {
    violation("NVENC: destroys a session that is closed or none");
    return NV_ENC_ERR_INVALID_ENCODERDEVICE;
  }
  {
    std::unique_lock lock(gone->mutex);
    gone->coded.wait(lock, [&] { return gone->pending == 0; });
    // With the device lost nothing can be put in order any more.
    if (!lost()) {
      const auto registered = std::count_if(gone->resources.begin(), gone->resources.end(), [](const auto& resource) { return resource->own.empty(); });
      if (registered > 0) violation("NVENC: a session closed with %ld registered resources", static_cast<long>(registered));
      if (!gone->outputs.empty()) violation("NVENC: a session closed with %zu bitstream buffers", gone->outputs.size());
      if (gone->submitted > 0 && !gone->ended) violation("NVENC: a session closed without an end (NV_ENC_PIC_FLAG_EOS)");
    }
    gone->magic = 0;
  }
  ::close(gone->place);
  delete gone;
  live("encode sessions", -1);
  return NV_ENC_SUCCESS;
}
NVENCSTATUS NVENCAPI absent(void* handle) {
  violation("NVENC: an entry point that is not in the stand-in, on %p", handle);
  return NV_ENC_ERR_UNIMPLEMENTED;
}

}  // namespace

extern "C" NVENCSTATUS NVENCAPI NvEncodeAPIGetMaxSupportedVersion(uint32_t* version) {
  *version = static_cast<uint32_t>(number("NVENC_MAX", 0xd0));
  return NV_ENC_SUCCESS;
}

extern "C" NVENCSTATUS NVENCAPI NvEncodeAPICreateInstance(NV_ENCODE_API_FUNCTION_LIST* list) {
  if (!list) return NV_ENC_ERR_INVALID_PTR;
  if (list->version != NV_ENCODE_API_FUNCTION_LIST_VER) {
    violation("NVENC: function list of version %08x", list->version);
    return NV_ENC_ERR_INVALID_VERSION;
  }
  auto** entries = reinterpret_cast<void**>(&list->nvEncOpenEncodeSession);
  constexpr int kEntries = 40;
  std::fill_n(entries, kEntries, reinterpret_cast<void*>(&absent));
  list->nvEncOpenEncodeSessionEx = open;
  list->nvEncGetEncodeGUIDCount = codecCount;
  list->nvEncGetEncodeGUIDs = codecs;
  list->nvEncGetEncodeProfileGUIDCount = profileCount;
  list->nvEncGetEncodeProfileGUIDs = profiles;
  list->nvEncGetInputFormatCount = formatCount;
  list->nvEncGetInputFormats = formats;
  list->nvEncGetEncodeCaps = caps;
  list->nvEncGetEncodePresetCount = presetCount;
  list->nvEncGetEncodePresetGUIDs = presets;
  list->nvEncGetEncodePresetConfigEx = presetConfig;
  list->nvEncInitializeEncoder = initialise;
  list->nvEncReconfigureEncoder = reconfigure;
  list->nvEncSetIOCudaStreams = setStreams;
  list->nvEncGetSequenceParams = sequenceParameters;
  list->nvEncCreateInputBuffer = createInput;
  list->nvEncDestroyInputBuffer = destroyInput;
  list->nvEncLockInputBuffer = lockInput;
  list->nvEncUnlockInputBuffer = unlockInput;
  list->nvEncCreateBitstreamBuffer = createOutput;
  list->nvEncDestroyBitstreamBuffer = destroyOutput;
  list->nvEncRegisterResource = registerResource;
  list->nvEncUnregisterResource = unregisterResource;
  list->nvEncMapInputResource = mapInput;
  list->nvEncUnmapInputResource = unmapInput;
  list->nvEncEncodePicture = encode;
  list->nvEncLockBitstream = lockBitstream;
  list->nvEncUnlockBitstream = unlockBitstream;
  list->nvEncGetLastErrorString = lastError;
  list->nvEncDestroyEncoder = destroy;
  return NV_ENC_SUCCESS;
}
