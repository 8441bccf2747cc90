// A first look at the packets, before the first of them is placed and believed: what their clocks and their checksums are worth
// shows only in many of them.
import type { ClockPiece } from './pieces.js';
import type { TimedPacket } from './read.js';
import { ClockSurvey, type OwnClock } from './survey-clocks.js';
import { SumSurvey } from './survey-sums.js';

/** So many packets at most, and so many bytes of a file, are looked at. */
const mostPackets = 10_000;
export const surveyBytes = 64 * 1024 * 1024;

export interface Findings {
  /** Streams of a transport stream that have clocks of their own, by PID. */
  clocks: ReadonlyMap<number, OwnClock>;
  /** Speakers whose checksums are wrong by design. */
  ownSums: ReadonlySet<string>;
}

export const nothingFound: Findings = { clocks: new Map(), ownSums: new Set() };

/** `pieces` and `duration`: as for a timeline. */
export async function survey(
  packets: AsyncIterable<TimedPacket>,
  pieces: readonly ClockPiece[] | null,
  duration: number | null,
): Promise<Findings> {
  const clocks = new Map<number, ClockSurvey>();
  const sums = new SumSurvey();
  let count = 0;
  for await (const packet of packets) {
    sums.add(packet);
    const { pid } = packet;
    if (pid !== undefined) {
      let clock = clocks.get(pid);
      if (!clock) clocks.set(pid, (clock = new ClockSurvey()));
      clock.add(packet);
    }
    if (++count >= mostPackets) break;
  }
  const own = new Map<number, OwnClock>();
  for (const [pid, clock] of clocks) {
    const found = clock.result(pieces, duration);
    if (found) own.set(pid, found);
  }
  return { clocks: own, ownSums: sums.result };
}
