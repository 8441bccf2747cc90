// The samples of a CMAF segment, straight from its boxes (ISO 14496-12), every bound checked.
#pragma once
#include <vector>

#include "common.h"

namespace sortie {

/** Type of a box (ISO 14496-12, 4.2) by its name. */
constexpr uint32_t fourcc(const char (&name)[5]) {
  return static_cast<uint32_t>(name[0]) << 24 | static_cast<uint32_t>(name[1]) << 16 |
         static_cast<uint32_t>(name[2]) << 8 | static_cast<uint32_t>(name[3]);
}

/** A stretch of a segment, read with checked bounds. */
class Span {
 public:
  Span(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  size_t size() const { return size_; }
  const uint8_t* data() const { return data_; }
  uint64_t number(size_t bytes) {
    need(bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | data_[i];
    data_ += bytes;
    size_ -= bytes;
    return value;
  }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  void skip(size_t bytes) {
    need(bytes);
    data_ += bytes;
    size_ -= bytes;
  }
  Span take(size_t bytes) {
    need(bytes);
    const Span part(data_, bytes);
    skip(bytes);
    return part;
  }

 private:
  void need(size_t bytes) const {
    if (bytes > size_) throw EngineError(Code::kDecodeFailed, "is cut short");
  }
  const uint8_t* data_;
  size_t size_;
};

struct Sample {
  uint32_t size = 0;
  uint32_t duration = 0;
  int64_t dts = 0;
  int64_t pts = 0;
  const uint8_t* data = nullptr;
};

/** Where the edit list of an initialisation section's track begins, in its time base (ISO 14496-12, 8.6.6); 0 without one. */
int64_t editStartOf(const std::vector<uint8_t>& init);

/** The samples of one segment. libavformat is not asked: the times that count are those that stand in the file. */
class Fragment {
 public:
  /**
   * Samples point into `bytes`; presentation times count from `editStart`, see editStartOf. Throws EngineError with what is wrong.
   */
  Fragment(const std::vector<uint8_t>& bytes, int64_t editStart);

  std::vector<Sample> samples;

 private:
  void readMoof(Span moof);
  void readHeader(Span body);
  void readRun(Span body);

  const int64_t editStart_;
  const size_t mostSamples_;
  const uint8_t* moof_ = nullptr;
  int64_t time_ = 0;
  int32_t dataOffset_ = 0;
  uint32_t duration_ = 0;
  uint32_t size_ = 0;
};

}  // namespace sortie
