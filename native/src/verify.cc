#include "verify.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common.h"
#include "fragment.h"

namespace sortie {

namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

std::vector<uint8_t> readFile(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0)
    throw EngineError(Code::kOpenFailed, "cannot be opened: " + std::string(std::strerror(errno)));
  if (!S_ISREG(status.st_mode) || static_cast<size_t>(status.st_size) > kMostBytes)
    throw EngineError(Code::kOpenFailed, "is not a segment");
  std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(file.fd(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw EngineError(Code::kOpenFailed, "cannot be read to its end");
    done += static_cast<size_t>(count);
  }
  return bytes;
}

/** Codec parameters and time base from the initialisation section. */
class Initialisation {
 public:
  explicit Initialisation(const std::string& path) {
    try {
      bytes_ = readFile(path);
      editStart = editStartOf(bytes_);
    } catch (const EngineError& error) {
      throw EngineError(Code::kOpenFailed, path + " " + error.what() + ".");
    }
    constexpr int kBuffer = 4096;
    auto* buffer = static_cast<uint8_t*>(av_malloc(kBuffer));
    if (!buffer) throw std::bad_alloc();
    const AvioPtr io(avio_alloc_context(buffer, kBuffer, 0, this, &Initialisation::read, nullptr, nullptr));
    if (!io) {
      av_free(buffer);
      throw std::bad_alloc();
    }
    AVFormatContext* format = avformat_alloc_context();
    if (!format) throw std::bad_alloc();
    format->pb = io.get();
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    const int opened = avformat_open_input(&format, "init", av_find_input_format("mov"), nullptr);
    if (opened < 0) throw EngineError(Code::kOpenFailed, path + " is not an initialisation section: " + describe(opened) + ".");
    parameters.reset(avcodec_parameters_alloc());
    if (parameters && format->nb_streams == 1) {
      avcodec_parameters_copy(parameters.get(), format->streams[0]->codecpar);
      timeBase = format->streams[0]->time_base;
    }
    const bool usable = parameters && format->nb_streams == 1;
    avformat_close_input(&format);
    if (!usable) throw EngineError(Code::kOpenFailed, path + " does not describe exactly one track.");
  }

  ParametersPtr parameters;
  AVRational timeBase{1, 1};
  int64_t editStart = 0;

 private:
  static int read(void* opaque, uint8_t* buffer, int size) {
    auto* self = static_cast<Initialisation*>(opaque);
    const size_t count = std::min(static_cast<size_t>(size), self->bytes_.size() - self->position_);
    if (count == 0) return AVERROR_EOF;
    std::memcpy(buffer, self->bytes_.data() + self->position_, count);
    self->position_ += count;
    return static_cast<int>(count);
  }

