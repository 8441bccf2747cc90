#include "demux.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "timeline.h"

namespace sortie {

namespace {
constexpr int kBuffer = 128 * 1024;
// Real files begin with garbage, a late PAT or a late key frame; avformat_find_stream_info stops as soon as it knows all.
constexpr int64_t kProbeBytes = 20 * 1000 * 1000;
constexpr int64_t kAnalyseMicroseconds = 15 * AV_TIME_BASE;
constexpr int kMaxFailures = 100;
constexpr int64_t kBackwards = kTicksPerSecond / 2;

// No container may lead to another file or to the network (playlists, external references, concatenations).
int refuseOpen(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); }

int interrupted(void* stopped) { return (*static_cast<std::function<bool()>*>(stopped))() ? 1 : 0; }
}  // namespace

Demuxer::Demuxer(const EnginePlan& plan, std::function<bool()> stopped) : plan_(plan), stopped_(std::move(stopped)) {
  open();
  selectStreams();
}

Demuxer::~Demuxer() = default;

int Demuxer::readBytes(void* opaque, uint8_t* buffer, int size) {
  auto* self = static_cast<Demuxer*>(opaque);
  if (self->stopped_()) return AVERROR_EXIT;
  for (;;) {
    const ssize_t count = ::pread(self->file_->fd(), buffer, static_cast<size_t>(size), self->position_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return AVERROR(errno);
    if (count == 0) return AVERROR_EOF;
    self->position_ += count;
    return static_cast<int>(count);
  }
}

int64_t Demuxer::seek(void* opaque, int64_t offset, int whence) {
  auto* self = static_cast<Demuxer*>(opaque);
  struct stat status {};
  if (::fstat(self->file_->fd(), &status) != 0) return AVERROR(errno);
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return status.st_size;
  int64_t target = offset;
  if (whence == SEEK_CUR && __builtin_add_overflow(self->position_, offset, &target)) return AVERROR(EINVAL);
  if (whence == SEEK_END && __builtin_add_overflow(static_cast<int64_t>(status.st_size), offset, &target))
    return AVERROR(EINVAL);
  if (target < 0) return AVERROR(EINVAL);
  self->position_ = target;
  return target;
}

void Demuxer::open() {
  file_ = std::make_unique<File>(::open(plan_.input.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file_->fd() < 0)
    throw EngineError(Code::kOpenFailed, "The input file could not be opened: " + std::string(std::strerror(errno)) + ".");
  struct stat status {};
  if (::fstat(file_->fd(), &status) != 0 || !S_ISREG(status.st_mode))
    throw EngineError(Code::kOpenFailed, "The input is not a regular file.");
  if (status.st_size == 0) throw EngineError(Code::kOpenFailed, "The input file is empty; upload it again.");

  const AVInputFormat* demuxer = av_find_input_format(plan_.demuxer.c_str());
  if (!demuxer || (demuxer->flags & AVFMT_NOFILE))
    throw EngineError(Code::kOpenFailed, "libavformat has no file demuxer named \"" + plan_.demuxer + "\".");

  auto* buffer = static_cast<uint8_t*>(av_malloc(kBuffer));
  if (!buffer) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kBuffer, 0, this, &Demuxer::readBytes, nullptr, &Demuxer::seek));
  if (!io_) {
    av_free(buffer);
    throw std::bad_alloc();
  }

  AVFormatContext* format = avformat_alloc_context();
  if (!format) throw std::bad_alloc();
  format->pb = io_.get();
  format->flags |= AVFMT_FLAG_CUSTOM_IO;
  format->io_open = refuseOpen;
  format->interrupt_callback = {interrupted, const_cast<std::function<bool()>*>(&stopped_)};
  format->probesize = kProbeBytes;
  format->max_analyze_duration = kAnalyseMicroseconds;
  format->max_streams = 200;

  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  if (plan_.demuxer == "mov" || plan_.demuxer == "mp4") av_dict_set(&options, "enable_drefs", "0", 0);
  const int opened = avformat_open_input(&format, "input", demuxer, &options);  // frees format when it fails
  av_dict_free(&options);
  if (stopped_()) {
    if (opened >= 0) format_.reset(format);
    throw EngineError(Code::kCancelled, "Cancelled while the input was being opened.");
  }
  if (opened < 0)
    throw EngineError(Code::kOpenFailed, "The file is not readable as \"" + plan_.demuxer + "\": " + describe(opened) +
                                             "; it may be damaged or cut short.");
  format_.reset(format);
}

