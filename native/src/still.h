// The poster and the sheet of previews: JPEG pictures taken from the same decoded frames.
#pragma once
#include <optional>
#include <vector>

#include "decoder.h"
#include "plan.h"

namespace sortie {

/** Picks the first picture from a moment on that shows something. */
class Poster {
 public:
  explicit Poster(const EnginePlan& plan);
  void see(const Picture& picture);
  void finish();
  std::optional<double> time() const { return time_; }

 private:
  /** A picture in memory: one on a device is let go at once, for its decoder may wait for it. */
  struct Candidate {
    FramePtr frame;
    int64_t pts;
    double stretch;
  };
  void write(const Candidate& candidate);

  const EnginePlan& plan_;
  const int64_t from_;
  int64_t next_ = 0;
  bool done_;
  std::optional<Candidate> best_;
  double bestContrast_ = -1;
  std::optional<double> time_;
};

/** One tile per interval; when there are too many, every second goes and the interval doubles. */
class Previews {
 public:
  explicit Previews(const EnginePlan& plan);
  void see(const Picture& picture);
  void finish();
  double interval() const { return seconds(interval_); }
  int rows() const { return rows_; }
  std::vector<double> times() const;

 private:
  struct Tile {
    int64_t slot;
    int64_t pts;
    FramePtr pixels;
  };
  const EnginePlan& plan_;
  const size_t most_;
  int64_t interval_;
  int64_t nextSlot_ = 0;
  int rows_ = 0;
  std::vector<Tile> tiles_;
};

}  // namespace sortie
