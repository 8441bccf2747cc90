// paff FILE: an H.264 stream whose frames are coded now as two fields and now as one picture (PAFF), which no encoder at hand makes.
// I_PCM macroblocks, and skipped ones in second fields, which refer to the first (ITU-T H.264, 7.3.3, 8.2.1).
#include <cstdio>

#include "../../standin/coder.h"

using standin::appendNal;
using standin::BitWriter;
using standin::Bytes;

namespace {

constexpr unsigned kColumns = 20, kRows = 18, kFrames = 24;  // macroblocks; rows of a frame
constexpr uint8_t kReference = 3 << 5, kSlice = 1, kIdrSlice = 5;

enum class Structure { kFrame, kTop, kBottom };

/** A moving pattern: field lines show their own moment. */
uint8_t luma(unsigned x, unsigned line, unsigned frame) {
  const unsigned moment = 2 * frame + line % 2;
  return static_cast<uint8_t>(16 + (x * 3 + line + moment * 7) % 200);
}

void picture(Bytes& out, unsigned frame, Structure structure) {
  const bool field = structure != Structure::kFrame, bottom = structure == Structure::kBottom;
  const bool idr = frame == 0 && !bottom, predicted = bottom;
  BitWriter slice;
  slice.ue(0);
  slice.ue(predicted ? 5 : 7);
  slice.ue(0);
  slice.u(8, frame & 255);
  slice.u(1, field);
  if (field) slice.u(1, bottom);
  if (idr) slice.ue(0);
  slice.u(16, 2 * frame + (bottom ? 1 : 0));
  // Some frames say that both of their fields are of one moment, as encoders of progressive material in PAFF do.
  if (!field) slice.se(frame % 3 == 0 ? 0 : 1);
  if (predicted) slice.u(2, 0);  // no override, no reordering of the list
  if (idr) slice.u(2, 0);
  else slice.u(1, 0);
  slice.se(0);
  slice.ue(1);  // no deblocking
  const unsigned rows = field ? kRows / 2 : kRows;
  unsigned skipped = 0;
  for (unsigned my = 0; my < rows; ++my)
    for (unsigned mx = 0; mx < kColumns; ++mx) {
      if (predicted && (mx + my) % 5 == 4) {
        ++skipped;
        continue;
      }
      if (predicted) slice.ue(skipped);
      skipped = 0;
      slice.ue(predicted ? 30 : 25);  // I_PCM
      slice.zerosToByte();
      for (unsigned y = 0; y < 16; ++y) {
        const unsigned row = my * 16 + y, line = field ? 2 * row + (bottom ? 1 : 0) : row;
        for (unsigned x = 0; x < 16; ++x) slice.bytes.push_back(luma(mx * 16 + x, line, frame));
      }
      for (unsigned i = 0; i < 128; ++i) slice.bytes.push_back(static_cast<uint8_t>(100 + (i + frame * 3) % 56));
    }
  if (skipped > 0) slice.ue(skipped);
  slice.trailing();
  appendNal(out, {static_cast<uint8_t>(kReference | (idr ? kIdrSlice : kSlice))}, slice.bytes);
}

}  // namespace

int main(int, char** words) {
  standin::Form form{};
  form.width = kColumns * 16;
  form.height = kRows * 16;
  form.frameRateNum = 25;
  form.frameRateDen = 1;
  form.fields = true;
  Bytes out = standin::avcHeaders(form);
  for (unsigned frame = 0; frame < kFrames; ++frame) {
    if (frame % 2 == 1) {
      picture(out, frame, Structure::kFrame);
      continue;
    }
    picture(out, frame, Structure::kTop);
    picture(out, frame, Structure::kBottom);
  }
  FILE* file = words[1] ? std::fopen(words[1], "wb") : nullptr;
  return file && std::fwrite(out.data(), 1, out.size(), file) == out.size() && std::fclose(file) == 0 ? 0 : 1;
}