  std::vector<uint8_t> bytes_;
  size_t position_ = 0;
};

/** NAL units with 4-byte lengths (ISO 14496-15, 5.3.4.2.1) must fill the sample; whether one is an IDR slice. */
bool holdsIdr(const Sample& sample, bool hevc) {
  Span span(sample.data, sample.size);
  bool idr = false;
  while (span.size() > 0) {
    const uint32_t length = span.u32();
    Span nal = span.take(length);
    if (length == 0) throw EngineError(Code::kDecodeFailed, "has an empty NAL unit");
    const auto first = nal.number(1);
    // ITU-T H.264, table 7-1: 5; H.265, table 7-1: IDR_W_RADL and IDR_N_LP.
    const auto hevcType = first >> 1 & 0x3f;
    idr |= hevc ? hevcType == 19 || hevcType == 20 : (first & 0x1f) == 5;
  }
  return idr;
}

/** Decodes all that is needed to reach the first and the last picture; pictures that no other needs are passed over. */
void decodeEdges(const Initialisation& init, const Fragment& fragment, size_t lastIndex) {
  const AVCodec* codec = avcodec_find_decoder(init.parameters->codec_id);
  if (!codec) throw EngineError(Code::kUnsupportedCodec, "has no decoder");
  const CodecContextPtr context = makeCodecContext(codec);
  check(avcodec_parameters_to_context(context.get(), init.parameters.get()), Code::kInternal, "codec parameters");
  const bool video = init.parameters->codec_type == AVMEDIA_TYPE_VIDEO;
  context->thread_count = 1;  // segments are the unit of parallel work
  // Damage must not be concealed here; what the loop filter would do to the pixels is of no interest.
  context->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM | AV_EF_BUFFER;
  context->skip_loop_filter = AVDISCARD_ALL;
  check(avcodec_open2(context.get(), codec, nullptr), Code::kUnsupportedCodec, "the decoder does not start");
  const PacketPtr packet = makePacket();
  const FramePtr frame = makeFrame();
  bool first = false, last = false;
  const auto receive = [&] {
    for (;;) {
      const int result = avcodec_receive_frame(context.get(), frame.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check(result, Code::kDecodeFailed, "does not decode");
      if (frame->decode_error_flags != 0) throw EngineError(Code::kDecodeFailed, "decodes with damage");
      first |= frame->pts == fragment.samples.front().pts;
      last |= frame->pts == fragment.samples[lastIndex].pts;
    }
  };
  for (size_t i = 0; i < fragment.samples.size(); ++i) {
    const Sample& sample = fragment.samples[i];
    check(av_new_packet(packet.get(), static_cast<int>(sample.size)), Code::kInternal, "packet");
    std::memcpy(packet->data, sample.data, sample.size);
    packet->pts = sample.pts;
    packet->dts = sample.dts;
    context->skip_frame = video && i != lastIndex ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
    const int sent = avcodec_send_packet(context.get(), packet.get());
    av_packet_unref(packet.get());
    check(sent, Code::kDecodeFailed, "does not decode");
    receive();
  }
  avcodec_send_packet(context.get(), nullptr);
  receive();
  if (!first) throw EngineError(Code::kDecodeFailed, "does not give its first picture");
  if (!last) throw EngineError(Code::kDecodeFailed, "does not give its last picture");
}

VerifiedSegment verifyOne(const VerifyPlan& plan, const Initialisation& init, const std::string& path) {
  VerifiedSegment result;
  result.path = path;
  try {
    const std::vector<uint8_t> bytes = readFile(joinPath(plan.outputDir, path));
    const Fragment fragment(bytes, init.editStart);
    const bool video = init.parameters->codec_type == AVMEDIA_TYPE_VIDEO;
    const double unit = av_q2d(init.timeBase);
    int64_t first = INT64_MAX, last = INT64_MIN, end = INT64_MIN;
    size_t lastIndex = 0;
    for (size_t i = 0; i < fragment.samples.size(); ++i) {
      const Sample& sample = fragment.samples[i];
      first = std::min(first, sample.pts);
      end = std::max(end, sample.pts + sample.duration);
      if (sample.pts > last) {
        last = sample.pts;
        lastIndex = i;
      }
    }
    result.frames = static_cast<int64_t>(fragment.samples.size());
    result.firstPts = static_cast<double>(first) * unit;
    result.lastPts = static_cast<double>(last) * unit;
    result.endPts = static_cast<double>(end) * unit;
    result.startsWithIdr = true;
    const bool hevc = init.parameters->codec_id == AV_CODEC_ID_HEVC;
    if (video && (hevc || init.parameters->codec_id == AV_CODEC_ID_H264)) {
      for (size_t i = 0; i < fragment.samples.size(); ++i) {
        const bool idr = holdsIdr(fragment.samples[i], hevc);
        if (i == 0) result.startsWithIdr = idr;
      }
    }
    decodeEdges(init, fragment, lastIndex);
  } catch (const std::exception& error) {
    result.error = path + " " + error.what() + ".";
  }
  return result;
}

}  // namespace

std::vector<VerifiedSegment> verifySegments(const VerifyPlan& plan) {
  const Initialisation init(joinPath(plan.outputDir, plan.initPath));
  std::vector<VerifiedSegment> results(plan.segments.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < results.size(); i = next++) results[i] = verifyOne(plan, init, plan.segments[i]);
  };
  const size_t cores = plan.threads > 0 ? static_cast<size_t>(plan.threads) : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(cores, results.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace sortie
