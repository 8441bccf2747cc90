// libnvcuvid.so.1: parser and decoder by libavcodec, with the driver's order of calls, limits and layout of memory.
// Modelled after cuviddec.h and nvcuvid.h of the SDK, after NVIDIA's published parser (nvpro-samples/vk_video_samples,
// NvVideoParser), and after what FFmpeg's cuviddec.c and the SDK's samples rely on.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
}

#include "parameter-sets.h"
#include "standin.h"

#include "../src/nvidia/sdk/dynlink_nvcuvid.h"

namespace {

using namespace standin;

enum : int { kInvalidValue = 1, kInvalidContext = 201, kMapFailed = 205, kNotSupported = 801, kUnknown = 999 };
// Of VP9 and AV1 (VulkanVP9Decoder.cpp, VulkanAV1Decoder.cpp: nMinNumDecodeSurfaces); for MPEG-1, 2 and 4 nobody tells.
constexpr int kNeededSurfaces = 9;
constexpr long kClockRate = 10'000'000;  // "0=default (10 MHz)" (CUVIDPARSERPARAMS::ulClockRate)
CUresult answer(int code) { return static_cast<CUresult>(code); }

int ready(const char* call) {
  if (!currentContext()) {
    violation("%s without a current context", call);
    return kInvalidContext;
  }
  return lost();
}
#define NEED_CONTEXT(call) \
  if (const int problem = ready(call)) return answer(problem)

AVCodecID idOf(cudaVideoCodec codec) {
  switch (codec) {
    case cudaVideoCodec_MPEG1: return AV_CODEC_ID_MPEG1VIDEO;
    case cudaVideoCodec_MPEG2: return AV_CODEC_ID_MPEG2VIDEO;
    case cudaVideoCodec_MPEG4: return AV_CODEC_ID_MPEG4;
    case cudaVideoCodec_H264: return AV_CODEC_ID_H264;
    case cudaVideoCodec_HEVC: return AV_CODEC_ID_HEVC;
    case cudaVideoCodec_VP8: return AV_CODEC_ID_VP8;
    case cudaVideoCodec_VP9: return AV_CODEC_ID_VP9;
    case cudaVideoCodec_AV1: return AV_CODEC_ID_AV1;
    default: return AV_CODEC_ID_NONE;
  }
}

struct Decoder;

struct Shown {
  int surface;
  bool progressive;
  bool topFirst;
};

/** A picture's time (VulkanVideoDecoder.h, NVDISPLAYINFO). */
struct Time {
  long long pts;
  bool valid;
};

struct Parser {
  CUVIDPARSERPARAMS settings;
  AVCodecParserContext* splitter = nullptr;
  AVCodecContext* context = nullptr;
  CUVIDEOFORMAT format{};
  bool sequence = false;
  int surfaces = 0;
  int next = 0;
  std::set<int> inUse;
  std::map<int, Time> times;
  /** A first field whose second one is expected: which, and where it lies. */
  AVPictureStructure firstField = AV_PICTURE_STRUCTURE_UNKNOWN;
  int firstFieldAt = 0;
  /** Pictures whose times are still compared with the order of display (m_lCheckPTS, m_bFilterTimestamps). */
  int checks = 16;
  bool filter = false;
  long long expected = 0;
  /** Of the last sequence header of MPEG-2. */
  int aspectCode = 0;
  SequenceSet set;
  std::deque<Shown> ready;
  Decoder* decoder = nullptr;
  bool inside = false;
};

struct Surface {
  AVFrame* frame = av_frame_alloc();
  bool damaged = false;
  bool corrupt = false;
};

struct Decoder {
  CUVIDDECODECREATEINFO settings;
  std::condition_variable unmapped;
  AVCodecContext* context = nullptr;
  std::vector<Surface> surfaces;
  std::map<unsigned long long, int> mapped;
  std::mutex mutex;
  Parser* parser = nullptr;
};

/** What the parser hands to the decoder in place of the driver's own picture parameters. */
struct PictureData {
  Parser* parser;
  const uint8_t* data;
  size_t size;
};

int depthOf(int format) {
  const AVPixFmtDescriptor* form = format >= 0 ? av_pix_fmt_desc_get(static_cast<AVPixelFormat>(format)) : nullptr;
  return form ? form->comp[0].depth : 8;
}

#if LIBAVUTIL_VERSION_MAJOR >= 58
bool isInterlaced(const AVFrame& frame) { return (frame.flags & AV_FRAME_FLAG_INTERLACED) != 0; }
bool isTopFirst(const AVFrame& frame) { return (frame.flags & AV_FRAME_FLAG_TOP_FIELD_FIRST) != 0; }
#else
bool isInterlaced(const AVFrame& frame) { return frame.interlaced_frame != 0; }
bool isTopFirst(const AVFrame& frame) { return frame.top_field_first != 0; }
#endif

/** Whether this picture is one of the DAMAGED per cent. */
bool isDamaged() {
  static const long share = number("DAMAGED", 0);
  static std::atomic<long> pictures{0};
  const long now = ++pictures;
  return share > 0 && now * share / 100 != (now - 1) * share / 100;
}

void collect(Decoder& decoder) {
  AVFrame* frame = av_frame_alloc();
  while (avcodec_receive_frame(decoder.context, frame) >= 0) {
    // The surface's number travels as the timestamp, which libavcodec carries through its reordering.
    const auto index = static_cast<size_t>(frame->pts);
    if (index < decoder.surfaces.size()) {
      Surface& surface = decoder.surfaces[index];
      surface.damaged = frame->decode_error_flags != 0;
      surface.corrupt = (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || isDamaged();
      av_frame_unref(surface.frame);
      av_frame_ref(surface.frame, frame);
      if (decoder.parser) decoder.parser->ready.push_back({static_cast<int>(index), !isInterlaced(*frame), isTopFirst(*frame)});
    }
    av_frame_unref(frame);
  }
  av_frame_free(&frame);
}

/** Size in a key frame's header, which libavcodec's splitters of VP8 and VP9 do not read. False in other frames. */
bool readSize(cudaVideoCodec codec, const uint8_t* data, int size, int& width, int& height) {
  if (codec == cudaVideoCodec_VP8) {  // RFC 6386, 9.1
    if (size < 10 || (data[0] & 1) != 0 || data[3] != 0x9d || data[4] != 0x01 || data[5] != 0x2a) return false;
    width = (data[6] | data[7] << 8) & 0x3fff;
    height = (data[8] | data[9] << 8) & 0x3fff;
    return true;
  }
  // VP9 Bitstream & Decoding Process Specification, 6.2: uncompressed_header() of a key frame.
  int at = 0;
  const auto bits = [&](int count) {
    unsigned value = 0;
    for (; count > 0; --count, ++at) value = value << 1 | (at / 8 < size ? data[at / 8] >> (7 - at % 8) & 1u : 0u);
    return value;
  };
  if (bits(2) != 2) return false;
  unsigned profile = bits(1);
  profile |= bits(1) << 1;
  if (profile == 3) bits(1);
  if (bits(1)) return false;  // show_existing_frame
  if (bits(1)) return false;  // not a key frame
  bits(2);
  if (bits(24) != 0x498342) return false;
  if (profile >= 2) bits(1);
  if (bits(3) != 7) {
    bits(1);
    if (profile == 1 || profile == 3) bits(3);
  } else if (profile == 1 || profile == 3) {
    bits(1);
  }
  width = static_cast<int>(bits(16)) + 1;
  height = static_cast<int>(bits(16)) + 1;
  return true;
}

/** With the headers that the parser alone was given (MPEG-4 in MP4 has them nowhere else). */
bool openContext(Decoder& decoder, const AVCodecContext& parser) {
  const AVCodec* codec = avcodec_find_decoder(idOf(decoder.settings.CodecType));
  decoder.context = avcodec_alloc_context3(codec);
  decoder.context->thread_count = 1;
  decoder.context->flags |= AV_CODEC_FLAG_UNALIGNED;  // cropped to the sample, also at the left
  // The chip shows what it made of a picture whose references are missing, and says so in its status.
  if (decoder.settings.CodecType == cudaVideoCodec_H264 || decoder.settings.CodecType == cudaVideoCodec_HEVC) decoder.context->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  if (parser.extradata_size > 0) {
    decoder.context->extradata = static_cast<uint8_t*>(av_mallocz(static_cast<size_t>(parser.extradata_size) + AV_INPUT_BUFFER_PADDING_SIZE));
    std::memcpy(decoder.context->extradata, parser.extradata, static_cast<size_t>(parser.extradata_size));
    decoder.context->extradata_size = parser.extradata_size;
  }
  return avcodec_open2(decoder.context, codec, nullptr) >= 0;
}

void drain(Decoder& decoder) {
  if (!decoder.context) return;
  avcodec_send_packet(decoder.context, nullptr);
  collect(decoder);
  avcodec_flush_buffers(decoder.context);
}

long long frameDuration(const Parser& parser) {
  const long clock = parser.settings.ulClockRate > 0 ? static_cast<long>(parser.settings.ulClockRate) : kClockRate;
  const auto& rate = parser.format.frame_rate;
  return rate.numerator > 0 && rate.denominator > 0 ? static_cast<long long>(rate.denominator) * clock / rate.numerator : clock / 30;
}

/**
 * The time that a picture is shown with. Those that do not rise in the order of display are taken for decoding times and
 * swapped, once that showed within the first sixteen pictures; a picture without a time gets the one that is expected
 * (VulkanVideoDecoder.cpp, display_picture).
 */
long long timeOf(Parser& parser, int surface) {
  Time& own = parser.times[surface];
  if (own.valid && (parser.filter || parser.checks > 0)) {
    int earliest = surface;
    for (const int other : parser.inUse)
      if (parser.times[other].valid && parser.times[other].pts < parser.times[earliest].pts) earliest = other;
    if (earliest != surface) {
      if (parser.checks > 0) parser.filter = true;
      std::swap(parser.times[earliest].pts, own.pts);
    }
    if (parser.checks > 0) --parser.checks;
  }
  const long long pts = own.valid ? own.pts : parser.expected;
  parser.expected = pts + frameDuration(parser);
  return pts;
}

bool show(Parser& parser) {
  static const bool lies = !setting("SAYS_PROGRESSIVE").empty();
  while (!parser.ready.empty()) {
    const Shown shown = parser.ready.front();
    parser.ready.pop_front();
    CUVIDPARSERDISPINFO info{};
    info.picture_index = shown.surface;
    info.progressive_frame = shown.progressive || lies;
    info.top_field_first = shown.topFirst;
    info.timestamp = timeOf(parser, shown.surface);
    parser.inUse.erase(shown.surface);
    if (parser.settings.pfnDisplayPicture && !parser.settings.pfnDisplayPicture(parser.settings.pUserData, &info)) return false;
  }
  return true;
}

/**
 * Anything new about the sequence, be it its size or its colours: the pictures of the old one are shown first (nvcuvid.h,
 * pfnSequenceCallback; VulkanVideoDecoder.cpp, init_sequence).
 */
bool beginSequence(Parser& parser, const CUVIDEOFORMAT& format) {
  if (parser.decoder) {
    drain(*parser.decoder);
    if (!show(parser)) return false;
    parser.decoder = nullptr;
  }
  parser.format = format;
  CUVIDEOFORMAT told = format;
  const int result = parser.settings.pfnSequenceCallback(parser.settings.pUserData, &told);
  if (result == 0) return false;
  parser.surfaces = result > 1 ? result : static_cast<int>(parser.settings.ulMaxNumDecodeSurfaces);
  const int needed = format.min_num_decode_surfaces;
  if (parser.surfaces < needed) violation("the stream needs %d decode surfaces, %d were given", needed, parser.surfaces);
  parser.sequence = true;
  parser.next = 0;
  parser.times.clear();
  parser.inUse.clear();
  return true;
}

bool hasSets(const Parser& parser) { return parser.settings.CodecType == cudaVideoCodec_H264 || parser.settings.CodecType == cudaVideoCodec_HEVC; }

bool unit(Parser& parser, const uint8_t* data, int size) {
  static const std::string nothing = setting("DECODES_NOTHING");
  if (!nothing.empty() && nothing == avcodec_get_name(idOf(parser.settings.CodecType))) return true;
  const AVCodecParserContext& found = *parser.splitter;
  bool newSet = false;
  if (hasSets(parser)) {
    SequenceSet set = findSequenceSet(data, static_cast<size_t>(size), parser.settings.CodecType == cudaVideoCodec_HEVC);
    newSet = !set.bytes.empty() && set.bytes != parser.set.bytes;
    if (newSet) parser.set = std::move(set);
    if (parser.set.bytes.empty()) return true;
  }
  const bool vp = parser.settings.CodecType == cudaVideoCodec_VP8 || parser.settings.CodecType == cudaVideoCodec_VP9;
  // MPEG-4's parser leaves the size to the context.
  int width = found.width > 0 ? found.width : parser.context->width, height = found.height > 0 ? found.height : parser.context->height;
  const bool vpKey = vp && readSize(parser.settings.CodecType, data, size, width, height);
  if (vp && !vpKey && parser.sequence) {
    width = parser.format.display_area.right;
    height = parser.format.display_area.bottom;
  }
  if (width <= 0 || height <= 0) return true;  // nothing is known before the first sequence header
  const int codedWidth = found.coded_width > 0 ? found.coded_width : (width + 15) & ~15;
  const int codedHeight = found.coded_height > 0 ? found.coded_height : (height + 15) & ~15;
  const int depth = depthOf(found.format);
  CUVIDEOFORMAT format{};
  format.codec = parser.settings.CodecType;
  format.chroma_format = cudaVideoChromaFormat_420;
  format.bit_depth_luma_minus8 = format.bit_depth_chroma_minus8 = static_cast<unsigned char>(depth - 8);
  format.frame_rate.numerator = static_cast<unsigned>(parser.context->framerate.num);
  format.frame_rate.denominator = static_cast<unsigned>(parser.context->framerate.den);
  format.progressive_sequence = found.field_order == AV_FIELD_PROGRESSIVE || found.field_order == AV_FIELD_UNKNOWN;
  format.min_num_decode_surfaces = static_cast<unsigned char>(hasSets(parser) ? parser.set.surfaces : kNeededSurfaces);
  format.coded_width = static_cast<unsigned>(codedWidth);
  format.coded_height = static_cast<unsigned>(codedHeight);
  format.display_area = {0, 0, width, height};
  // VulkanH264Parser.cpp: lDARWidth = sar_width * nDisplayWidth, the size itself where there is none, simplified; 4:3 and 16:9 are
  // what ISO 13818-2, table 6-3 says of the whole frame.
  if (const int code = parser.settings.CodecType == cudaVideoCodec_MPEG2 ? findAspectCode(data, static_cast<size_t>(size)) : 0) parser.aspectCode = code;
  const bool sar = parser.set.sampleWidth > 0 && parser.set.sampleHeight > 0;
  AVRational aspect = av_mul_q({width, height}, sar ? AVRational{parser.set.sampleWidth, parser.set.sampleHeight} : AVRational{1, 1});
  if (parser.aspectCode == 2) aspect = {4, 3};
  if (parser.aspectCode == 3) aspect = {16, 9};
  format.display_aspect_ratio = {aspect.num, aspect.den};
  const CUVIDEOFORMAT& known = parser.format;
  const bool changed = newSet || known.coded_width != format.coded_width || known.coded_height != format.coded_height ||
                       known.display_area.right != format.display_area.right || known.display_area.bottom != format.display_area.bottom ||
                       known.bit_depth_luma_minus8 != format.bit_depth_luma_minus8 || known.display_aspect_ratio.x != format.display_aspect_ratio.x ||
                       known.display_aspect_ratio.y != format.display_aspect_ratio.y;
  if (!parser.sequence || changed) {
    // Those with parameter sets begin at any picture behind one (VulkanH264Parser.cpp: "or first non-IDR picture after a sequence
    // header").
    if (!vp && !hasSets(parser) && !parser.sequence && !found.key_frame && found.pict_type != AV_PICTURE_TYPE_I && found.key_frame != -1) return true;
    if (!beginSequence(parser, format)) return false;
  }
  // Both fields of a frame lie in one surface, and the time is that of the first (VulkanVideoDecoder.cpp, end_of_picture).
  const bool field = found.picture_structure == AV_PICTURE_STRUCTURE_TOP_FIELD || found.picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
  const bool second = field && parser.firstField != AV_PICTURE_STRUCTURE_UNKNOWN && parser.firstField != found.picture_structure;
  int index = second ? parser.firstFieldAt : parser.next;
  for (int i = 0; !second && i < parser.surfaces && parser.inUse.count(index); ++i) index = (index + 1) % parser.surfaces;
  if (!second) parser.next = (index + 1) % std::max(1, parser.surfaces);
  parser.inUse.insert(index);
  parser.firstField = field && !second ? found.picture_structure : AV_PICTURE_STRUCTURE_UNKNOWN;
  parser.firstFieldAt = index;
  if (!second || !parser.times[index].valid) parser.times[index] = {found.pts == AV_NOPTS_VALUE ? parser.expected : found.pts, found.pts != AV_NOPTS_VALUE};

  PictureData handed{&parser, data, static_cast<size_t>(size)};
  const PictureData* address = &handed;
  CUVIDPICPARAMS picture{};
  picture.CurrPicIdx = index;
  picture.PicWidthInMbs = codedWidth / 16;
  picture.FrameHeightInMbs = codedHeight / 16;
  picture.nBitstreamDataLen = static_cast<unsigned>(size);
  picture.pBitstreamData = data;
  picture.nNumSlices = 1;
  picture.field_pic_flag = field;
  picture.bottom_field_flag = found.picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
  picture.second_field = second;
  std::memcpy(picture.CodecSpecific.CodecReserved, &address, sizeof address);
  if (!parser.settings.pfnDecodePicture(parser.settings.pUserData, &picture)) return false;
  if (vp) parser.inUse.erase(index);  // never reordered, and some are never shown
  return show(parser);
}

/** One sample of a decoded frame, repeated beyond its edges. */
struct Plane {
  const AVFrame& frame;
  int plane;
  int width;
  int height;
  bool wide;
  unsigned at(int x, int y) const {
    x = std::clamp(x, 0, width - 1);
    y = std::clamp(y, 0, height - 1);
    const uint8_t* row = frame.data[plane] + static_cast<ptrdiff_t>(y) * frame.linesize[plane];
    return wide ? reinterpret_cast<const uint16_t*>(row)[x] : row[x];
  }
};

/** What the post-processing kernel of cuvidMapVideoFrame writes: cropped, scaled by repetition, one field doubled. */
void postProcess(const CUVIDDECODECREATEINFO& settings, const AVFrame& frame, bool bob, bool upper, uint8_t* target, size_t pitch) {
  const int depth = depthOf(frame.format);
  const bool wideOut = settings.OutputFormat == cudaVideoSurfaceFormat_P016;
  const auto put = [&](uint8_t* row, int x, unsigned value) {
    if (wideOut) reinterpret_cast<uint16_t*>(row)[x] = static_cast<uint16_t>(value << (16 - depth));
    else row[x] = static_cast<uint8_t>(value >> (depth - 8));
  };
  const auto& area = settings.display_area;
  const int left = area.left, top = area.top;
  const int width = area.right > area.left ? area.right - area.left : frame.width, height = area.bottom > area.top ? area.bottom - area.top : frame.height;
  const auto targetWidth = static_cast<int>(settings.ulTargetWidth), targetHeight = static_cast<int>(settings.ulTargetHeight);
  const auto line = [&](int y) { return bob ? (y & ~1) + (upper ? 0 : 1) : y; };
  const Plane luma{frame, 0, frame.width, frame.height, depth > 8};
  for (int y = 0; y < targetHeight; ++y)
    for (int x = 0; x < targetWidth; ++x)
      put(target + static_cast<size_t>(y) * pitch, x, luma.at(left + static_cast<int>(static_cast<int64_t>(x) * width / targetWidth), line(top + static_cast<int>(static_cast<int64_t>(y) * height / targetHeight))));
  uint8_t* below = target + pitch * static_cast<size_t>((targetHeight + 1) & ~1);
  for (int c = 0; c < 2; ++c) {
    const Plane chroma{frame, 1 + c, (frame.width + 1) / 2, (frame.height + 1) / 2, depth > 8};
    for (int y = 0; y < (targetHeight + 1) / 2; ++y)
      for (int x = 0; x < (targetWidth + 1) / 2; ++x)
        put(below + static_cast<size_t>(y) * pitch, 2 * x + c, chroma.at(left / 2 + static_cast<int>(static_cast<int64_t>(x) * width / targetWidth), line(top / 2 + static_cast<int>(static_cast<int64_t>(y) * height / targetHeight))));
  }
}

}  // namespace

extern "C" {

CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS* caps) {
  NEED_CONTEXT("cuvidGetDecoderCaps");
  const bool known = avcodec_find_decoder(idOf(caps->eCodecType)) && setting("NO_DECODER").empty();
  caps->bIsSupported = known && caps->eChromaFormat == cudaVideoChromaFormat_420 &&
                       (caps->nBitDepthMinus8 == 0 ||
                        ((caps->eCodecType == cudaVideoCodec_HEVC || caps->eCodecType == cudaVideoCodec_AV1) && caps->nBitDepthMinus8 <= 2));
  caps->nNumNVDECs = 1;
  caps->nOutputFormatMask = 3;
  caps->nMaxWidth = caps->nMaxHeight = 8192;
  caps->nMaxMBCount = 262144;
  caps->nMinWidth = caps->nMinHeight = 48;
  return CUDA_SUCCESS;
}

CUresult cuvidCreateVideoParser(CUvideoparser* made, CUVIDPARSERPARAMS* settings) {
  if (!settings->pfnSequenceCallback || !settings->pfnDecodePicture) {
    violation("a parser without callbacks");
    return answer(kInvalidValue);
  }
  const AVCodecID id = idOf(settings->CodecType);
  auto parser = std::make_unique<Parser>();
  parser->settings = *settings;
  parser->splitter = av_parser_init(id);
  if (!parser->splitter) return answer(kNotSupported);
  parser->context = avcodec_alloc_context3(avcodec_find_decoder(id));
  // NVIDIA's parsers of H.264 and HEVC never read it, and decoding begins with the sets that stand in the stream
  // (meta-pytorch/torchcodec#1503: "only reliably starts decoding once it has parsed a sequence header out of the bitstream").
  if (!hasSets(*parser) && settings->pExtVideoInfo && settings->pExtVideoInfo->format.seqhdr_data_length > 0) {
    // FFmpeg names the length of headers that do not fit.
    const auto size = static_cast<int>(std::min<size_t>(settings->pExtVideoInfo->format.seqhdr_data_length, sizeof settings->pExtVideoInfo->raw_seqhdr_data));
    // VP8, VP9: the decoder has no use for it; the others' parsers take it in as a first unit.
    parser->context->extradata = static_cast<uint8_t*>(av_mallocz(static_cast<size_t>(size) + AV_INPUT_BUFFER_PADDING_SIZE));
    std::memcpy(parser->context->extradata, settings->pExtVideoInfo->raw_seqhdr_data, static_cast<size_t>(size));
    parser->context->extradata_size = size;
  }
  live("video parsers", 1);
  *made = parser.release();
  return CUDA_SUCCESS;
}

CUresult cuvidParseVideoData(CUvideoparser handle, CUVIDSOURCEDATAPACKET* packet) {
  auto& parser = *static_cast<Parser*>(handle);
  if (parser.inside) {
    violation("cuvidParseVideoData from inside a callback");
    return answer(kInvalidValue);
  }
  if (const int problem = lost()) return answer(problem);
  parser.inside = true;
  bool going = true;
  std::vector<uint8_t> padded(packet->payload, packet->payload + packet->payload_size);
  padded.resize(padded.size() + AV_INPUT_BUFFER_PADDING_SIZE);
  const uint8_t* data = padded.data();
  auto left = static_cast<int>(packet->payload_size);
  int64_t stamp = packet->flags & CUVID_PKT_TIMESTAMP ? packet->timestamp : AV_NOPTS_VALUE;
  uint8_t* found = nullptr;
  int size = 0;
  while (left > 0 && going) {
    const int used = av_parser_parse2(parser.splitter, parser.context, &found, &size, data, left, stamp, stamp, 0);
    data += used;
    left -= used;
    stamp = AV_NOPTS_VALUE;
    if (size > 0) going = unit(parser, found, size);
  }
  if (going && packet->flags & (CUVID_PKT_ENDOFSTREAM | CUVID_PKT_ENDOFPICTURE)) {
    av_parser_parse2(parser.splitter, parser.context, &found, &size, nullptr, 0, AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
    if (size > 0) going = unit(parser, found, size);
  }
  if (going && packet->flags & CUVID_PKT_ENDOFSTREAM) {
    // All that is left comes in one call, more than the steady state ever holds.
    if (parser.decoder) drain(*parser.decoder);
    going = show(parser);
    parser.inUse.clear();
    if (going && packet->flags & CUVID_PKT_NOTIFY_EOS && parser.settings.pfnDisplayPicture) parser.settings.pfnDisplayPicture(parser.settings.pUserData, nullptr);
  }
  parser.inside = false;
  return going ? CUDA_SUCCESS : answer(kUnknown);
}

CUresult cuvidDestroyVideoParser(CUvideoparser handle) {
  const std::unique_ptr<Parser> parser(static_cast<Parser*>(handle));
  if (parser->inside) violation("a parser destroyed from inside its callback");
  if (parser->decoder) parser->decoder->parser = nullptr;
  av_parser_close(parser->splitter);
  avcodec_free_context(&parser->context);
  live("video parsers", -1);
  return CUDA_SUCCESS;
}

CUresult cuvidCreateDecoder(CUvideodecoder* made, CUVIDDECODECREATEINFO* settings) {
  NEED_CONTEXT("cuvidCreateDecoder");
  if (settings->ulNumDecodeSurfaces == 0 || settings->ulNumDecodeSurfaces > 32) {
    violation("ulNumDecodeSurfaces is %lu", static_cast<unsigned long>(settings->ulNumDecodeSurfaces));
    return answer(kInvalidValue);
  }
  if (settings->ulNumOutputSurfaces == 0 || settings->ulNumOutputSurfaces > 64) {
    violation("ulNumOutputSurfaces is %lu", static_cast<unsigned long>(settings->ulNumOutputSurfaces));
    return answer(kInvalidValue);
  }
  if ((settings->ulTargetWidth | settings->ulTargetHeight) & 1) violation("odd target %lux%lu", static_cast<unsigned long>(settings->ulTargetWidth), static_cast<unsigned long>(settings->ulTargetHeight));
  const AVCodec* codec = avcodec_find_decoder(idOf(settings->CodecType));
  if (!codec || settings->ChromaFormat != cudaVideoChromaFormat_420) return answer(kNotSupported);
  auto decoder = std::make_unique<Decoder>();
  decoder->settings = *settings;
  decoder->surfaces.resize(settings->ulNumDecodeSurfaces);
  live("video decoders", 1);
  count("decoders made");
  *made = decoder.release();
  return CUDA_SUCCESS;
}

CUresult cuvidDestroyDecoder(CUvideodecoder handle) {
  const std::unique_ptr<Decoder> decoder(static_cast<Decoder*>(handle));
  if (!currentContext()) violation("cuvidDestroyDecoder without a current context");
  if (!decoder->mapped.empty()) violation("a decoder destroyed with %zu frames mapped", decoder->mapped.size());
  if (decoder->parser && decoder->parser->decoder == decoder.get()) decoder->parser->decoder = nullptr;
  for (Surface& surface : decoder->surfaces) av_frame_free(&surface.frame);
  avcodec_free_context(&decoder->context);
  live("video decoders", -1);
  return answer(lost());
}

namespace {

/** With BLOCK_MAPPED the chip does not write into a surface that is mapped (romerojosh/benzina#32); it waits. */
void waitUntilUnmapped(Decoder& decoder, int index) {
  static const bool blocks = !setting("BLOCK_MAPPED").empty();
  if (!blocks) return;
  constexpr auto kPatience = std::chrono::seconds(10);
  std::unique_lock lock(decoder.mutex);
  const auto free = [&] {
    return std::none_of(decoder.mapped.begin(), decoder.mapped.end(), [&](const auto& mapped) { return mapped.second == index; });
  };
  if (!decoder.unmapped.wait_for(lock, kPatience, free)) violation("decoding waited for a frame that stays mapped: picture %d", index);
}

}  // namespace

CUresult cuvidDecodePicture(CUvideodecoder handle, CUVIDPICPARAMS* picture) {
  NEED_CONTEXT("cuvidDecodePicture");
  auto& decoder = *static_cast<Decoder*>(handle);
  const PictureData* handed = nullptr;
  std::memcpy(&handed, picture->CodecSpecific.CodecReserved, sizeof handed);
  if (picture->CurrPicIdx < 0 || picture->CurrPicIdx >= static_cast<int>(decoder.surfaces.size())) {
    violation("picture index %d of %zu surfaces", picture->CurrPicIdx, decoder.surfaces.size());
    return answer(kInvalidValue);
  }
  beat();
  waitUntilUnmapped(decoder, picture->CurrPicIdx);
  decoder.parser = handed->parser;
  handed->parser->decoder = &decoder;
  const Work counted;
  if (!decoder.context && !openContext(decoder, *handed->parser->context)) return answer(kUnknown);
  AVPacket* packet = av_packet_alloc();
  if (av_new_packet(packet, static_cast<int>(handed->size)) < 0) return answer(kUnknown);
  std::memcpy(packet->data, handed->data, handed->size);
  packet->pts = picture->CurrPicIdx;
  avcodec_send_packet(decoder.context, packet);
  collect(decoder);
  av_packet_free(&packet);
  count("pictures decoded");
  return answer(lost());
}

CUresult cuvidGetDecodeStatus(CUvideodecoder handle, int index, CUVIDGETDECODESTATUS* status) {
  NEED_CONTEXT("cuvidGetDecodeStatus");
  auto& decoder = *static_cast<Decoder*>(handle);
  if (decoder.settings.CodecType != cudaVideoCodec_H264 && decoder.settings.CodecType != cudaVideoCodec_HEVC) return answer(kNotSupported);
  if (index < 0 || index >= static_cast<int>(decoder.surfaces.size())) return answer(kInvalidValue);
  const Surface& surface = decoder.surfaces[static_cast<size_t>(index)];
  status->decodeStatus = surface.corrupt ? cuvidDecodeStatus_Error : surface.damaged ? cuvidDecodeStatus_Error_Concealed : cuvidDecodeStatus_Success;
  return CUDA_SUCCESS;
}

CUresult cuvidMapVideoFrame64(CUvideodecoder handle, int index, unsigned long long* address, unsigned* pitch, CUVIDPROCPARAMS* processing) {
  NEED_CONTEXT("cuvidMapVideoFrame64");
  // "cuvidMapVideoFrame() is a blocking call" (NVDEC Video Decoder API Programming Guide, 4.5).
  static const auto wait = std::chrono::microseconds(number("MAP_US", 0));
  if (wait.count() > 0) std::this_thread::sleep_for(wait);
  auto& decoder = *static_cast<Decoder*>(handle);
  const std::lock_guard lock(decoder.mutex);
  if (index < 0 || index >= static_cast<int>(decoder.surfaces.size()) || !decoder.surfaces[static_cast<size_t>(index)].frame->data[0]) {
    violation("cuvidMapVideoFrame of picture %d, which holds nothing", index);
    return answer(kInvalidValue);
  }
  if (decoder.mapped.size() >= decoder.settings.ulNumOutputSurfaces) {
    violation("more than %lu frames mapped", static_cast<unsigned long>(decoder.settings.ulNumOutputSurfaces));
    return answer(kMapFailed);
  }
  const CUVIDDECODECREATEINFO& settings = decoder.settings;
  const unsigned bytes = settings.OutputFormat == cudaVideoSurfaceFormat_P016 ? 2 : 1;
  *pitch = (static_cast<unsigned>(settings.ulTargetWidth) * bytes + 511) & ~511u;
  const size_t rows = (static_cast<size_t>(settings.ulTargetHeight) + 1) & ~size_t{1};
  *address = allocate(*pitch * rows * 3 / 2, "cuvid");
  decoder.mapped[*address] = index;
  live("mapped frames", 1);
  const std::shared_ptr<AVFrame> frame(av_frame_clone(decoder.surfaces[static_cast<size_t>(index)].frame), [](AVFrame* gone) { av_frame_free(&gone); });
  const bool bob = settings.DeinterlaceMode != cudaVideoDeinterlaceMode_Weave && !processing->progressive_frame;
  // Of the two moments of an interlaced picture, the one that is asked for.
  const bool upper = (processing->top_field_first != 0) != (processing->second_field != 0);
  enqueue(processing->output_stream, [=, target = *address, row = *pitch] {
    if (lost()) return;
    const auto into = memory(target, row * rows * 3 / 2);
    if (into) postProcess(settings, *frame, bob, upper, into.get(), row);
    else if (!lost()) violation("a frame was unmapped before it was written");
  });
  return CUDA_SUCCESS;
}

CUresult cuvidUnmapVideoFrame64(CUvideodecoder handle, unsigned long long address) {
  if (!currentContext()) violation("cuvidUnmapVideoFrame64 without a current context");
  auto& decoder = *static_cast<Decoder*>(handle);
  const std::lock_guard lock(decoder.mutex);
  const auto found = decoder.mapped.find(address);
  if (found == decoder.mapped.end()) {
    violation("cuvidUnmapVideoFrame of what is not mapped");
    return answer(kInvalidValue);
  }
  decoder.mapped.erase(found);
  decoder.unmapped.notify_all();
  release(address, "cuvid");
  live("mapped frames", -1);
  return answer(lost());
}

CUresult cuvidCtxLockCreate(CUvideoctxlock* lock, CUcontext) {
  *lock = reinterpret_cast<CUvideoctxlock>(new std::recursive_mutex);
  live("context locks", 1);
  return CUDA_SUCCESS;
}
CUresult cuvidCtxLockDestroy(CUvideoctxlock lock) {
  delete reinterpret_cast<std::recursive_mutex*>(lock);
  live("context locks", -1);
  return CUDA_SUCCESS;
}
CUresult cuvidCtxLock(CUvideoctxlock lock, unsigned) {
  reinterpret_cast<std::recursive_mutex*>(lock)->lock();
  return CUDA_SUCCESS;
}
CUresult cuvidCtxUnlock(CUvideoctxlock lock, unsigned) {
  reinterpret_cast<std::recursive_mutex*>(lock)->unlock();
  return CUDA_SUCCESS;
}

#define ABSENT(name)                            \
  CUresult name() {                             \
    violation(#name " is not in the stand-in"); \
    return answer(kNotSupported);               \
  }
ABSENT(cuvidReconfigureDecoder) ABSENT(cuvidCreateVideoSource) ABSENT(cuvidCreateVideoSourceW) ABSENT(cuvidDestroyVideoSource)
ABSENT(cuvidSetVideoSourceState) ABSENT(cuvidGetVideoSourceState) ABSENT(cuvidGetSourceVideoFormat) ABSENT(cuvidGetSourceAudioFormat)

}  // extern "C"
