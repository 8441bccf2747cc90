#include "convert.h"

#include <cmath>

namespace sortie {

namespace {

// A property that is missing or of another type is a mistake of the caller, told at once as a TypeError.
Napi::Value get(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) throw Napi::TypeError::New(object.Env(), std::string("The property ") + name + " is missing.");
  return value;
}

[[noreturn]] void refuse(const Napi::Object& object, const char* name, const char* type) {
  throw Napi::TypeError::New(object.Env(), std::string("The property ") + name + " must be " + type + ".");
}

double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = get(object, name);
  if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue())) refuse(object, name, "a finite number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t whole(const Napi::Object& object, const char* name) {
  const double value = number(object, name);
  if (value != std::floor(value) || std::fabs(value) > 9007199254740991.0) refuse(object, name, "a whole number");
  return static_cast<int64_t>(value);
}

int integer(const Napi::Object& object, const char* name) {
  const int64_t value = whole(object, name);
  if (value < INT32_MIN || value > INT32_MAX) refuse(object, name, "a 32-bit whole number");
  return static_cast<int>(value);
}

bool boolean(const Napi::Object& object, const char* name) {
  const Napi::Value value = get(object, name);
  if (!value.IsBoolean()) refuse(object, name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string text(const Napi::Object& object, const char* name) {
  const Napi::Value value = get(object, name);
  if (!value.IsString()) refuse(object, name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::optional<std::string> optionalText(const Napi::Object& object, const char* name) {
  if (get(object, name).IsNull()) return std::nullopt;
  return text(object, name);
}

template <typename Visit>
void forEach(const Napi::Object& object, const char* name, const Visit& visit) {
  const Napi::Value value = get(object, name);
  if (!value.IsArray()) refuse(object, name, "an array");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) visit(Napi::Value(array[i]));
}

template <typename Visit>
void forEachObject(const Napi::Object& object, const char* name, const Visit& visit) {
  forEach(object, name, [&](const Napi::Value& value) {
    if (!value.IsObject()) refuse(object, name, "an array of objects");
    visit(value.As<Napi::Object>());
  });
}

int atLeast(const Napi::Object& object, const char* name, int least) {
  const int value = integer(object, name);
  if (value < least) refuse(object, name, ("at least " + std::to_string(least)).c_str());
  return value;
}

double positive(const Napi::Object& object, const char* name) {
  const double value = number(object, name);
  if (value <= 0) refuse(object, name, "above 0");
  return value;
}

RungPlan toRung(const Napi::Object& object) {
  RungPlan rung;
  rung.name = text(object, "name");
  if (rung.name.empty() || rung.name.find('/') != std::string::npos || rung.name[0] == '.')
    refuse(object, "name", "a plain folder name");
  rung.width = atLeast(object, "width", 2);
  rung.height = atLeast(object, "height", 2);
  if (rung.width % 2 != 0 || rung.height % 2 != 0) refuse(object, "width and height", "even");
  rung.bitrate = whole(object, "bitrate");
  rung.maxBitrate = whole(object, "maxBitrate");
  rung.bufferSize = whole(object, "bufferSize");
  return rung;
}

AudioPlan toAudio(const Napi::Object& object) {
  AudioPlan audio;
  audio.stream = integer(object, "stream");
  audio.directory = text(object, "directory");
  audio.bitrate = whole(object, "bitrate");
  audio.channels = atLeast(object, "channels", 1);
  if (audio.channels > 2) refuse(object, "channels", "1 or 2");
  audio.sampleRate = atLeast(object, "sampleRate", 8000);
  return audio;
}

Napi::Array fromSegments(Napi::Env env, const std::vector<Segment>& segments) {
  Napi::Array array = Napi::Array::New(env, segments.size());
  for (uint32_t i = 0; i < segments.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    object["path"] = segments[i].path;
    object["bytes"] = static_cast<double>(segments[i].bytes);
    object["start"] = segments[i].start;
    object["duration"] = segments[i].duration;
    array[i] = object;
  }
  return array;
}

}  // namespace

EnginePlan toEnginePlan(const Napi::Object& object) {
  EnginePlan plan;
  plan.input = text(object, "input");
  plan.demuxer = text(object, "demuxer");
  plan.outputDir = text(object, "outputDir");
  plan.videoStream = integer(object, "videoStream");
  plan.rotation = integer(object, "rotation");
  if (plan.rotation % 90 != 0) refuse(object, "rotation", "0, 90, 180 or 270");
  plan.mirror = boolean(object, "mirror");
  plan.deinterlace = boolean(object, "deinterlace");
  plan.frameRateNum = atLeast(object, "frameRateNum", 1);
  plan.frameRateDen = atLeast(object, "frameRateDen", 1);
  plan.steadyRate = boolean(object, "steadyRate");
  plan.gopSeconds = positive(object, "gopSeconds");
  plan.segmentSeconds = positive(object, "segmentSeconds");
  forEachObject(object, "rungs", [&](const Napi::Object& rung) { plan.rungs.push_back(toRung(rung)); });
  forEachObject(object, "audio", [&](const Napi::Object& audio) { plan.audio.push_back(toAudio(audio)); });
  plan.preset = text(object, "preset");
  plan.codec = text(object, "codec");
  if (plan.codec != "h264" && plan.codec != "hevc") refuse(object, "codec", "\"h264\" or \"hevc\"");
  plan.bitDepth = integer(object, "bitDepth");
  if (plan.bitDepth != 8 && (plan.bitDepth != 10 || plan.codec != "hevc")) refuse(object, "bitDepth", "8, or 10 with HEVC");
  plan.device = get(object, "device").IsNull() ? -1 : atLeast(object, "device", 0);
  plan.gpuPreset = text(object, "gpuPreset");
  plan.threads = atLeast(object, "threads", 0);
  plan.lookahead = get(object, "lookahead").IsNull() ? -1 : atLeast(object, "lookahead", 0);
  plan.posterPath = optionalText(object, "posterPath");
  plan.posterTime = number(object, "posterTime");
  plan.posterWidth = integer(object, "posterWidth");
  plan.posterHeight = integer(object, "posterHeight");
  plan.previewsPath = optionalText(object, "previewsPath");
  plan.previewWidth = integer(object, "previewWidth");
  plan.previewHeight = integer(object, "previewHeight");
  plan.previewColumns = integer(object, "previewColumns");
  plan.previewMax = integer(object, "previewMax");
  plan.previewInterval = number(object, "previewInterval");
  plan.maxPixels = whole(object, "maxPixels");
  plan.maxFrames = whole(object, "maxFrames");
  return plan;
}

VerifyPlan toVerifyPlan(const Napi::Object& object) {
  VerifyPlan plan;
  plan.outputDir = text(object, "outputDir");
  plan.initPath = text(object, "initPath");
  forEach(object, "segments", [&](const Napi::Value& value) {
    if (!value.IsString()) refuse(object, "segments", "an array of strings");
    plan.segments.push_back(value.As<Napi::String>().Utf8Value());
  });
  plan.threads = atLeast(object, "threads", 0);
  return plan;
}

Napi::Object fromResult(Napi::Env env, const EngineResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object["engine"] = result.engine;
  object["decoder"] = result.decoder;
  object["framesDecoded"] = static_cast<double>(result.framesDecoded);
  object["framesEncoded"] = static_cast<double>(result.framesEncoded);
  object["decodeErrors"] = static_cast<double>(result.decodeErrors);
  object["duration"] = result.duration;
  object["originPts90k"] = static_cast<double>(result.originPts90k);
  Napi::Array jumps = Napi::Array::New(env, result.clockJumps.size());
  for (uint32_t i = 0; i < result.clockJumps.size(); ++i) {
    Napi::Object jump = Napi::Object::New(env);
    jump["mediaTime"] = result.clockJumps[i].mediaTime;
    jump["pts90k"] = static_cast<double>(result.clockJumps[i].pts90k);
    jumps[i] = jump;
  }
  object["clockJumps"] = jumps;
  Napi::Array rungs = Napi::Array::New(env, result.rungs.size());
  for (uint32_t i = 0; i < result.rungs.size(); ++i) {
    const RungResult& from = result.rungs[i];
    Napi::Object rung = Napi::Object::New(env);
    rung["name"] = from.name;
    rung["width"] = from.width;
    rung["height"] = from.height;
    rung["codecs"] = from.codecs;
    rung["encoder"] = from.encoder;
    rung["initPath"] = from.initPath;
    rung["initBytes"] = static_cast<double>(from.initBytes);
    rung["frames"] = static_cast<double>(from.frames);
    rung["segments"] = fromSegments(env, from.segments);
    rungs[i] = rung;
  }
  object["rungs"] = rungs;
  Napi::Array audio = Napi::Array::New(env, result.audio.size());
  for (uint32_t i = 0; i < result.audio.size(); ++i) {
    const AudioResult& from = result.audio[i];
    Napi::Object track = Napi::Object::New(env);
    track["stream"] = from.stream;
    track["directory"] = from.directory;
    track["codecs"] = from.codecs;
    track["channels"] = from.channels;
    track["sampleRate"] = from.sampleRate;
    track["initPath"] = from.initPath;
    track["initBytes"] = static_cast<double>(from.initBytes);
    track["segments"] = fromSegments(env, from.segments);
    audio[i] = track;
  }
  object["audio"] = audio;
  object["posterTime"] = result.posterTime ? Napi::Value(Napi::Number::New(env, *result.posterTime)) : env.Null();
  object["previewInterval"] = result.previewInterval;
  object["previewRows"] = result.previewRows;
  Napi::Array times = Napi::Array::New(env, result.previewTimes.size());
  for (uint32_t i = 0; i < result.previewTimes.size(); ++i) times[i] = result.previewTimes[i];
  object["previewTimes"] = times;
  Napi::Array warnings = Napi::Array::New(env, result.warnings.size());
  for (uint32_t i = 0; i < result.warnings.size(); ++i) warnings[i] = result.warnings[i];
  object["warnings"] = warnings;
  Napi::Array gpuWarnings = Napi::Array::New(env, result.gpuWarnings.size());
  for (uint32_t i = 0; i < result.gpuWarnings.size(); ++i) gpuWarnings[i] = result.gpuWarnings[i];
  object["gpuWarnings"] = gpuWarnings;
  return object;
}

Napi::Object fromProgress(Napi::Env env, const EngineProgress& progress) {
  Napi::Object object = Napi::Object::New(env);
  object["engine"] = progress.engine;
  object["frames"] = static_cast<double>(progress.frames);
  object["fps"] = progress.fps;
  object["mediaTime"] = progress.mediaTime;
  object["inputBytes"] = static_cast<double>(progress.inputBytes);
  return object;
}

namespace {
Napi::Object fromTrial(Napi::Env env, const GpuTrial& trial) {
  Napi::Object object = Napi::Object::New(env);
  object["works"] = trial.works;
  object["reason"] = trial.reason;
  Napi::Array codecs = Napi::Array::New(env, trial.codecs.size());
  for (uint32_t i = 0; i < trial.codecs.size(); ++i) codecs[i] = trial.codecs[i];
  object["codecs"] = codecs;
  object["engines"] = trial.engines;
  return object;
}
}  // namespace

Napi::Object fromPreflight(Napi::Env env, const Preflight& preflight) {
  Napi::Object object = Napi::Object::New(env);
  object["driver"] = preflight.driver;
  object["cuda"] = preflight.cuda;
  object["reason"] = preflight.reason;
  Napi::Array gpus = Napi::Array::New(env, preflight.gpus.size());
  for (uint32_t i = 0; i < preflight.gpus.size(); ++i) {
    const GpuReport& from = preflight.gpus[i];
    Napi::Object gpu = Napi::Object::New(env);
    gpu["device"] = from.device;
    gpu["name"] = from.name;
    gpu["major"] = from.major;
    gpu["minor"] = from.minor;
    gpu["memoryFree"] = static_cast<double>(from.memoryFree);
    gpu["memoryTotal"] = static_cast<double>(from.memoryTotal);
    gpu["decode"] = fromTrial(env, from.decode);
    gpu["scale"] = fromTrial(env, from.scale);
    gpu["encode"] = fromTrial(env, from.encode);
    gpus[i] = gpu;
  }
  object["gpus"] = gpus;
  return object;
}

Napi::Object fromInfo(Napi::Env env, const EngineInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object["libavformat"] = info.libavformat;
  object["libavcodec"] = info.libavcodec;
  object["libswscale"] = info.libswscale;
  object["libx264"] = info.libx264;
  object["libx265"] = info.libx265;
  return object;
}

Napi::Array fromVerified(Napi::Env env, const std::vector<VerifiedSegment>& segments) {
  Napi::Array array = Napi::Array::New(env, segments.size());
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const VerifiedSegment& from = segments[i];
    Napi::Object object = Napi::Object::New(env);
    object["path"] = from.path;
    object["frames"] = static_cast<double>(from.frames);
    object["firstPts"] = from.firstPts;
    object["lastPts"] = from.lastPts;
    object["endPts"] = from.endPts;
    object["startsWithIdr"] = from.startsWithIdr;
    object["error"] = from.error ? Napi::Value(Napi::String::New(env, *from.error)) : env.Null();
    array[i] = object;
  }
  return array;
}

}  // namespace sortie
