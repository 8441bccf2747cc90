#include "audio.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sortie {

namespace {
// A timestamp that differs by less is rounding of the container; by more, the clock of the recorder drifts and audio is
// stretched so little that nobody hears it; by much more, or by more for several frames in a row, something is missing or doubled,
// as where recordings were joined, and is filled or cut.
constexpr double kTolerance = 0.015;
constexpr double kDrift = 0.04;
constexpr double kJitter = 0.1;
constexpr int kPersistent = 8;
/** Of 200 samples one comes or goes. */
constexpr int kStretch = 200;
// Silence is made no further ahead of the picture than this: a wild timestamp would cost hours of it.
constexpr int64_t kFarAhead = 600 * kTicksPerSecond;
}  // namespace

AudioTrack::AudioTrack(const AudioPlan& plan, const std::string& outputDir, const AVStream& stream, int64_t origin,
                       int64_t segment)
    : plan_(plan),
      streamBase_(stream.time_base),
      origin_(origin),
      segment_(std::max<int64_t>(1, segment)),
      decoded_(makeFrame()),
      converted_(makeFrame()),
      block_(makeFrame()),
      packet_(makePacket()) {
  const AVCodec* codec = avcodec_find_decoder(stream.codecpar->codec_id);
  if (!codec)
    throw EngineError(Code::kUnsupportedCodec,
                      std::string("no decoder for the codec ") + avcodec_get_name(stream.codecpar->codec_id));
  decoder_ = makeCodecContext(codec);
  check(avcodec_parameters_to_context(decoder_.get(), stream.codecpar), Code::kInternal, "codec parameters");
  decoder_->pkt_timebase = stream.time_base;
  decoder_->thread_count = 1;
  check(avcodec_open2(decoder_.get(), codec, nullptr), Code::kUnsupportedCodec, "the decoder does not start");
  openEncoder();
  const ParametersPtr parameters(avcodec_parameters_alloc());
  if (!parameters) throw std::bad_alloc();
  check(avcodec_parameters_from_context(parameters.get(), encoder_.get()), Code::kInternal, "codec parameters");
  muxer_ = std::make_unique<SegmentMuxer>(outputDir, plan_.directory, *parameters, AVRational{1, plan_.sampleRate}, 0);
}

AudioTrack::~AudioTrack() { av_channel_layout_uninit(&inputLayout_); }

void AudioTrack::openEncoder() {
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
  if (!codec) throw EngineError(Code::kEncodeFailed, "libavcodec has no AAC encoder");
  encoder_ = makeCodecContext(codec);
  encoder_->sample_fmt = AV_SAMPLE_FMT_FLTP;
  encoder_->sample_rate = plan_.sampleRate;
  av_channel_layout_default(&encoder_->ch_layout, plan_.channels);
  encoder_->bit_rate = plan_.bitrate;
  encoder_->time_base = {1, plan_.sampleRate};
  encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
#if LIBAVCODEC_VERSION_MAJOR >= 61
  encoder_->profile = AV_PROFILE_AAC_LOW;
#else
  encoder_->profile = FF_PROFILE_AAC_LOW;
#endif
  check(avcodec_open2(encoder_.get(), codec, nullptr), Code::kEncodeFailed, "the AAC encoder does not start");
  fifo_.reset(av_audio_fifo_alloc(AV_SAMPLE_FMT_FLTP, plan_.channels, 4 * encoder_->frame_size));
  if (!fifo_) throw std::bad_alloc();
}

void AudioTrack::decode(const AVPacket& packet) {
  for (;;) {
    const int result = avcodec_send_packet(decoder_.get(), &packet);
    if (result < 0 && result != AVERROR(EAGAIN)) ++errors_;
    receive();
    if (result != AVERROR(EAGAIN)) return;
  }
}

