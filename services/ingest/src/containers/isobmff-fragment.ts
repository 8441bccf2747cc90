// Movie fragments (ISO/IEC 14496-12 clause 8.8): where the samples of all tracks lie, in the order of the file.
import { containerBudget } from '../budgets.js';
import { boxesIn, child, type Box } from './isobmff-box.js';

/** What `trex` says of samples that say nothing of themselves. */
export interface TrackDefaults {
  duration: number;
  size: number;
}

export function trackDefaults(bytes: Buffer, moov: Box): Map<number, TrackDefaults> {
  const defaults = new Map<number, TrackDefaults>();
  const mvex = child(bytes, moov, 'mvex');
  for (const box of mvex ? boxesIn(bytes, mvex.start, mvex.end) : []) {
    if (box.type !== 'trex' || box.end - box.start < 24) continue;
    if (defaults.size >= containerBudget.tracks) break;
    const at = box.start;
    defaults.set(bytes.readUInt32BE(at + 4), { duration: bytes.readUInt32BE(at + 12), size: bytes.readUInt32BE(at + 16) }); // prettier-ignore
  }
  return defaults;
}

/** Fields of `tfhd` and `trun` that are there when their flag is. */
const header = { baseDataOffset: 0x1, sampleDescription: 0x2, duration: 0x8, size: 0x10, baseIsMoof: 0x20000 };
const run = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 };

interface FragmentSample {
  track: number;
  at: number;
  size: number;
  ticks: number;
}

/** Reads numbers one after the other; stays at the end when there are no more. */
class Fields {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
    private readonly end: number,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  private take(length: number): number | null {
    if (this.left < length) return null;
    this.at += length;
    return this.at - length;
  }

  u32(): number {
    const at = this.take(4);
    return at === null ? 0 : this.bytes.readUInt32BE(at);
  }

  u64(): number {
    const at = this.take(8);
    return at === null ? 0 : Number(this.bytes.readBigUInt64BE(at));
  }
}

/**
 * Samples of wanted tracks in the fragment whose `moof` stands at `place` in the file. `clocks` keeps for each track where its
 * next sample begins, for fragments without `tfdt`. A run may promise any number of samples without a byte for each: whoever
 * asks for them has to stop.
 */
export function* fragmentSamples(
  bytes: Buffer,
  moof: Box,
  place: number,
  defaults: ReadonlyMap<number, TrackDefaults>,
  clocks: Map<number, number>,
  isWanted: (track: number) => boolean,
): Generator<FragmentSample> {
  // Without any other word the data of a track follows that of the track before it (clause 8.8.7).
  let dataEnd = place;
  for (const traf of boxesIn(bytes, moof.start, moof.end)) {
    const tfhd = traf.type === 'traf' ? child(bytes, traf, 'tfhd') : null;
    if (!tfhd || tfhd.end - tfhd.start < 8) continue;
    const head = new Fields(bytes, tfhd.start, tfhd.end);
    const flags = head.u32() & 0xffffff;
    const track = head.u32();
    const usual = defaults.get(track);
    const base = flags & header.baseDataOffset ? head.u64() : flags & header.baseIsMoof ? place : dataEnd;
    if (flags & header.sampleDescription) head.u32();
    const duration = flags & header.duration ? head.u32() : (usual?.duration ?? 0);
    const size = flags & header.size ? head.u32() : (usual?.size ?? 0);

    const tfdt = child(bytes, traf, 'tfdt');
    let ticks = clocks.get(track) ?? 0;
    if (tfdt) {
      const time = new Fields(bytes, tfdt.start, tfdt.end);
      ticks = time.u32() >>> 24 === 1 ? time.u64() : time.u32();
    }
    let at = base;
    for (const box of boxesIn(bytes, traf.start, traf.end)) {
      if (box.type !== 'trun') continue;
      const fields = new Fields(bytes, box.start, box.end);
      const given = fields.u32() & 0xffffff;
      const count = fields.u32();
      if (given & run.dataOffset) at = base + (fields.u32() | 0);
      if (given & run.firstFlags) fields.u32();
      const perSample = given & (run.duration | run.size | run.flags | run.composition);
      if (perSample === 0 && !isWanted(track)) {
        at += count * size;
        dataEnd = at;
        continue;
      }
      for (let index = 0; index < count && (perSample === 0 || fields.left > 0); index++) {
        const lasts = given & run.duration ? fields.u32() : duration;
        const length = given & run.size ? fields.u32() : size;
        if (given & run.flags) fields.u32();
        if (given & run.composition) fields.u32();
        if (isWanted(track)) yield { track, at, size: length, ticks };
        at += length;
        ticks += lasts;
      }
      dataEnd = at;
    }
    if (clocks.has(track) || clocks.size < containerBudget.tracks) clocks.set(track, ticks);
  }
}