void Demuxer::selectStreams() {
  std::vector<bool> planned;
  const auto want = [&](int index) {
    if (index < 0) return;
    if (planned.size() <= static_cast<size_t>(index)) planned.resize(static_cast<size_t>(index) + 1, false);
    planned[static_cast<size_t>(index)] = true;
  };
  want(plan_.videoStream);
  for (const AudioPlan& track : plan_.audio) want(track.stream);

  // Decoders that libavformat opens to learn about the streams obey the same limit as ours.
  const unsigned known = format_->nb_streams;
  std::vector<AVDictionary*> options(std::max(1u, known), nullptr);
  for (AVDictionary*& option : options) av_dict_set_int(&option, "max_pixels", plan_.maxPixels, 0);
  const int found = avformat_find_stream_info(format_.get(), known ? options.data() : nullptr);
  for (AVDictionary*& option : options) av_dict_free(&option);
  if (stopped_()) throw EngineError(Code::kCancelled, "Cancelled while the input was being opened.");
  if (found < 0) damaged_ = true;  // what the header told may still do

  wanted_.assign(format_->nb_streams, false);
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    wanted_[i] = i < planned.size() && planned[i];
    format_->streams[i]->discard = wanted_[i] ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  const auto index = static_cast<unsigned>(plan_.videoStream);
  if (plan_.videoStream < 0 || index >= format_->nb_streams)
    throw EngineError(Code::kNoStream, "The file has no stream " + std::to_string(plan_.videoStream) + ".");
  video_ = format_->streams[index];
  if (video_->codecpar->codec_type != AVMEDIA_TYPE_VIDEO)
    throw EngineError(Code::kNoStream, "Stream " + std::to_string(plan_.videoStream) + " is not video.");
}

AVStream* Demuxer::audio(int index) const {
  if (index < 0 || static_cast<unsigned>(index) >= format_->nb_streams) return nullptr;
  AVStream* stream = format_->streams[index];
  return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO ? stream : nullptr;
}

