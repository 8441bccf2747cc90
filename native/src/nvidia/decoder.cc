#include "nvidia/decoder.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "letterbox.h"

namespace sortie::nvidia {

namespace {

constexpr unsigned long kDisplayDelay = 4;  // pictures; keeps the decode queue filled (as FFmpeg's cuviddec.c)
constexpr int kExtraSurfaces = 3;
constexpr int kMostSurfaces = 32;
// What can be mapped at once: three in each rung's queue, one in its hands, one whose kernels still run, one with the
// poster, one in ours. All rungs share them.
constexpr unsigned long kOutputSurfaces = 8;
constexpr size_t kMostHeader = 1024;  // CUVIDEOFORMATEX::raw_seqhdr_data
constexpr size_t kMostStamps = 256;
constexpr int kStatusError = 8, kStatusConcealed = 9;  // cuvidDecodeStatus
constexpr AVRational kParserClock{1, 10'000'000};      // "Presentation time stamp (10MHz clock)", nvcuvid.h
// Shares of the packets: beyond these libavcodec is asked what it makes of the stream.
constexpr double kMostDamaged = 0.05, kLeastShown = 0.9;

const char* filterFor(AVCodecID id) {
  switch (id) {
    case AV_CODEC_ID_H264: return "h264_mp4toannexb";
    case AV_CODEC_ID_HEVC: return "hevc_mp4toannexb";
    case AV_CODEC_ID_MPEG4: return "mpeg4_unpack_bframes";  // as FFmpeg's cuviddec.c
    default: return nullptr;
  }
}

/** Codecs whose parameter sets the parser takes from the stream only. */
bool hasParameterSets(cudaVideoCodec codec) { return codec == cudaVideoCodec_H264 || codec == cudaVideoCodec_HEVC; }

bool saysInterlaced(const AVCodecParameters& stream) {
  return stream.field_order != AV_FIELD_UNKNOWN && stream.field_order != AV_FIELD_PROGRESSIVE;
}

/** Depth of 4:2:0 pictures; 0 for any other form. */
int depthOf(int format) {
  switch (format) {
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_YUVJ420P: return 8;
    case AV_PIX_FMT_YUV420P10: return 10;
    case AV_PIX_FMT_YUV420P12: return 12;
    default: return 0;
  }
}

cudaVideoCodec supportedCodec(const Device& device, const AVCodecParameters& stream) {
  if (!device.driver.decodeReason.empty()) throw Unavailable(device.driver.decodeReason);
  const std::optional<cudaVideoCodec> codec = codecOf(stream.codec_id);
  if (!codec) throw Unavailable(std::string("NVDEC does not decode ") + avcodec_get_name(stream.codec_id));
  const int depth = depthOf(stream.format);
  if (depth == 0) throw Unavailable("NVDEC decodes 4:2:0 pictures only");
  const DecoderCaps caps = decoderCaps(device, *codec, cudaVideoChromaFormat_420, depth);
  if (!caps.supported)
    throw Unavailable("this GPU's NVDEC does not decode " + std::string(avcodec_get_name(stream.codec_id)) + " of " + std::to_string(depth) + " bits");
  const int64_t macroblocks = static_cast<int64_t>((stream.width + 15) / 16) * ((stream.height + 15) / 16);
  if (stream.width > caps.maxWidth || stream.height > caps.maxHeight || macroblocks > caps.maxMacroblocks)
    throw Unavailable("this GPU's NVDEC takes up to " + std::to_string(caps.maxWidth) + "x" + std::to_string(caps.maxHeight) + " pixels and " +
                      std::to_string(caps.maxMacroblocks) + " macroblocks");
  if (stream.width < caps.minWidth || stream.height < caps.minHeight)
    throw Unavailable("this GPU's NVDEC takes no picture smaller than " + std::to_string(caps.minWidth) + "x" + std::to_string(caps.minHeight) + " pixels");
  return *codec;
}

}  // namespace

std::optional<cudaVideoCodec> codecOf(AVCodecID id) {
  switch (id) {
    case AV_CODEC_ID_MPEG1VIDEO: return cudaVideoCodec_MPEG1;
    case AV_CODEC_ID_MPEG2VIDEO: return cudaVideoCodec_MPEG2;
    case AV_CODEC_ID_MPEG4: return cudaVideoCodec_MPEG4;
    case AV_CODEC_ID_VC1: return cudaVideoCodec_VC1;
    case AV_CODEC_ID_H264: return cudaVideoCodec_H264;
    case AV_CODEC_ID_HEVC: return cudaVideoCodec_HEVC;
    case AV_CODEC_ID_VP8: return cudaVideoCodec_VP8;
    case AV_CODEC_ID_VP9: return cudaVideoCodec_VP9;
    case AV_CODEC_ID_AV1: return cudaVideoCodec_AV1;
    default: return std::nullopt;
  }
}

DecoderCaps decoderCaps(const Device& device, cudaVideoCodec codec, cudaVideoChromaFormat chroma, int bitDepth) {
  const Device::Current current(device);
  CUVIDDECODECAPS ask{};
  ask.eCodecType = codec;
  ask.eChromaFormat = chroma;
  ask.nBitDepthMinus8 = static_cast<unsigned>(bitDepth - 8);
  check(device.driver.cuvidGetDecoderCaps(&ask), "cuvidGetDecoderCaps");
  return {ask.bIsSupported != 0, ask.nNumNVDECs, ask.nMinWidth, ask.nMinHeight, static_cast<int>(ask.nMaxWidth), static_cast<int>(ask.nMaxHeight),
          static_cast<int64_t>(ask.nMaxMBCount)};
}

NvdecSession::NvdecSession(DevicePtr device, CUVIDDECODECREATEINFO settings) : device_(std::move(device)), most_(settings.ulNumOutputSurfaces) {
  const Device::Current current(*device_);
  check(device_->driver.cuvidCreateDecoder(&decoder_, &settings), "cuvidCreateDecoder");
}

NvdecSession::~NvdecSession() {
  if (device_->driver.cuCtxPushCurrent_v2(device_->context()) != CUDA_SUCCESS) return;
  device_->driver.cuvidDestroyDecoder(decoder_);
  device_->driver.cuCtxPopCurrent_v2(nullptr);
}

bool NvdecSession::waitForRoom(const std::function<bool()>& stopped) {
  std::unique_lock lock(mutex_);
  while (mapped_ >= most_) {
    if (stopped()) return false;
    freed_.wait_for(lock, std::chrono::milliseconds(100));
  }
  ++mapped_;
  return true;
}

void NvdecSession::unmap(unsigned long long frame, const Event& ready) {
  try {
    ready.synchronize();
  } catch (const std::exception&) {
    // A lost device: there is nothing to wait for.
  }
  if (frame != 0 && device_->driver.cuCtxPushCurrent_v2(device_->context()) == CUDA_SUCCESS) {
    device_->driver.cuvidUnmapVideoFrame64(decoder_, frame);
    device_->driver.cuCtxPopCurrent_v2(nullptr);
  }
  {
    std::lock_guard lock(mutex_);
    --mapped_;
  }
  freed_.notify_all();
}

NvidiaDecoder::NvidiaDecoder(DevicePtr device, const EnginePlan& plan, const AVStream& stream, std::function<bool()> stopped)
    : device_(std::move(device)),
      plan_(plan),
      stream_(*stream.codecpar),
      timeBase_(stream.time_base),
      stopped_(std::move(stopped)),
      codec_(supportedCodec(*device_, stream_)),
      output_(device_),
      upright_(device_, plan.rotation, plan.mirror, plan.bitDepth == 8, output_),
      parser_(nullptr, ParserDeleter{&device_->driver}) {
  if (static_cast<int64_t>(stream_.width) * stream_.height > plan.maxPixels)
    throw EngineError(Code::kTooLarge, "The picture is " + std::to_string(stream_.width) + "x" + std::to_string(stream_.height) +
                                           " pixels; at most " + std::to_string(plan.maxPixels) + " pixels are taken.");
  const uint8_t* header = stream_.extradata;
  auto headerSize = static_cast<size_t>(std::max(0, stream_.extradata_size));
  if (const char* name = filterFor(stream_.codec_id)) {
    AVBSFContext* filter = nullptr;
    sortie::check(av_bsf_alloc(av_bsf_get_by_name(name), &filter), Code::kInternal, "The bitstream filter");
    bsf_.reset(filter);
    sortie::check(avcodec_parameters_copy(filter->par_in, &stream_), Code::kInternal, "Codec parameters");
    filter->time_base_in = stream.time_base;
    if (av_bsf_init(filter) < 0) throw Unavailable("the stream's codec header is damaged");
    header = filter->par_out->extradata;
    headerSize = static_cast<size_t>(std::max(0, filter->par_out->extradata_size));
  }
  // av1C is four bytes and then OBUs (AV1 in ISOBMFF, 2.3.3).
  if (stream_.codec_id == AV_CODEC_ID_AV1 && headerSize >= 4 && header[0] == 0x81) {
    header += 4;
    headerSize -= 4;
  }
  // Parameter sets in the parser's settings are not read reliably (FFmpeg's cuviddec.c and torchcodec#1503 send them as data,
  // too). Also before streams that repeat them: those that begin at a recovery point would lose pictures otherwise.
  if (hasParameterSets(codec_) && headerSize > 0) header_.assign(header, header + headerSize);
  CUVIDEOFORMATEX extra{};
  headerSize = std::min(headerSize, kMostHeader);
  extra.format.seqhdr_data_length = static_cast<unsigned>(headerSize);
  std::copy_n(header, headerSize, extra.raw_seqhdr_data);
  CUVIDPARSERPARAMS settings{};
  settings.CodecType = codec_;
  settings.ulMaxNumDecodeSurfaces = 1;  // the sequence callback returns the real number
  settings.ulMaxDisplayDelay = kDisplayDelay;
  settings.pUserData = this;
  settings.pfnSequenceCallback = &NvidiaDecoder::onSequence;
  settings.pfnDecodePicture = &NvidiaDecoder::onDecode;
  settings.pfnDisplayPicture = &NvidiaDecoder::onDisplay;
  settings.pExtVideoInfo = headerSize > 0 ? &extra : nullptr;
  const Device::Current current(*device_);
  CUvideoparser parser = nullptr;
  check(device_->driver.cuvidCreateVideoParser(&parser, &settings), "cuvidCreateVideoParser");
  parser_.reset(parser);
}

NvidiaDecoder::~NvidiaDecoder() = default;

Colour NvidiaDecoder::colourOf(const CUVIDEOFORMAT& format) const {
  // What libavformat found in container and headers comes first, as on the CPU.
  Colour colour{stream_.color_primaries, stream_.color_trc, stream_.color_space, stream_.color_range, stream_.chroma_location};
  const auto& told = format.video_signal_description;
  if (colour.primaries == AVCOL_PRI_UNSPECIFIED && told.color_primaries != 0) colour.primaries = static_cast<AVColorPrimaries>(told.color_primaries);
  if (colour.transfer == AVCOL_TRC_UNSPECIFIED && told.transfer_characteristics != 0)
    colour.transfer = static_cast<AVColorTransferCharacteristic>(told.transfer_characteristics);
  if (colour.space == AVCOL_SPC_UNSPECIFIED && told.matrix_coefficients != 0) colour.space = static_cast<AVColorSpace>(told.matrix_coefficients);
  if (colour.range == AVCOL_RANGE_UNSPECIFIED) colour.range = told.video_full_range_flag ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  if (stream_.format == AV_PIX_FMT_YUVJ420P) colour.range = AVCOL_RANGE_JPEG;
  return colour;
}

// C++ exceptions must not run through the driver, and a callback's 0 does not reliably come out of cuvidParseVideoData.
template <typename Work>
int NvidiaDecoder::guarded(void* self, const Work& work) {
  auto& decoder = *static_cast<NvidiaDecoder*>(self);
  if (decoder.error_) return 0;
  try {
    return work(decoder);
  } catch (...) {
    decoder.error_ = std::current_exception();
    return 0;
  }
}

int CUDAAPI NvidiaDecoder::onSequence(void* self, CUVIDEOFORMAT* format) {
  return guarded(self, [&](NvidiaDecoder& decoder) { return decoder.beginSequence(*format); });
}

int CUDAAPI NvidiaDecoder::onDecode(void* self, CUVIDPICPARAMS* picture) {
  return guarded(self, [&](NvidiaDecoder& decoder) {
    if (!decoder.session_) return 1;  // a size that was refused
    const CUresult result = decoder.device_->driver.cuvidDecodePicture(decoder.session_->get(), picture);
    if (isSticky(result)) check(result, "cuvidDecodePicture");
    if (result != CUDA_SUCCESS) ++decoder.errors_;
    return 1;
  });
}

int CUDAAPI NvidiaDecoder::onDisplay(void* self, CUVIDPARSERDISPINFO* picture) {
  return guarded(self, [&](NvidiaDecoder& decoder) {
    if (picture && decoder.session_) decoder.show(*picture);
    return 1;
  });
}

int NvidiaDecoder::beginSequence(const CUVIDEOFORMAT& format) {
  const auto& area = format.display_area;
  const int width = area.right - area.left, height = area.bottom - area.top;
  const int surfaces = std::clamp(static_cast<int>(format.min_num_decode_surfaces) + kExtraSurfaces, 1, kMostSurfaces);
  // The parser calls for any change of the sequence, be it of its colours or its bit rate; only some need another decoder.
  const auto shape = [](const CUVIDEOFORMAT& of) {
    return std::make_tuple(of.codec, of.coded_width, of.coded_height, of.display_area.left, of.display_area.top, of.display_area.right,
                           of.display_area.bottom, of.bit_depth_luma_minus8, of.chroma_format, of.progressive_sequence, of.min_num_decode_surfaces);
  };
  if (session_ && shape(format) == shape(format_)) {
    format_ = format;
    colour_ = colourOf(format);
    return surfaces;
  }
  // The frames of the old size that are still read keep their decoder alive.
  session_.reset();
  format_ = format;
  colour_ = colourOf(format);
  if (static_cast<int64_t>(format.coded_width) * format.coded_height > plan_.maxPixels || width <= 0 || height <= 0) {
    tooLarge_ = true;
    return surfaces;
  }
  const DecoderCaps caps = decoderCaps(*device_, format.codec, format.chroma_format, format.bit_depth_luma_minus8 + 8);
  if (!caps.supported || format.chroma_format != cudaVideoChromaFormat_420)
    throw EngineError(Code::kGpuFailed, "The stream changes to a form that NVDEC does not decode.");
  CUVIDDECODECREATEINFO settings{};
  settings.CodecType = format.codec;
  settings.ChromaFormat = format.chroma_format;
  settings.ulWidth = settings.ulMaxWidth = format.coded_width;
  settings.ulHeight = settings.ulMaxHeight = format.coded_height;
  settings.bitDepthMinus8 = format.bit_depth_luma_minus8;
  settings.ulNumDecodeSurfaces = static_cast<unsigned long>(surfaces);
  settings.ulNumOutputSurfaces = kOutputSurfaces;
  settings.ulCreationFlags = cudaVideoCreate_PreferCUVID;
  settings.OutputFormat = format.bit_depth_luma_minus8 > 0 ? cudaVideoSurfaceFormat_P016 : cudaVideoSurfaceFormat_NV12;
  settings.DeinterlaceMode = plan_.deinterlace && !format.progressive_sequence ? cudaVideoDeinterlaceMode_Adaptive : cudaVideoDeinterlaceMode_Weave;
  // Targets must be even; an odd picture is taken with the column or row of the coded picture that follows it.
  settings.ulTargetWidth = static_cast<unsigned long>((width + 1) / 2 * 2);
  settings.ulTargetHeight = static_cast<unsigned long>((height + 1) / 2 * 2);
  settings.display_area.left = static_cast<short>(area.left);
  settings.display_area.top = static_cast<short>(area.top);
  settings.display_area.right = static_cast<short>(std::min<int>(area.left + static_cast<int>(settings.ulTargetWidth), static_cast<int>(format.coded_width)));
  settings.display_area.bottom = static_cast<short>(std::min<int>(area.top + static_cast<int>(settings.ulTargetHeight), static_cast<int>(format.coded_height)));
  session_ = std::make_shared<NvdecSession>(device_, settings);
  return surfaces;
}

NvidiaDecoder::Stamp NvidiaDecoder::stampOf(const CUVIDPARSERDISPINFO& picture) {
  if (const auto found = stamps_.find(picture.timestamp); found != stamps_.end()) {
    const Stamp stamp = found->second;
    stamps_.erase(found);
    return stamp;
  }
  // A packet without a time among packets with times: the parser reckons from the one before. Where no packet has one, its
  // guess is worth less than the frame rate of the whole stream.
  const int64_t pts = timed_ > 0 ? av_rescale_q(picture.timestamp, kParserClock, timeBase_) : AV_NOPTS_VALUE;
  return {pts, 0, false};
}

/** "For some reason, dispinfo->progressive_frame is sometimes wrong" (FFmpeg's cuviddec.c): not where the stream says otherwise. */
bool NvidiaDecoder::isProgressive(const CUVIDPARSERDISPINFO& picture) const {
  return format_.progressive_sequence || (picture.progressive_frame && !saysInterlaced(stream_));
}

/**
 * The parser tells the aspect of the whole frame (nvcuvid.h, CUVIDEOFORMAT::display_aspect_ratio), that of its size where the stream has
 * none: only its changes count, since what the header says is known from the container.
 */
double NvidiaDecoder::stretchOf(int width, int height) {
  AVRational aspect{0, 1};
  const auto& told = format_.display_aspect_ratio;
  if (told.x > 0 && told.y > 0) aspect = av_div_q({told.x, told.y}, {width, height});
  if (usual_.num <= 0 || usual_.den <= 0) usual_ = aspect;
  const double stretch = sortie::stretchOf(width, height, aspect, stream_.width, stream_.height, usual_);
  return plan_.rotation % 180 == 0 ? stretch : 1 / stretch;
}

void NvidiaDecoder::show(const CUVIDPARSERDISPINFO& picture) {
  ++shown_;
  const Stamp stamp = stampOf(picture);
  if (stamp.hidden || stopped_()) return;
  // Before anything is mapped: where the device is lost no event can be made, and what is mapped would stay so.
  const auto ready = std::make_shared<Event>(device_);
  if (!session_->waitForRoom(stopped_)) return;
  CUVIDPROCPARAMS processing{};
  processing.progressive_frame = isProgressive(picture);
  processing.top_field_first = picture.top_field_first;
  processing.second_field = 0;  // the moment of the first field, whose time the picture has (as FFmpeg's cuviddec.c)
  processing.unpaired_field = picture.repeat_first_field < 0;
  processing.output_stream = output_.get();
  unsigned long long frame = 0;
  unsigned pitch = 0;
  const CUresult mapped = device_->driver.cuvidMapVideoFrame64(session_->get(), picture.picture_index, &frame, &pitch, &processing);
  // A frame that nobody looked at is given back only when it is written all the same.
  const std::shared_ptr<const void> owner(static_cast<const void*>(nullptr),
                                          [session = session_, ready, frame = mapped == CUDA_SUCCESS ? frame : 0](const void*) { session->unmap(frame, *ready); });
  if (isSticky(mapped)) check(mapped, "cuvidMapVideoFrame64");
  if (mapped != CUDA_SUCCESS) {
    ++errors_;
    return;
  }
  ready->record(output_.get());
  if (device_->driver.cuvidGetDecodeStatus) {
    CUVIDGETDECODESTATUS status{};
    // Only for H.264, HEVC and JPEG; others answer "not supported".
    if (device_->driver.cuvidGetDecodeStatus(session_->get(), picture.picture_index, &status) == CUDA_SUCCESS) {
      const int told = static_cast<int>(status.decodeStatus);
      // Before the first sound picture there is only grey mush made of references that are not in the file.
      if (!clean_ && told == kStatusError) return;
      if (told == kStatusError || told == kStatusConcealed) ++errors_;
    }
  }
  clean_ = true;
  const auto& area = format_.display_area;
  Planes planes;
  planes.data = frame;
  planes.pitch = pitch;
  planes.width = area.right - area.left;
  planes.height = area.bottom - area.top;
  planes.rows = (planes.height + 1) / 2 * 2;
  planes.wide = format_.bit_depth_luma_minus8 > 0;
  Decoded decoded;
  decoded.surface = upright_.apply(std::make_shared<DeviceSurface>(device_, planes, colour_, ready, owner));
  decoded.pts = stamp.pts;
  decoded.duration = stamp.duration;
  decoded.stretch = stretchOf(planes.width, planes.height);
  (*sink_)(std::move(decoded));
}

/**
 * The parser wants the time of presentation. Times that do not rise in the order of display it takes for times of decoding and
 * swaps, which is right where there are no others (AVI, which has none but for B pictures); those then lie before the times of
 * presentation by the reordering, as libavcodec reckons, too (AVFrame::best_effort_timestamp).
 */
int64_t NvidiaDecoder::timeOf(const AVPacket& packet) {
  if (packet.pts == AV_NOPTS_VALUE && packet.dts != AV_NOPTS_VALUE) byDecoding_ = true;
  if (!byDecoding_ || packet.dts == AV_NOPTS_VALUE) return packet.pts;
  const int64_t frame = packet.duration > 0 ? packet.duration : av_rescale_q(1, {plan_.frameRateDen, plan_.frameRateNum}, timeBase_);
  return packet.dts + stream_.video_delay * frame;
}

void NvidiaDecoder::parse(const AVPacket* packet) {
  CUVIDSOURCEDATAPACKET data{};
  if (packet) {
    ++packets_;
    data.payload = packet->data;
    data.payload_size = static_cast<unsigned long>(packet->size);
    // In one piece with the packet: the time of a piece belongs to the first picture that begins in it.
    if (!header_.empty()) {
      header_.insert(header_.end(), packet->data, packet->data + packet->size);
      data.payload = header_.data();
      data.payload_size = static_cast<unsigned long>(header_.size());
    }
    const int64_t time = timeOf(*packet);
    if (time != AV_NOPTS_VALUE) {
      ++timed_;
      data.flags = CUVID_PKT_TIMESTAMP;
      data.timestamp = av_rescale_q(time, timeBase_, kParserClock);
      stamps_[data.timestamp] = {time, packet->duration, (packet->flags & AV_PKT_FLAG_DISCARD) != 0};
      if (stamps_.size() > kMostStamps) stamps_.erase(stamps_.begin());  // packets that gave no picture
    }
  } else {
    data.flags = CUVID_PKT_ENDOFSTREAM;
  }
  const Device::Current current(*device_);
  const CUresult parsed = device_->driver.cuvidParseVideoData(parser_.get(), &data);
  header_.clear();
  if (error_) std::rethrow_exception(error_);
  if (isSticky(parsed)) check(parsed, "cuvidParseVideoData");
  if (parsed != CUDA_SUCCESS) ++errors_;
}

std::string NvidiaDecoder::doubt() const {
  if (packets_ == 0 || tooLarge_) return "";
  // Each field may be a packet of its own.
  const double expected = static_cast<double>(packets_) * (saysInterlaced(stream_) ? 0.5 : 1);
  const std::string of = " of " + std::to_string(packets_) + " packets";
  if (shown_ < kLeastShown * expected) return "NVDEC gave " + std::to_string(shown_) + " pictures" + of;
  if (errors_ > kMostDamaged * expected) return "NVDEC found " + std::to_string(errors_) + " pictures damaged" + of;
  return "";
}

void NvidiaDecoder::filter(const AVPacket* packet) {
  if (!bsf_) {
    parse(packet);
    return;
  }
  PacketPtr copy;
  if (packet) {
    copy.reset(av_packet_clone(packet));
    if (!copy) throw std::bad_alloc();
  }
  if (av_bsf_send_packet(bsf_.get(), copy.get()) < 0) {
    ++errors_;
    return;
  }
  PacketPtr out = makePacket();
  for (;;) {
    const int result = av_bsf_receive_packet(bsf_.get(), out.get());
    if (result == AVERROR(EAGAIN)) return;
    if (result == AVERROR_EOF) break;
    if (result < 0) {
      ++errors_;
      return;
    }
    parse(out.get());
    av_packet_unref(out.get());
  }
  parse(nullptr);
}

void NvidiaDecoder::decode(const AVPacket* packet, const Sink& sink) {
  sink_ = &sink;
  filter(packet);
}

}  // namespace sortie::nvidia
