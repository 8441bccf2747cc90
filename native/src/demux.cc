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
// More gaps than any recording has, for which packets are read ahead.
constexpr int kMostGaps = 1000;
// What is read ahead to judge times: usually a few frames, more where a clock breaks.
constexpr size_t kHeldPackets = 400, kHeldFarPackets = 2000;
constexpr size_t kHeldBytes = 4 << 20, kHeldFarBytes = 16 << 20;
// How far neighbours in decoding order may be apart: H.264 and HEVC reorder up to 16 frames (ITU-T H.264, max_dec_frame_buffering).
constexpr int64_t kNear = kTicksPerSecond / 2;
constexpr int64_t kNearFrames = 17;

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
  }
  const auto index = static_cast<unsigned>(plan_.videoStream);
  if (plan_.videoStream < 0 || index >= format_->nb_streams)
    throw EngineError(Code::kNoStream, "The file has no stream " + std::to_string(plan_.videoStream) + ".");
  video_ = format_->streams[index];
  if (video_->codecpar->codec_type != AVMEDIA_TYPE_VIDEO)
    throw EngineError(Code::kNoStream, "Stream " + std::to_string(plan_.videoStream) + " is not video.");

  // Telemetry tells whether time goes on while there are no frames.
  timing_.assign(format_->nb_streams, false);
  const AVProgram* program = av_find_program_from_stream(format_.get(), nullptr, plan_.videoStream);
  const bool broadcast = (format_->iformat->flags & AVFMT_TS_DISCONT) != 0;
  for (unsigned i = 0; broadcast && program && i < program->nb_stream_indexes; ++i) {
    const unsigned stream = program->stream_index[i];
    if (stream < timing_.size() && !wanted_[stream]) timing_[stream] = format_->streams[stream]->codecpar->codec_type == AVMEDIA_TYPE_DATA;
  }
  std::vector<bool> audio;
  const int64_t frame = av_rescale_q(1, {plan_.frameRateDen, plan_.frameRateNum}, kTicks);
  const int64_t near = std::max(kNear, kNearFrames * frame);
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    format_->streams[i]->discard = wanted_[i] || timing_[i] ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    audio.push_back(format_->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO);
    wild_.push_back({WildTimes(near), WildTimes(near)});
  }
  continuity_.emplace(Continuity::Settings{format_->nb_streams, index, broadcast, longestGap({plan_.frameRateNum, plan_.frameRateDen}), audio});
}

AVStream* Demuxer::audio(int index) const {
  if (index < 0 || static_cast<unsigned>(index) >= format_->nb_streams) return nullptr;
  AVStream* stream = format_->streams[index];
  return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO ? stream : nullptr;
}

bool Demuxer::untimed() const { return (format_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0; }

/** The next packet of a stream that is wanted, as it is stored. False at the end. */
bool Demuxer::readNext(AVPacket* packet) {
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
    const auto index = static_cast<size_t>(packet->stream_index);
    if (index < wanted_.size() && (wanted_[index] || timing_[index])) return true;
  }
  av_packet_unref(packet);
  atEnd_ = true;
  return false;
}

Demuxer::Held Demuxer::hold(PacketPtr packet) const {
  const auto index = static_cast<size_t>(packet->stream_index);
  const AVStream* stream = format_->streams[index];
  if (untimed() || !isTime(packet->pts, stream->time_base)) packet->pts = AV_NOPTS_VALUE;
  if (untimed() || !isTime(packet->dts, stream->time_base)) packet->dts = AV_NOPTS_VALUE;
  const int64_t frame = stream == video_ ? av_rescale_q(1, {plan_.frameRateDen, plan_.frameRateNum}, kTicks) : 0;
  const bool lasts = packet->duration > 0 && isTime(packet->duration, stream->time_base);
  const int64_t duration = lasts ? av_rescale_q(packet->duration, stream->time_base, kTicks) : frame;
  const int64_t own = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
  const int64_t time = own == AV_NOPTS_VALUE ? own : av_rescale_q(own, stream->time_base, kTicks);
  if (timing_[index]) {
    av_buffer_unref(&packet->buf);
    packet->data = nullptr;
    packet->size = 0;
  }
  return {std::move(packet), index, time, duration};
}

