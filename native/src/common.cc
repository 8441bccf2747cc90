#include "common.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace sortie {

int64_t ticks(double seconds) {
  if (!std::isfinite(seconds)) return 0;
  return std::llround(std::clamp(seconds, -1e9, 1e9) * kTicksPerSecond);
}

std::string tenths(int64_t ticks) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", seconds(ticks));
  return text;
}

const char* codeName(Code code) {
  switch (code) {
    case Code::kOpenFailed: return "OPEN_FAILED";
    case Code::kNoStream: return "NO_STREAM";
    case Code::kEncrypted: return "ENCRYPTED";
    case Code::kUnsupportedCodec: return "UNSUPPORTED_CODEC";
    case Code::kDecodeFailed: return "DECODE_FAILED";
    case Code::kTooLarge: return "TOO_LARGE";
    case Code::kEncodeFailed: return "ENCODE_FAILED";
    case Code::kWriteFailed: return "WRITE_FAILED";
    case Code::kDiskFull: return "DISK_FULL";
    case Code::kOutputLimit: return "OUTPUT_LIMIT";
    case Code::kOutOfMemory: return "OUT_OF_MEMORY";
    case Code::kCancelled: return "CANCELLED";
    case Code::kGpuFailed: return "GPU_FAILED";
    case Code::kInternal: break;
  }
  return "INTERNAL";
}

std::string describe(int averror) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(averror, text, sizeof text);
  return text;
}

int check(int result, Code code, const char* what) {
  if (result < 0) throw EngineError(result == AVERROR(ENOMEM) ? Code::kOutOfMemory : code, std::string(what) + ": " + describe(result));
  return result;
}

void AvioDeleter::operator()(AVIOContext* io) const {
  if (!io) return;
  av_freep(&io->buffer);
  avio_context_free(&io);
}

PacketPtr makePacket() {
  PacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

FramePtr makeFrame() {
  FramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

FramePtr referTo(const AVFrame* frame) {
  FramePtr reference(av_frame_clone(frame));
  if (!reference) throw std::bad_alloc();
  return reference;
}

CodecContextPtr makeCodecContext(const AVCodec* codec) {
  CodecContextPtr context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  return context;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

namespace {
[[noreturn]] void failToWrite(const std::string& path, int error) {
  // The folder is the server's and not the reader's: only the file's own name is told.
  const std::string what = "Writing " + std::filesystem::path(path).filename().string() + " failed: " + std::strerror(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT: throw EngineError(Code::kDiskFull, what + "; free some space for the worker.");
    case EFBIG: throw EngineError(Code::kOutputLimit, what + "; the output is larger than is expected of this video.");
    case ENOMEM: throw std::bad_alloc();
    default: throw EngineError(Code::kWriteFailed, what + "; check the worker's output folder.");
  }
}
}  // namespace

void writeFile(const std::string& path, const uint8_t* data, size_t size) {
  const std::string passing = path + ".part";
  {
    File file(::open(passing.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.fd() < 0) failToWrite(path, errno);
    for (size_t done = 0; done < size;) {
      const ssize_t written = ::write(file.fd(), data + done, size - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        const int error = errno;
        ::unlink(passing.c_str());
        failToWrite(path, error);
      }
      done += static_cast<size_t>(written);
    }
  }
  if (::rename(passing.c_str(), path.c_str()) != 0) failToWrite(path, errno);
}

void makeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) failToWrite(path, error.value());
}

std::string joinPath(const std::string& directory, const std::string& relative) {
  return (std::filesystem::path(directory) / relative).string();
}

}  // namespace sortie
