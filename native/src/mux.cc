#include "mux.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace sortie {

namespace {
constexpr int kBuffer = 64 * 1024;
// Fragments end where we say (frag_custom); the initialisation section comes first and alone (empty_moov). With
// negative composition offsets (ISO 14496-12, 8.6.1.3, version 1) the first picture stands at 0 without an edit list,
// which players treat in different ways, so baseMediaDecodeTime of the first segment is 0 for picture and sound.
constexpr const char* kFlags = "+cmaf+frag_custom+empty_moov+default_base_moof+negative_cts_offsets+skip_trailer";
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
                           const AVCodecParameters& parameters, AVRational timeBase)
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