/** Reads ahead until a few frames are known, or, `far`, as much as may be held. */
void Demuxer::fill(bool far) {
  const size_t frames = untimed() ? 1 : WildTimes::kAfter + 1;
  while (!atEnd_ && !stopped_()) {
    if (held_.size() >= (far ? kHeldFarPackets : kHeldPackets) || heldBytes_ >= (far ? kHeldFarBytes : kHeldBytes)) return;
    if (!far && heldVideo_ >= frames) return;
    PacketPtr packet = makePacket();
    if (!readNext(packet.get())) return;
    held_.push_back(hold(std::move(packet)));
    const Held& held = held_.back();
    heldBytes_ += static_cast<size_t>(held.packet->size);
    if (format_->streams[held.stream] == video_) ++heldVideo_;
  }
}

bool Demuxer::read(AVPacket* packet) {
  for (;;) {
    fill(false);
    if (held_.empty() || stopped_()) break;
    Held held = std::move(held_.front());
    held_.pop_front();
    const bool timing = timing_[held.stream];
    heldBytes_ -= static_cast<size_t>(held.packet->size);
    if (format_->streams[held.stream] == video_) --heldVideo_;
    if (held.packet->pos >= 0)
      furthest_.store(std::max(furthest_.load(std::memory_order_relaxed), held.packet->pos + held.packet->size),
                      std::memory_order_relaxed);
    mendTimes(held);
    straighten(held);
    if (timing) continue;
    if (format_->streams[held.stream] == video_) noteFrame(*held.packet);
    av_packet_unref(packet);
    av_packet_move_ref(packet, held.packet.get());
    return true;
  }
  av_packet_unref(packet);
  return false;
}

void Demuxer::noteFrame(const AVPacket& packet) {
  // Without a key libavformat gives out what it cannot decrypt, with what a player would need to (ISO 23001-7).
  if (av_packet_get_side_data(&packet, AV_PKT_DATA_ENCRYPTION_INFO, nullptr))
    throw EngineError(Code::kEncrypted, "The video is encrypted; export or record it without encryption, and upload that.");
  if (++videoPackets_ > WildTimes::kAfter || packet.pts == AV_NOPTS_VALUE) return;
  const int64_t time = av_rescale_q(packet.pts, video_->time_base, kTicks);
  firstFrame_ = firstFrame_ == AV_NOPTS_VALUE ? time : std::min(firstFrame_, time);
}

/** The times of the stream's next packets, 90 kHz. */
std::vector<int64_t> Demuxer::following(size_t stream, int64_t AVPacket::*time) const {
  std::vector<int64_t> times;
  for (const Held& held : held_) {
    if (held.stream != stream || held.packet.get()->*time == AV_NOPTS_VALUE) continue;
    times.push_back(av_rescale_q(held.packet.get()->*time, format_->streams[stream]->time_base, kTicks));
    if (times.size() == WildTimes::kAfter) break;
  }
  return times;
}

void Demuxer::mendTimes(Held& held) {
  if (held.time == AV_NOPTS_VALUE || timing_[held.stream]) return;
  const AVRational base = format_->streams[held.stream]->time_base;
  const auto mend = [&](WildTimes& times, int64_t AVPacket::*time) {
    int64_t& value = held.packet.get()->*time;
    if (value == AV_NOPTS_VALUE) return;
    const int64_t now = av_rescale_q(value, base, kTicks);
    const std::optional<int64_t> sound = times.judge(now, following(held.stream, time));
    if (sound != now) value = sound ? av_rescale_q(*sound, kTicks, base) : AV_NOPTS_VALUE;
  };
  Wild& wild = wild_[held.stream];
  mend(wild.decoding, &AVPacket::dts);
  mend(wild.presentation, &AVPacket::pts);
  const int64_t own = held.packet->dts != AV_NOPTS_VALUE ? held.packet->dts : held.packet->pts;
  held.time = own == AV_NOPTS_VALUE ? own : av_rescale_q(own, base, kTicks);
}

