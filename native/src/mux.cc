#include "mux.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <utility>

#include "fragment.h"

namespace sortie {

namespace {
constexpr int kBuffer = 64 * 1024;
// Fragments end where we say (frag_custom); the initialisation section comes first and alone (empty_moov). Frames that are decoded
// before they are shown have positive composition offsets, and an edit list in the initialisation section takes off what that adds
// (ISO 14496-12, 8.6.6): the one form that MSE, AVFoundation and FFmpeg all read alike. With negative offsets and no edit list players
// that are built on libavformat show the video late (mov.c, mov_update_dts_shift). libavformat writes an edit list only when it
// knows the first frames before the section, so it is put in here.
constexpr const char* kFlags = "+frag_custom+empty_moov+default_base_moof+skip_trailer";

uint32_t number(const std::vector<uint8_t>& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}

void put(std::vector<uint8_t>& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes.at(at + i) = static_cast<uint8_t>(value >> (24 - 8 * i));
}

/** Where the box of that type begins among those from `at` to `end`. */
size_t findBox(const std::vector<uint8_t>& bytes, size_t at, size_t end, uint32_t type) {
  while (at + 8 <= end) {
    if (number(bytes, at + 4) == type) return at;
    at += std::max<uint32_t>(8, number(bytes, at));
  }
  throw EngineError(Code::kInternal, "The MP4 muxer wrote an initialisation section of another form.");
}

/** The words as big-endian bytes. */
std::vector<uint8_t> bytesOf(std::initializer_list<uint32_t> words) {
  std::vector<uint8_t> bytes(4 * words.size());
  size_t at = 0;
  for (const uint32_t word : words) put(bytes, std::exchange(at, at + 4), word);
  return bytes;
}

/** Those of CMAF (ISO 23000-19, 7.2): libavformat sets them only together with negative composition offsets. */
void setBrands(std::vector<uint8_t>& init) {
  const size_t ftyp = findBox(init, 0, init.size(), fourcc("ftyp"));
  const auto begin = init.begin() + static_cast<ptrdiff_t>(ftyp);
  const auto after = init.erase(begin, begin + number(init, ftyp));
  const auto brands = bytesOf({28, fourcc("ftyp"), fourcc("iso6"), 0x200, fourcc("iso6"), fourcc("cmfc"), fourcc("mp41")});
  init.insert(after, brands.begin(), brands.end());
}

/** moov/trak/edts/elst with one edit that begins at `mediaTime` and lasts as long as the fragments do (segment_duration 0). */
void addEditList(std::vector<uint8_t>& init, int64_t mediaTime) {
  const size_t moov = findBox(init, 0, init.size(), fourcc("moov"));
  const size_t trak = findBox(init, moov + 8, moov + number(init, moov), fourcc("trak"));
  const size_t tkhd = findBox(init, trak + 8, trak + number(init, trak), fourcc("tkhd"));
  const auto edit = bytesOf({36, fourcc("edts"), 28, fourcc("elst"), 0, 1, 0, static_cast<uint32_t>(mediaTime), 0x10000});
  const size_t after = tkhd + number(init, tkhd);
  put(init, moov, number(init, moov) + 36);
  put(init, trak, number(init, trak) + 36);
  init.insert(init.begin() + static_cast<ptrdiff_t>(after), edit.begin(), edit.end());
}
}  // namespace

#if LIBAVFORMAT_VERSION_MAJOR >= 61
int SegmentMuxer::collect(void* self, const uint8_t* data, int size) {
#else
int SegmentMuxer::collect(void* self, uint8_t* data, int size) {
#endif
  auto& bytes = static_cast<SegmentMuxer*>(self)->bytes_;
  try {
    bytes.insert(bytes.end(), data, data + size);
  } catch (const std::exception&) {
    return AVERROR(ENOMEM);
  }
  return size;
}

SegmentMuxer::SegmentMuxer(const std::string& outputDir, const std::string& directory,
                           const AVCodecParameters& parameters, AVRational timeBase, int64_t delay)
    : outputDir_(outputDir), directory_(directory), timeBase_(timeBase), pending_(makePacket()) {
  makeDirectories(joinPath(outputDir_, directory_));
  AVFormatContext* format = nullptr;
  check(avformat_alloc_output_context2(&format, nullptr, "mp4", nullptr), Code::kInternal, "The MP4 muxer");
  format_.reset(format);
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBuffer));
  if (!buffer) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kBuffer, 1, this, nullptr, &SegmentMuxer::collect, nullptr));
  if (!io_) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  format_->pb = io_.get();
  format_->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
  format_->avoid_negative_ts = 0;  // the first decoding time may be negative; the muxer counts from it
  AVStream* stream = avformat_new_stream(format_.get(), nullptr);
  if (!stream) throw std::bad_alloc();
  check(avcodec_parameters_copy(stream->codecpar, &parameters), Code::kInternal, "Codec parameters");
  // hvc1: the parameter sets stand in the initialisation section, which Apple's players insist on.
  stream->codecpar->codec_tag = parameters.codec_id == AV_CODEC_ID_HEVC ? MKTAG('h', 'v', 'c', '1') : 0;
  // The first packet of ours is content, not encoder delay: the muxer must not put an edit list or a shift for it.
  stream->codecpar->initial_padding = 0;
  stream->time_base = timeBase_;
  stream->sample_aspect_ratio = stream->codecpar->sample_aspect_ratio;

  AVDictionary* options = nullptr;
  av_dict_set(&options, "movflags", kFlags, 0);
  av_dict_set(&options, "use_editlist", "0", 0);
  av_dict_set_int(&options, "video_track_timescale", timeBase_.den, 0);
  const int result = avformat_write_header(format_.get(), &options);
  av_dict_free(&options);
  check(result, Code::kEncodeFailed, "The MP4 muxer refuses the stream");
  if (stream->time_base.num != timeBase_.num || stream->time_base.den != timeBase_.den)
    throw EngineError(Code::kInternal, "The MP4 muxer changed the time base.");
  avio_flush(io_.get());
  setBrands(bytes_);
  if (delay > 0) addEditList(bytes_, delay);
  initPath_ = directory_ + "/init.mp4";
  writeFile(joinPath(outputDir_, initPath_), bytes_.data(), bytes_.size());
  initBytes_ = static_cast<int64_t>(bytes_.size());
  bytes_.clear();
}