void AudioTrack::receive() {
  for (;;) {
    const int result = avcodec_receive_frame(decoder_.get(), decoded_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    if (result < 0) {
      ++errors_;
      return;
    }
    take(*decoded_);
    av_frame_unref(decoded_.get());
  }
}

/** False when libswresample does not know how to mix the channels: it wants to be told where each stands. */
bool AudioTrack::setUp(const AVFrame& frame, const AVChannelLayout& layout) {
  if (layout.order == AV_CHANNEL_ORDER_UNSPEC) return false;
  SwrContext* context = nullptr;
  const int made = swr_alloc_set_opts2(&context, &encoder_->ch_layout, AV_SAMPLE_FMT_FLTP, plan_.sampleRate, const_cast<AVChannelLayout*>(&layout),
                                       static_cast<AVSampleFormat>(frame.format), frame.sample_rate, 0, nullptr);
  resampler_.reset(context);
  return made >= 0 && swr_init(context) >= 0;
}

/** The first two channels of the frame, in its own sample format. */
const uint8_t** AudioTrack::firstTwo(const AVFrame& frame) {
  const auto format = static_cast<AVSampleFormat>(frame.format);
  if (av_sample_fmt_is_planar(format)) return const_cast<const uint8_t**>(frame.extended_data);
  const auto sample = static_cast<size_t>(av_get_bytes_per_sample(format));
  const auto samples = static_cast<size_t>(frame.nb_samples), channels = static_cast<size_t>(frame.ch_layout.nb_channels);
  two_.resize(samples * 2 * sample);
  for (size_t i = 0; i < samples; ++i)
    std::copy_n(frame.extended_data[0] + i * channels * sample, 2 * sample, two_.data() + i * 2 * sample);
  twoPlanes_[0] = two_.data();
  return twoPlanes_;
}

void AudioTrack::configure(const AVFrame& frame) {
  if (resampler_ && frame.sample_rate == inputRate_ && frame.format == inputFormat_ &&
      av_channel_layout_compare(&frame.ch_layout, &inputLayout_) == 0)
    return;
  AVChannelLayout layout{};
  if (frame.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&layout, frame.ch_layout.nb_channels);
  else
    check(av_channel_layout_copy(&layout, &frame.ch_layout), Code::kInternal, "channel layout");
  onlyTwo_ = !setUp(frame, layout);
  av_channel_layout_uninit(&layout);
  const AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
  if (onlyTwo_ && (frame.ch_layout.nb_channels < 2 || !setUp(frame, stereo)))
    throw EngineError(Code::kUnsupportedCodec, "its " + std::to_string(frame.ch_layout.nb_channels) + " channels cannot be mixed");
  av_channel_layout_uninit(&inputLayout_);
  check(av_channel_layout_copy(&inputLayout_, &frame.ch_layout), Code::kInternal, "channel layout");
  inputRate_ = frame.sample_rate;
  inputFormat_ = frame.format;
}

/** Makes the next sample that comes out of the resampler stand at `target`. */
void AudioTrack::align(int64_t target) {
  const int64_t at = written_ + swr_get_delay(resampler_.get(), plan_.sampleRate) - toDrop_;
  const int64_t late = target - at;
  const double seconds = static_cast<double>(late) / plan_.sampleRate;
  displaced_ = std::fabs(seconds) < kDrift ? 0 : displaced_ + 1;
  if (heard_ && std::fabs(seconds) < kTolerance) return;
  if (heard_ && std::fabs(seconds) < kJitter && displaced_ < kPersistent) {
    swr_set_compensation(resampler_.get(), static_cast<int>(late), kStretch * static_cast<int>(std::llabs(late)));
    stretching_ = true;
    return;
  }
  // What is cut or filled need not be stretched as well: it would be drawn away from its place again.
  if (std::exchange(stretching_, false)) swr_set_compensation(resampler_.get(), 0, 0);
  if (late < 0) {
    if (!heard_) early_ = av_rescale(-late, kTicksPerSecond, plan_.sampleRate);
    toDrop_ += -late;
    return;
  }
  if (!end_ && target > horizon_ + toSamples(kFarAhead)) return;
  const int64_t dropLess = std::min(toDrop_, late);
  toDrop_ -= dropLess;
  silence(late - dropLess);
}

void AudioTrack::take(const AVFrame& frame) {
  if (frame.nb_samples <= 0 || frame.sample_rate <= 0 || frame.ch_layout.nb_channels <= 0) return;
  if (end_ && written_ >= *end_) return;
  configure(frame);
  if (frame.best_effort_timestamp != AV_NOPTS_VALUE) {
    const int64_t media = av_rescale_q(frame.best_effort_timestamp, streamBase_, kTicks) - origin_;
    align(toSamples(std::clamp<int64_t>(media, -(INT64_C(1) << 40), INT64_C(1) << 40)));
  }
  heard_ = true;
  const int room = swr_get_out_samples(resampler_.get(), frame.nb_samples);
  check(room, Code::kInternal, "the resampler");
  if (room == 0) return;
  if (converted_->nb_samples < room) {
    av_frame_unref(converted_.get());
    converted_->nb_samples = room;
    converted_->format = AV_SAMPLE_FMT_FLTP;
    check(av_channel_layout_copy(&converted_->ch_layout, &encoder_->ch_layout), Code::kInternal, "channel layout");
    check(av_frame_get_buffer(converted_.get(), 0), Code::kInternal, "sound buffer");
  }
  const int samples =
      swr_convert(resampler_.get(), converted_->extended_data, room,
                  onlyTwo_ ? firstTwo(frame) : const_cast<const uint8_t**>(frame.extended_data), frame.nb_samples);
  check(samples, Code::kInternal, "the resampler");
  append(converted_->extended_data, samples);
}

void AudioTrack::append(uint8_t** data, int samples) {
  int skip = static_cast<int>(std::min<int64_t>(toDrop_, samples));
  toDrop_ -= skip;
  samples -= skip;
  if (end_) samples = static_cast<int>(std::clamp<int64_t>(*end_ - written_, 0, samples));
  if (samples <= 0) return;
  void* planes[8] = {};
  for (int channel = 0; channel < plan_.channels; ++channel)
    planes[channel] = data[channel] + static_cast<size_t>(skip) * sizeof(float);
  check(av_audio_fifo_write(fifo_.get(), planes, samples), Code::kInternal, "the sound queue");
  written_ += samples;
  encode(false);
}

void AudioTrack::silence(int64_t samples) {
  if (end_) samples = std::min(samples, *end_ - written_);
  std::vector<float> zeros(static_cast<size_t>(encoder_->frame_size), 0.0f);
  void* planes[8] = {};
  for (int channel = 0; channel < plan_.channels; ++channel) planes[channel] = zeros.data();
  while (samples > 0) {
    const int some = static_cast<int>(std::min<int64_t>(samples, encoder_->frame_size));
    check(av_audio_fifo_write(fifo_.get(), planes, some), Code::kInternal, "the sound queue");
    written_ += some;
    samples -= some;
    encode(false);
  }
}

void AudioTrack::encode(bool all) {
  while (av_audio_fifo_size(fifo_.get()) >= encoder_->frame_size || (all && av_audio_fifo_size(fifo_.get()) > 0)) {
    av_frame_unref(block_.get());
    block_->nb_samples = std::min(av_audio_fifo_size(fifo_.get()), encoder_->frame_size);
    block_->format = AV_SAMPLE_FMT_FLTP;
    block_->sample_rate = plan_.sampleRate;
    check(av_channel_layout_copy(&block_->ch_layout, &encoder_->ch_layout), Code::kInternal, "channel layout");
    check(av_frame_get_buffer(block_.get(), 0), Code::kInternal, "sound buffer");
    check(av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(block_->extended_data), block_->nb_samples),
          Code::kInternal, "the sound queue");
    block_->pts = encoded_;
    encoded_ += block_->nb_samples;
    check(avcodec_send_frame(encoder_.get(), block_.get()), Code::kEncodeFailed, "the AAC encoder fails");
    drain();
  }
}

