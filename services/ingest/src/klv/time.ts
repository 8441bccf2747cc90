// Where a packet stands on the media timeline (0 = first picture shown), and by which rule that is known.
import { ptsDifference } from '../mpegts/pes.js';
import type { TimedPacket } from './read.js';

/** `pts`: its own; `video`: that of the video before it in the multiplex; `timestamp`: its item 2 against the first one's. */
export type TimeRule = 'pts' | 'video' | 'timestamp' | 'none';

export interface MediaTime {
  /** Seconds; null when nothing tells. */
  time: number | null;
  timeRule: TimeRule;
}

const clockRate = 90_000;

/** Gives each packet of a file its time. `originPts` is the PTS of the first picture shown, 90 kHz; null without video. */
export class Timeline {
  private firstStamp: number | null = null;

  constructor(private readonly originPts: number | null) {}

  timeOf(packet: TimedPacket): MediaTime {
    const { pts, videoPts, timestamp_us: stamp } = packet;
    if (this.originPts !== null) {
      if (pts !== undefined) return { time: ptsDifference(pts, this.originPts) / clockRate, timeRule: 'pts' };
      if (videoPts !== undefined)
        return { time: ptsDifference(videoPts, this.originPts) / clockRate, timeRule: 'video' };
      // Before the first picture there is none to go by: it belongs to the beginning.
      if (packet.pid !== undefined) return { time: 0, timeRule: 'video' };
    }
    if (typeof stamp !== 'number') return { time: null, timeRule: 'none' };
    this.firstStamp ??= stamp;
    return { time: (stamp - this.firstStamp) / 1e6, timeRule: 'timestamp' };
  }
}