bool Demuxer::untimed() const { return (format_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0; }

bool Demuxer::read(AVPacket* packet) {
  while (!atEnd_) {
    if (stopped_()) return false;
    av_packet_unref(packet);
    const int result = av_read_frame(format_.get(), packet);
    if (result == AVERROR_EOF || result == AVERROR_EXIT) break;
    if (result < 0) {
      // A damaged place: most demuxers go on behind it.
      damaged_ = true;
      if (++failures_ >= kMaxFailures) break;
      continue;
    }
    failures_ = 0;
    if (packet->pos >= 0)
      furthest_.store(std::max(furthest_.load(std::memory_order_relaxed), packet->pos + packet->size),
                      std::memory_order_relaxed);
    const auto index = static_cast<size_t>(packet->stream_index);
    if (index >= wanted_.size() || !wanted_[index]) continue;
    straighten(packet);
    return true;
  }
  av_packet_unref(packet);
  atEnd_ = true;
  return false;
}

/**
 * Joins the pieces of a broken clock: a recorder that was restarted, files put end to end, a second 33-bit wrap (ISO
 * 13818-1, 2.4.3.7; libavformat undoes only the first). The video's decoding times lead, since they rise without a gap;
 * what is added to them is added to all streams, so that they stay together.
 */
void Demuxer::straighten(AVPacket* packet) {
  const AVStream* stream = format_->streams[packet->stream_index];
  const AVRational base = stream->time_base;
  if (untimed()) {
    packet->pts = packet->dts = AV_NOPTS_VALUE;
    return;
  }
  const auto limit = [](int64_t value) { return value > INT64_MIN / 4 && value < INT64_MAX / 4; };
  if (packet->pts != AV_NOPTS_VALUE && !limit(packet->pts)) packet->pts = AV_NOPTS_VALUE;
  if (packet->dts != AV_NOPTS_VALUE && !limit(packet->dts)) packet->dts = AV_NOPTS_VALUE;

  const bool broadcast = (format_->iformat->flags & AVFMT_TS_DISCONT) != 0;
  const int64_t own = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
  if (own != AV_NOPTS_VALUE) {
    const int64_t now = av_rescale_q(own, base, kTicks);
    const int64_t longest = longestGap({plan_.frameRateNum, plan_.frameRateDen});
    if (stream == video_) {
      const int64_t frame = av_rescale_q(1, {plan_.frameRateDen, plan_.frameRateNum}, kTicks);
      const int64_t duration = packet->duration > 0 ? av_rescale_q(packet->duration, base, kTicks) : frame;
      if (expected_ != AV_NOPTS_VALUE) {
        const int64_t ahead = now + offset_ - expected_;
        if (ahead > longest || ahead < -longest || (broadcast && ahead < -kBackwards)) {
          offset_ -= ahead;
          std::lock_guard lock(jumpsMutex_);
          jumps_.push_back({expected_, offset_});
        }
      }
      latest_ = now + offset_;
      expected_ = latest_ + std::min(duration, longest);
    } else if (broadcast && latest_ != AV_NOPTS_VALUE && std::llabs(now + offset_ - latest_) > longest) {
      // Sound meets a jump a little before or after the picture: until then it goes on without timestamps.
      packet->pts = packet->dts = AV_NOPTS_VALUE;
      return;
    }
  }
  if (offset_ == 0) return;
  const int64_t shift = av_rescale_q(offset_, kTicks, base);
  if (packet->pts != AV_NOPTS_VALUE) packet->pts += shift;
  if (packet->dts != AV_NOPTS_VALUE) packet->dts += shift;
}

int64_t Demuxer::offsetAt(int64_t time) const {
  std::lock_guard lock(jumpsMutex_);
  int64_t offset = 0;
  for (const Jump& jump : jumps_)
    if (jump.from <= time) offset = jump.offset;
  return offset;
}

int64_t Demuxer::sourceClock(int64_t time) const {
  const int64_t clock = time - offsetAt(time);
  // libavformat makes times before a wrap negative (pts_wrap_behavior); the PES header holds 33 bits.
  if (video_->pts_wrap_bits == 33 && plan_.demuxer == "mpegts") return clock & ((INT64_C(1) << 33) - 1);
  return clock;
}

std::vector<std::pair<int64_t, int64_t>> Demuxer::jumpsAfter(int64_t origin) const {
  std::vector<int64_t> places;
  {
    std::lock_guard lock(jumpsMutex_);
    for (const Jump& jump : jumps_)
      if (jump.from > origin) places.push_back(jump.from);
  }
  std::vector<std::pair<int64_t, int64_t>> result;
  for (const int64_t place : places) result.emplace_back(place, sourceClock(place));
  return result;
}

std::vector<std::string> Demuxer::warnings() const {
  std::vector<std::string> warnings;
  if (damaged_) warnings.emplace_back("The container is damaged in places; what could be read was used.");
  std::lock_guard lock(jumpsMutex_);
  if (!jumps_.empty())
    warnings.push_back("The source's clock jumps " + std::to_string(jumps_.size()) +
                       " time(s); the pieces were joined without a gap.");
  return warnings;
}

}  // namespace sortie