int64_t Demuxer::mended() const {
  int64_t count = 0;
  for (const Wild& wild : wild_) count += std::max(wild.decoding.found(), wild.presentation.found());
  return count;
}

Tick Demuxer::tickOf(const Held& held) const {
  const int64_t pts = held.packet->pts;
  const int64_t shown = pts == AV_NOPTS_VALUE ? held.time : av_rescale_q(pts, format_->streams[held.stream]->time_base, kTicks);
  return {held.stream, held.time, shown, held.duration};
}

std::vector<Tick> Demuxer::ticksAhead(bool far) {
  if (far) fill(true);
  std::vector<Tick> ticks;
  for (const Held& later : held_)
    if (later.time != AV_NOPTS_VALUE) ticks.push_back(tickOf(later));
  return ticks;
}

/** Whether a frame is decoded before a gap and shown behind it; the gap is then decided on. */
bool Demuxer::isShownBehindGap(const Tick& tick) {
  if (format_->streams[tick.stream] != video_ || !continuity_->isShownBehindGap(tick)) return false;
  if (continuity_->comesBefore(tick)) return true;
  if (++gapsLookedFor_ > kMostGaps) return false;
  const int64_t most = longestGap({plan_.frameRateNum, plan_.frameRateDen});
  int64_t end = tick.time + tick.duration;
  for (const Tick& later : ticksAhead(true)) {
    if (later.stream != tick.stream) continue;
    if (later.time - end > most) {
      continuity_->foresee(tick, later, end, [this](bool far) { return ticksAhead(far); });
      return true;
    }
    end = std::max(end, later.time + later.duration);
  }
  return false;
}

/** Puts the packet on the one continuous clock. */
void Demuxer::straighten(Held& held) {
  if (held.time == AV_NOPTS_VALUE) return;
  const Tick tick = tickOf(held);
  const bool behindGap = isShownBehindGap(tick);
  const int64_t offset = continuity_->place(tick, [this](bool far) { return ticksAhead(far); });
  const auto move = [&](int64_t& time, int64_t ticks) {
    if (time == AV_NOPTS_VALUE) return;
    const int64_t shift = av_rescale_q(ticks, kTicks, format_->streams[held.stream]->time_base);
    if (__builtin_add_overflow(time, shift, &time)) time = AV_NOPTS_VALUE;
  };
  move(held.packet->pts, behindGap ? continuity_->offsetOf(held.stream) : offset);
  move(held.packet->dts, offset);
}

int64_t Demuxer::sourceClock(int64_t time) const {
  const int64_t clock = continuity_->sourceClock(time);
  // libavformat makes times before a wrap negative (pts_wrap_behavior); the PES header holds 33 bits.
  if (video_->pts_wrap_bits == 33 && plan_.demuxer == "mpegts") return clock & ((INT64_C(1) << 33) - 1);
  return clock;
}

std::vector<std::pair<int64_t, int64_t>> Demuxer::jumpsAfter(int64_t origin) const {
  std::vector<std::pair<int64_t, int64_t>> result;
  for (const int64_t place : continuity_->jumpsAfter(origin)) result.emplace_back(place, sourceClock(place));
  return result;
}

std::vector<std::string> Demuxer::warnings() const {
  std::vector<std::string> warnings = continuity_->warnings();
  if (damaged_) warnings.insert(warnings.begin(), "The container is damaged in places; what could be read was used.");
  return warnings;
}

}  // namespace sortie
