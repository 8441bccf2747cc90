// Where a packet stands on the media timeline (0 = first picture shown), and by which rule that is known.
import { klvBudget } from '../budgets.js';
import { ptsDifference } from '../mpegts/pes.js';
import type { Item } from './item.js';
import type { TimedPacket } from './read.js';

/**
 * `pts`: its own; `video`: that of the video before it in the multiplex; `subtitle`: of a sidecar that counts from the
 * video's beginning; `creation`, `creation end`, `video clock`: of a sidecar that tells the time of day, against the time
 * at which the video says that it was created, at its beginning or at its end, or against that of its own pictures or
 * telemetry; `timestamp`: its item 2 against the first one's.
 */
export type TimeRule =
  'pts' | 'video' | 'subtitle' | 'creation' | 'creation end' | 'video clock' | 'timestamp' | 'none';

export interface MediaTime {
  /** Seconds; null when nothing tells. */
  time: number | null;
  timeRule: TimeRule;
}

/** From MISP time, as item 2 tells it, to UTC, where the telemetry says how (ST 0601 items 136 and 137). */
export class UtcClock {
  private correction = 0;
  /** Seconds; null until item 136 has come. */
  leapSeconds: number | null = null;

  update(items: readonly Item[]): void {
    for (const { tag, value } of items) {
      if (typeof value !== 'number') continue;
      if (tag === 136) this.leapSeconds = value;
      else if (tag === 137) this.correction = value;
    }
  }

  /** Microseconds since 1970: item 2 + item 137 − item 136; null until it is known. */
  from(timestamp: number): number | null {
    return this.leapSeconds === null ? null : timestamp + this.correction - this.leapSeconds * 1e6;
  }
}

const clockRate = 90_000;
/** A packet this little before a piece belongs to it: telemetry may lead its picture. */
const leadSeconds = 1;

/** From here on the source's clock is another one: media time, seconds, and PTS of the first picture, 90 kHz. */
export interface ClockPiece {
  mediaTime: number;
  pts90k: number;
}

/**
 * Gives each packet of a file its time. `pieces` are those of the video's clock, in order; none without video; null when
 * the video is not known, and the first clock of a packet is 0.
 */
export class Timeline {
  private firstStamp: number | null = null;
  private pieces: readonly ClockPiece[];

  constructor(pieces: readonly ClockPiece[] | null) {
    this.pieces = (pieces ?? []).slice(0, klvBudget.clockPieces);
    this.unknown = pieces === null;
  }

  private readonly unknown: boolean;

  /** By the piece whose span holds the PTS; by the first one when none does. */
  private byPts(pts: number): number {
    const times = this.pieces.map((piece, index) => {
      const since = ptsDifference(pts, piece.pts90k) / clockRate;
      const length = (this.pieces[index + 1]?.mediaTime ?? Infinity) - piece.mediaTime;
      return { time: piece.mediaTime + since, holds: since >= -leadSeconds && since < length };
    });
    return (times.find(({ holds }) => holds) ?? times[0])?.time ?? 0;
  }

  timeOf(packet: TimedPacket): MediaTime {
    const { pts, videoPts } = packet;
    const stamp = packet.packet.timestamp;
    if (packet.mediaTime !== undefined) return { time: packet.mediaTime, timeRule: packet.mediaRule ?? 'subtitle' };
    const clock = pts ?? videoPts;
    if (this.unknown && this.pieces.length === 0 && clock !== undefined)
      this.pieces = [{ mediaTime: 0, pts90k: clock }];
    if (this.pieces.length > 0) {
      if (pts !== undefined) return { time: this.byPts(pts), timeRule: 'pts' };
      if (videoPts !== undefined) return { time: this.byPts(videoPts), timeRule: 'video' };
      // Before the first picture there is none to go by: it belongs to the beginning.
      if (packet.pid !== undefined) return { time: 0, timeRule: 'video' };
    }
    if (typeof stamp !== 'number') return { time: null, timeRule: 'none' };
    this.firstStamp ??= stamp;
    return { time: (stamp - this.firstStamp) / 1e6, timeRule: 'timestamp' };
  }
}