SegmentMuxer::~SegmentMuxer() = default;

void SegmentMuxer::write(AVPacket* packet, bool cut) {
  // One packet is held back: the duration of a sample is the distance to the next one in decoding order, also across a
  // cut, so that baseMediaDecodeTime goes on without a gap.
  if (hasPending_) writePending(packet->dts);
  av_packet_unref(pending_.get());
  av_packet_move_ref(pending_.get(), packet);
  pendingCut_ = cut;
  hasPending_ = true;
}

void SegmentMuxer::writePending(int64_t nextDts) {
  AVPacket* packet = pending_.get();
  if (!started_) {
    started_ = true;
    firstDts_ = packet->dts;
    firstPts_ = packet->pts;
  }
  if (pendingCut_ || !open_) {
    if (open_) closeSegment(packet->pts);
    segmentStart_ = packet->pts;
    open_ = true;
  }
  packet->duration = std::max<int64_t>(1, nextDts - packet->dts);
  packet->stream_index = 0;
  check(av_write_frame(format_.get(), packet), Code::kEncodeFailed, "The MP4 muxer refuses a packet");
  hasPending_ = false;
}

void SegmentMuxer::closeSegment(int64_t end) {
  check(av_write_frame(format_.get(), nullptr), Code::kEncodeFailed, "The MP4 muxer refuses to end a fragment");
  avio_flush(io_.get());
  char name[32];
  std::snprintf(name, sizeof name, "/%05zu.m4s", segments_.size() + 1);
  Segment segment;
  segment.path = directory_ + name;
  segment.bytes = static_cast<int64_t>(bytes_.size());
  segment.start = time(segmentStart_);
  segment.duration = time(end - segmentStart_);
  writeFile(joinPath(outputDir_, segment.path), bytes_.data(), bytes_.size());
  bytes_.clear();
  segments_.push_back(std::move(segment));
}

void SegmentMuxer::finish(int64_t end) {
  if (hasPending_) {
    // In the muxer's clock the first decoding time stands where the first picture does.
    const int64_t first = started_ ? firstDts_ - firstPts_ : pending_->dts - pending_->pts;
    writePending(std::max(pending_->dts + 1, end + first));
  }
  if (open_) closeSegment(std::max(end, segmentStart_ + 1));
  open_ = false;
  check(av_write_trailer(format_.get()), Code::kEncodeFailed, "The MP4 muxer refuses to end");
}

void SegmentMuxer::dropFrom(int64_t end) {
  while (segments_.size() > 1 && segments_.back().start >= time(end)) {
    ::unlink(joinPath(outputDir_, segments_.back().path).c_str());
    segments_.pop_back();
  }
}

void SegmentMuxer::discard() {
  for (const Segment& segment : segments_) ::unlink(joinPath(outputDir_, segment.path).c_str());
  segments_.clear();
  ::unlink(joinPath(outputDir_, initPath_).c_str());
  ::rmdir(joinPath(outputDir_, directory_).c_str());
}

}  // namespace sortie
