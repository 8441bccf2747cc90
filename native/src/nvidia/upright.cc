#include "nvidia/upright.h"

#include "nvidia/parameters.h"
#include "tonemap.h"

namespace sortie::nvidia {

namespace {

/** Source of target (x, y), for planes of `width` x `height` after the turn. Mirrored before the turn, as on the CPU. */
Turn turnOf(int rotation, bool mirror, int width, int height) {
  Turn turn{};
  const int w = width - 1, h = height - 1;
  switch (rotation) {
    case 90: turn = {nullptr, nullptr, 0, 0, 0, 0, 0, 1, 0, -1, 0, w}; break;    // from (y, w − x)
    case 180: turn = {nullptr, nullptr, 0, 0, 0, 0, -1, 0, w, 0, -1, h}; break;  // from (w − x, h − y)
    case 270: turn = {nullptr, nullptr, 0, 0, 0, 0, 0, -1, h, 1, 0, 0}; break;   // from (h − y, x)
    default: turn = {nullptr, nullptr, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0}; break;
  }
  if (mirror) {
    const int last = rotation % 180 == 0 ? w : h;  // of the source's rows
    turn.xx = -turn.xx;
    turn.xy = -turn.xy;
    turn.x0 = last - turn.x0;
  }
  turn.targetWidth = width;
  turn.targetHeight = height;
  return turn;
}

}  // namespace

NvidiaUpright::NvidiaUpright(DevicePtr device, int rotation, bool mirror, bool toneMap, const Stream& stream)
    : device_(std::move(device)), rotation_(((rotation % 360) + 360) % 360), mirror_(mirror), toneMap_(toneMap), stream_(stream) {}

std::shared_ptr<Pool::Place> NvidiaUpright::take(int width, int height, bool wide) {
  for (const auto& pool : pools_)
    if (pool->fits(width, height, wide)) return pool->take();
  constexpr size_t kSizes = 2;  // before and after a change of size
  if (pools_.size() >= kSizes * 2) pools_.erase(pools_.begin());
  return pools_.emplace_back(std::make_shared<Pool>(device_, width, height, wide))->take();
}

std::shared_ptr<const DeviceSurface> NvidiaUpright::mapTones(const DeviceSurface& source) {
  if (source.colour.transfer != transfer_) {
    transfer_ = source.colour.transfer;
    stream_.synchronize();
    const ToneTable table = makeToneTable(transfer_ == AVCOL_TRC_SMPTE2084);
    luma_ = std::make_unique<Table>(device_, table.luma.data(), table.luma.size() * sizeof(float));
    chroma_ = std::make_unique<Table>(device_, table.chroma.data(), table.chroma.size() * sizeof(float));
  }
  const Planes& from = source.planes;
  const auto place = take(from.width, from.height, false);
  ToneMapPass pass{reinterpret_cast<const void*>(from.data),
                   reinterpret_cast<const void*>(from.chroma()),
                   reinterpret_cast<void*>(place->planes.data),
                   reinterpret_cast<void*>(place->planes.chroma()),
                   reinterpret_cast<const float*>(luma_->data()),
                   reinterpret_cast<const float*>(chroma_->data()),
                   static_cast<int>(from.pitch),
                   static_cast<int>(place->planes.pitch),
                   from.width,
                   from.height};
  device_->launch(Kernel::kToneMap, from.chromaWidth(), from.chromaHeight(), &pass, stream_.get());
  place->ready->record(stream_.get());
  Colour colour{AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, source.colour.site};
  return std::make_shared<DeviceSurface>(device_, place->planes, colour, place->ready, place);
}

std::shared_ptr<const DeviceSurface> NvidiaUpright::turn(const DeviceSurface& source) {
  const Planes& from = source.planes;
  const bool across = rotation_ % 180 != 0;
  const auto place = take(across ? from.height : from.width, across ? from.width : from.height, from.wide);
  const Planes& to = place->planes;
  const auto run = [&](Kernel kernel, CUdeviceptr source, CUdeviceptr target, int width, int height) {
    Turn turn = turnOf(rotation_, mirror_, width, height);
    turn.source = reinterpret_cast<const void*>(source);
    turn.target = reinterpret_cast<void*>(target);
    turn.sourcePitch = static_cast<int>(from.pitch);
    turn.targetPitch = static_cast<int>(to.pitch);
    device_->launch(kernel, width, height, &turn, stream_.get());
  };
  run(from.wide ? Kernel::kTurn2 : Kernel::kTurn1, from.data, to.data, to.width, to.height);
  run(from.wide ? Kernel::kTurn4 : Kernel::kTurn2, from.chroma(), to.chroma(), to.chromaWidth(), to.chromaHeight());
  place->ready->record(stream_.get());
  Colour colour = source.colour;
  // Left-sited chroma of a turned picture sits at the top or the bottom; half a luma sample, and no player would know.
  return std::make_shared<DeviceSurface>(device_, to, colour, place->ready, place);
}

std::shared_ptr<const DeviceSurface> NvidiaUpright::apply(std::shared_ptr<const DeviceSurface> source) {
  const bool hdr = source->colour.transfer == AVCOL_TRC_SMPTE2084 || source->colour.transfer == AVCOL_TRC_ARIB_STD_B67;
  const bool map = toneMap_ && hdr && source->planes.wide;
  const bool turned = rotation_ != 0 || mirror_;
  if (!map && !turned) return source;
  const Device::Current current(*device_);
  const Settle settle(stream_);
  source->ready().holdUp(stream_.get());
  std::shared_ptr<const DeviceSurface> made = source;
  if (map) made = mapTones(*made);
  if (turned) made = turn(*made);
  // The source goes back to NVDEC when we return; the kernels must have read it.
  made->ready().synchronize();
  return made;
}

}  // namespace sortie::nvidia
