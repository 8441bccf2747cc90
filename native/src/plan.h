// The work of one run and what comes of it, as plain data. Mirrors native/index.ts field by field; no JavaScript here.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sortie {

struct RungPlan {
  std::string name;
  int width = 0;
  int height = 0;
  int64_t bitrate = 0;
  int64_t maxBitrate = 0;
  int64_t bufferSize = 0;
};

struct AudioPlan {
  int stream = -1;
  std::string directory;
  int64_t bitrate = 128000;
  int channels = 2;
  int sampleRate = 48000;
};

struct EnginePlan {
  std::string input;
  std::string demuxer;
  std::string outputDir;
  int videoStream = 0;
  int rotation = 0;
  bool mirror = false;
  bool deinterlace = false;
  int frameRateNum = 30;
  int frameRateDen = 1;
  bool steadyRate = false;
  double gopSeconds = 2;
  double segmentSeconds = 4;
  std::vector<RungPlan> rungs;
  std::vector<AudioPlan> audio;
  std::string preset = "fast";
  /** "h264" or "hevc". */
  std::string codec = "h264";
  int bitDepth = 8;
  /** CUDA's number of the GPU, or -1 for none. */
  int device = -1;
  std::string gpuPreset = "p5";
  int threads = 0;
  /** Frames that the CPU's encoder looks ahead; -1 for its usual number. */
  int lookahead = -1;
  std::optional<std::string> posterPath;
  double posterTime = 0;
  int posterWidth = 0;
  int posterHeight = 0;
  std::optional<std::string> previewsPath;
  int previewWidth = 0;
  int previewHeight = 0;
  int previewColumns = 10;
  int previewMax = 100;
  double previewInterval = 1;
  int64_t maxPixels = 8192LL * 8192;
  int64_t maxFrames = INT64_MAX;
};

struct Segment {
  std::string path;
  int64_t bytes = 0;
  double start = 0;
  double duration = 0;
};

struct RungResult {
  std::string name;
  int width = 0;
  int height = 0;
  std::string codecs;
  std::string encoder;
  std::string initPath;
  int64_t initBytes = 0;
  int64_t frames = 0;
  std::vector<Segment> segments;
};

struct AudioResult {
  int stream = -1;
  std::string directory;
  std::string codecs;
  int channels = 0;
  int sampleRate = 0;
  std::string initPath;
  int64_t initBytes = 0;
  std::vector<Segment> segments;
};

/** From `mediaTime` on, the source's clock is `pts90k` + (t − mediaTime). */
struct ClockJump {
  double mediaTime = 0;
  int64_t pts90k = 0;
};

struct EngineResult {
  std::string engine = "cpu";
  std::string decoder;
  int64_t framesDecoded = 0;
  int64_t framesEncoded = 0;
  int64_t decodeErrors = 0;
  double duration = 0;
  int64_t originPts90k = 0;
  std::vector<ClockJump> clockJumps;
  std::vector<RungResult> rungs;
  std::vector<AudioResult> audio;
  std::optional<double> posterTime;
  double previewInterval = 0;
  int previewRows = 0;
  std::vector<double> previewTimes;
  std::vector<std::string> warnings;
  std::vector<std::string> gpuWarnings;
};

struct EngineProgress {
  std::string engine = "cpu";
  int64_t frames = 0;
  double fps = 0;
  double mediaTime = 0;
  int64_t inputBytes = 0;
};

struct VerifyPlan {
  std::string outputDir;
  std::string initPath;
  std::vector<std::string> segments;
  int threads = 0;
};

struct VerifiedSegment {
  std::string path;
  int64_t frames = 0;
  double firstPts = 0;
  double lastPts = 0;
  double endPts = 0;
  bool startsWithIdr = false;
  std::optional<std::string> error;
};

/** What one use of a GPU came to when it was tried. */
struct GpuTrial {
  bool works = false;
  /** Empty when it works. */
  std::string reason;
  /** Names as libavcodec has them; HEVC of ten bits as "hevc10". */
  std::vector<std::string> codecs;
  int engines = 0;
};

struct GpuReport {
  int device = 0;
  std::string name;
  int major = 0;
  int minor = 0;
  int64_t memoryFree = 0;
  int64_t memoryTotal = 0;
  GpuTrial decode;
  GpuTrial scale;
  GpuTrial encode;
};

struct Preflight {
  /** Of the driver; "" when unknown, 0 when there is none. */
  std::string driver;
  int cuda = 0;
  /** Why there is no GPU at all; empty when there is. */
  std::string reason;
  std::vector<GpuReport> gpus;
};

struct EngineInfo {
  std::string libavformat;
  std::string libavcodec;
  std::string libswscale;
  bool libx264 = false;
  bool libx265 = false;
};

}  // namespace sortie
