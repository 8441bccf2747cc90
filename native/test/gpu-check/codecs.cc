#include <algorithm>
#include <climits>

#include "checks.h"
#include "clip.h"
#include "marks.h"
#include "nvidia/decoder.h"
#include "software/decoder.h"
#include "table.h"

namespace gpucheck {

using namespace sortie;

namespace {

/** How near the pictures must come, by the name of the vector. */
enum class Nearness {
  kEqual,
  /** MPEG-4's inverse transform is not fixed to the bit (ISO 14496-2, A.3); MPEG-2's (IEEE 1180) neither. */
  kNear,
  /** Damage is concealed by each decoder in its own way. */
  kThere,
};

Nearness nearnessOf(const std::string& name) {
  if (name.find("damaged") != std::string::npos) return Nearness::kThere;
  if (name.find("mpeg") == 0 || name.find("recovery") != std::string::npos) return Nearness::kNear;
  return Nearness::kEqual;
}

constexpr int kMostDifference = 3;       // of 255, of the mean of a field of the grid
constexpr double kLeastOfDamaged = 0.8;  // share of the pictures that libavcodec shows

struct Count {
  size_t seen = 0, equal = 0, missing = 0, another = 0;
  int worst = 0;
};

/** NVDEC's own answer, which a refusal must agree with. */
bool isSupported(const DevicePtr& device, const AVCodecParameters& stream) {
  const std::optional<cudaVideoCodec> codec = nvidia::codecOf(stream.codec_id);
  if (!codec || !device->driver.decodeReason.empty()) return false;
  const int depth = stream.format == AV_PIX_FMT_YUV420P ? 8 : stream.format == AV_PIX_FMT_YUV420P10 ? 10 : 12;
  return nvidia::decoderCaps(*device, *codec, cudaVideoChromaFormat_420, depth).supported;
}

void compare(const DevicePtr& device, const std::filesystem::path& file) {
  const std::string name = file.stem().string().substr(7), what = "NVDEC: " + name;
  Clip clip(file);
  const Marks expected = readMarks(file);
  if (clip.parameters().format < 0) clip.parameters().format = expected.format;
  if (!device->driver.decodeReason.empty()) {
    row(what, device->driver.decodeReason, Verdict::kFailed);
    return;
  }
  const bool supported = isSupported(device, clip.parameters());
  const Nearness nearness = nearnessOf(name);
  try {
    nvidia::NvidiaDecoder nvdec(device, clip.plan, clip.stream(), [] { return false; });
    Count count;
    std::map<int64_t, bool> found;
    clip.decode(nvdec, [&](const Decoded& picture) {
      ++count.seen;
      const auto wanted = expected.pictures.find(picture.pts);
      if (wanted == expected.pictures.end()) {
        ++count.another;
        return;
      }
      found[picture.pts] = true;
      const Mark mark = markOf(*picture.surface->download());
      if (mark.checksum == wanted->second.checksum) ++count.equal;
      else count.worst = std::max(count.worst, difference(mark, wanted->second));
    });
    count.missing = expected.pictures.size() - found.size();
    const bool whole = count.seen > 0 && count.missing == 0 && count.another == 0;
    const bool good = nearness == Nearness::kEqual  ? whole && count.equal == count.seen
                      : nearness == Nearness::kNear ? whole && count.worst <= kMostDifference
                                                    : static_cast<double>(found.size()) >= kLeastOfDamaged * static_cast<double>(expected.pictures.size());
    std::string outcome = std::to_string(found.size()) + " of " + std::to_string(expected.pictures.size()) + " pictures at their times, " +
                          std::to_string(count.equal) + " equal";
    if (count.equal < found.size()) outcome += ", others differ by up to " + std::to_string(count.worst) + " of 255";
    if (count.another > 0) outcome += ", " + std::to_string(count.another) + " at times that libavcodec does not show";
    row(what, outcome, good);
  } catch (const nvidia::Unavailable& why) {
    // Only what the chip says that it cannot do is no fault.
    row(what, why.what(), supported ? Verdict::kFailed : Verdict::kTold);
  }
}

}  // namespace

std::vector<std::filesystem::path> vectorsIn(const Folder& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().rfind("vector-", 0) == 0 && entry.path().extension() != ".marks") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void codecs(const DevicePtr& device, const Folder& folder) {
  const std::vector<std::filesystem::path> files = vectorsIn(folder);
  if (files.empty()) row("test vectors", "none in " + folder.string(), Verdict::kFailed);
  for (const std::filesystem::path& file : files) {
    try {
      compare(device, file);
    } catch (const std::exception& error) {
      row("NVDEC: " + file.stem().string().substr(7), error.what(), Verdict::kFailed);
    }
  }
}

void writeReference(const Folder& folder) {
  for (const std::filesystem::path& file : vectorsIn(folder)) {
    const Clip clip(file);
    SoftwareDecoder decoder(clip.plan, clip.stream(), 2);
    Marks marks;
    marks.format = clip.stream().codecpar->format;
    clip.decode(decoder, [&](const Decoded& picture) { marks.pictures[picture.pts] = markOf(*picture.surface->download()); });
    writeMarks(file, marks);
  }
}

}  // namespace gpucheck