void AudioTrack::drain() {
  while (avcodec_receive_packet(encoder_.get(), packet_.get()) >= 0) {
    // The encoder's first packet is its priming (1024 samples before 0): it holds no content. Leaving it out puts the
    // first sample at 0 without an edit list; a decoder then only lacks the overlap of the first 21 ms.
    if (packet_->pts < 0) {
      av_packet_unref(packet_.get());
      continue;
    }
    packet_->dts = packet_->pts;
    const int64_t segment = av_rescale(packet_->pts, kTicksPerSecond, plan_.sampleRate) / segment_;
    const bool cut = segment != lastSegment_;
    lastSegment_ = segment;
    muxer_->write(packet_.get(), cut);
  }
}

void AudioTrack::flush() {
  avcodec_send_packet(decoder_.get(), nullptr);
  receive();
}

int64_t AudioTrack::end() const {
  return heard_ ? av_rescale(written_, kTicksPerSecond, plan_.sampleRate) : 0;
}

void AudioTrack::finish() {
  if (!heard_) return;
  if (end_) silence(*end_ - written_);
  encode(true);
  check(avcodec_send_frame(encoder_.get(), nullptr), Code::kEncodeFailed, "the AAC encoder does not end");
  drain();
  muxer_->finish((encoded_ + encoder_->frame_size - 1) / encoder_->frame_size * encoder_->frame_size);
  if (end_) muxer_->dropFrom(*end_);
}

AudioResult AudioTrack::result() const {
  AudioResult result;
  result.stream = plan_.stream;
  result.directory = plan_.directory;
  result.codecs = "mp4a.40.2";  // RFC 6381, 3.3: MPEG-4 audio object type 2, AAC-LC
  result.channels = plan_.channels;
  result.sampleRate = plan_.sampleRate;
  result.initPath = muxer_->initPath();
  result.initBytes = muxer_->initBytes();
  result.segments = muxer_->segments();
  return result;
}

}  // namespace sortie
