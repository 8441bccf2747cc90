// Who speaks where only one can: cues and table show one aircraft at a time. The first to be heard does, and another one when
// that is silent for long.
import { sourceKey, speakerOf, type TimedPacket } from './read.js';

/** Seconds. */
const longestSilence = 10;
const listedChanges = 20;

/** From `time` on (seconds) the packets of another stream are shown. */
export interface Change {
  time: number;
  from: TimedPacket;
  to: TimedPacket;
}

export class Leader {
  /** The first ones. Only those to another stream: sets of two kinds on one PID are of one sender. */
  readonly changes: Change[] = [];
  count = 0;
  private last: { speaker: string; packet: TimedPacket; time: number } | null = null;

  /** Whether this packet speaks for its moment. */
  speaks(packet: TimedPacket, time: number): boolean {
    const speaker = speakerOf(packet);
    const { last } = this;
    if (last && last.speaker !== speaker) {
      if (time - last.time <= longestSilence) return false;
      if (sourceKey(last.packet) !== sourceKey(packet)) this.change({ time, from: last.packet, to: packet });
    }
    this.last = { speaker, packet, time };
    return true;
  }

  private change(change: Change): void {
    this.count++;
    if (this.changes.length < listedChanges) this.changes.push(change);
  }
}
