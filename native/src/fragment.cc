#include "fragment.h"

#include <algorithm>
#include <optional>

namespace sortie {

namespace {

constexpr uint64_t kMostTime = INT64_MAX / 4;

struct Box {
  uint32_t type;
  Span body;
};

Box nextBox(Span& span) {  // ISO 14496-12, 4.2
  uint64_t size = span.u32();
  const uint32_t type = span.u32();
  uint64_t header = 8;
  if (size == 1) {
    size = span.number(8);
    header = 16;
  }
  if (size < header) throw EngineError(Code::kDecodeFailed, "has a box of impossible size");
  return {type, span.take(static_cast<size_t>(std::min<uint64_t>(size - header, SIZE_MAX)))};
}

/** What is in the box of that type; nothing when there is none. */
std::optional<Span> inside(Span span, uint32_t type) {
  while (span.size() > 0) {
    Box box = nextBox(span);
    if (box.type == type) return box.body;
  }
  return std::nullopt;
}

}  // namespace

int64_t editStartOf(const std::vector<uint8_t>& init) {
  std::optional<Span> span(Span(init.data(), init.size()));
  for (const uint32_t type : {fourcc("moov"), fourcc("trak"), fourcc("edts"), fourcc("elst")}) {
    span = inside(*span, type);
    if (!span) return 0;
  }
  const uint64_t version = span->u32() >> 24;
  if (span->u32() != 1) throw EngineError(Code::kDecodeFailed, "has an edit list that is not ours");
  span->skip(version == 1 ? 8 : 4);
  const uint64_t start = version == 1 ? span->number(8) : span->u32();
  if (start > kMostTime) throw EngineError(Code::kDecodeFailed, "has an impossible time");
  return static_cast<int64_t>(start);
}

Fragment::Fragment(const std::vector<uint8_t>& bytes, int64_t editStart) : editStart_(editStart), mostSamples_(bytes.size()) {
  Span file(bytes.data(), bytes.size());
  std::optional<Span> data;
  while (file.size() > 0) {
    const uint8_t* start = file.data();
    Box box = nextBox(file);
    if (box.type == fourcc("moof")) {
      moof_ = start;
      readMoof(box.body);
    } else if (box.type == fourcc("mdat")) {
      data = box.body;
    }
  }
  if (!moof_ || samples.empty()) throw EngineError(Code::kDecodeFailed, "holds no movie fragment");
  if (!data) throw EngineError(Code::kDecodeFailed, "holds no media data");
  if (dataOffset_ > bytes.data() + bytes.size() - moof_)
    throw EngineError(Code::kDecodeFailed, "has samples outside its media data");
  const uint8_t* at = moof_ + dataOffset_;
  const uint8_t* const first = data->data();
  const uint8_t* const last = first + data->size();
  for (Sample& sample : samples) {
    if (at < first || at > last || sample.size > static_cast<size_t>(last - at))
      throw EngineError(Code::kDecodeFailed, "has samples outside its media data");
    sample.data = at;
    at += sample.size;
  }
}

void Fragment::readMoof(Span moof) {
  while (moof.size() > 0) {
    Box box = nextBox(moof);
    if (box.type != fourcc("traf")) continue;
    while (box.body.size() > 0) {
      Box part = nextBox(box.body);
      if (part.type == fourcc("tfhd")) readHeader(part.body);
      if (part.type == fourcc("tfdt")) {
        const uint64_t version = part.body.u32() >> 24;
        const uint64_t time = part.body.number(version == 1 ? 8 : 4);
        if (time > kMostTime) throw EngineError(Code::kDecodeFailed, "has an impossible time");
        time_ = static_cast<int64_t>(time);
      }
      if (part.type == fourcc("trun")) readRun(part.body);
    }
  }
}

void Fragment::readHeader(Span body) {  // 8.8.7
  const uint32_t flags = body.u32() & 0xffffff;
  body.skip(4);
  if ((flags & 0x1) != 0) body.skip(8);
  if ((flags & 0x2) != 0) body.skip(4);
  if ((flags & 0x8) != 0) duration_ = body.u32();
  if ((flags & 0x10) != 0) size_ = body.u32();
}

void Fragment::readRun(Span body) {  // 8.8.8
  const uint32_t word = body.u32();
  const uint32_t flags = word & 0xffffff;
  const uint32_t count = body.u32();
  // A run whose samples all take the defaults needs no bytes to claim billions of them; but each of them is a byte or more.
  if (count > mostSamples_ - samples.size())
    throw EngineError(Code::kDecodeFailed, "claims too many samples");
  if ((flags & 0x1) != 0) {
    const auto offset = static_cast<int32_t>(body.u32());
    if (samples.empty()) dataOffset_ = std::max(0, offset);
  }
  if ((flags & 0x4) != 0) body.skip(4);
  for (uint32_t i = 0; i < count; ++i) {
    Sample sample;
    sample.duration = (flags & 0x100) != 0 ? body.u32() : duration_;
    sample.size = (flags & 0x200) != 0 ? body.u32() : size_;
    if ((flags & 0x400) != 0) body.skip(4);
    int64_t composition = 0;
    if ((flags & 0x800) != 0) {
      const uint32_t value = body.u32();
      composition = word >> 24 == 0 ? static_cast<int64_t>(value) : static_cast<int32_t>(value);
    }
    sample.dts = time_;
    sample.pts = time_ + composition - editStart_;
    time_ += sample.duration;
    samples.push_back(sample);
  }
}

}  // namespace sortie
