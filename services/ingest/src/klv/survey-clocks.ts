// Whether a stream of telemetry has the video's clock: its PTS are compared with those of the pictures that it was sent between.
//
// What bounds the difference: of data in a transport stream none waits longer than a second in a decoder, but for pictures of
// H.264 and HEVC, which may be sent ten seconds before they are shown (ISO/IEC 13818-1 clauses 2.4.2.6, 2.14.3.1 and 2.17.2).
// So a packet's PTS may be eleven seconds before those of the pictures around it, and one second behind them; recordings of
// real flights have a fifth of a second. A clock is another one where all packets are farther away than that, with a margin, or
// where they are seconds away and not one of them is within the video.
import { ptsDifference } from '../mpegts/pes.js';
import { clockRate, Pieces, type ClockPiece } from './pieces.js';
import type { TimedPacket } from './read.js';

/** Seconds. */
const farthest = { before: 11, behind: 5 };
/** Worth a word; and enough for a clock that never meets the video. */
const seconds = 2;
/** A constant offset varies by no more than multiplexing does. */
const mostJitter = 2;
/** Of so many packets at most the differences are kept. */
const mostSamples = 2_000;

export interface OwnClock {
  /**
   * `moved`: the PTS are moved by the offset; `video`: there is no constant offset, the picture before each packet tells;
   * `pts`: believed, although the pictures around are seconds away.
   */
  rule: 'moved' | 'video' | 'pts';
  /** PTS of the telemetry − PTS of the video, ticks of 90 kHz. */
  offset: number;
  /** How much earlier and how much later than it is shown the telemetry may be, seconds. */
  early: number;
  late: number;
}

interface Sample {
  pts: number;
  /** The least and the greatest offset of its clock that the pictures before and behind it allow, ticks. */
  low: number;
  high: number;
}

const middleOf = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? 0;
/** Without the twentieth at each end: a single packet may have been held up. */
const rangeOf = (sorted: readonly number[]): [number, number] => {
  const cut = Math.floor(sorted.length / 20);
  return [sorted[cut] ?? 0, sorted[sorted.length - 1 - cut] ?? 0];
};
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** Seconds between a packet and the pictures around it: 0 where it may belong between them. */
const distanceOf = ({ low, high }: Sample): number => (low > 0 ? low : high < 0 ? high : 0) / clockRate;
const isImpossible = (distance: number): boolean => distance < -farthest.before || distance > farthest.behind;

/** Of a packet what its clock is seen by: the packet itself may be large. */
type Seen = Pick<TimedPacket, 'videoPts' | 'next'> & { pts: number };

/** The packets of one stream. */
export class ClockSurvey {
  private readonly seen: Seen[] = [];

  /** The picture behind it may come later. */
  add({ pts, videoPts, next }: TimedPacket): void {
    if (pts === undefined || !next || this.seen.length >= mostSamples) return;
    this.seen.push({ pts, next, ...(videoPts === undefined ? {} : { videoPts }) });
  }

  /** Null: it has the video's clock, or nothing tells. `pieces`: as for a timeline. */
  result(pieces: readonly ClockPiece[] | null, duration: number | null): OwnClock | null {
    const samples = this.seen.map(sampleOf).filter((sample) => sample !== null);
    const [first] = samples;
    if (!first) return null;
    const distances = samples.map(distanceOf);
    const apart = Math.abs(middleOf(sorted(distances)));
    if (apart <= seconds) return null;
    const other = distances.every(isImpossible) || (distances.every((one) => Math.abs(one) > seconds) && !meets(samples, pieces, duration)); // prettier-ignore
    return clockOf(samples, other);
  }
}

function sampleOf({ pts, videoPts, next }: Seen): Sample | null {
  if (next?.pts == null) return null;
  const behind = ptsDifference(pts, next.pts);
  const before = videoPts === undefined ? behind : ptsDifference(pts, videoPts);
  // Pictures are not sent in the order in which they are shown.
  return { pts, low: Math.min(before, behind), high: Math.max(before, behind) };
}

/** Whether a single one is within the video. */
function meets(samples: readonly Sample[], pieces: readonly ClockPiece[] | null, duration: number | null): boolean {
  if (pieces) {
    const video = new Pieces(pieces, duration);
    return samples.some(({ pts }) => video.place(pts, null)?.outside === false);
  }
  // The pictures that were seen around the packets.
  const origin = samples[0]?.pts ?? 0;
  const pictures = samples.flatMap(({ pts, low, high }) => [low, high].map((one) => ptsDifference(pts, origin) - one));
  const from = pictures.reduce((least, one) => Math.min(least, one), Infinity);
  const to = pictures.reduce((most, one) => Math.max(most, one), -Infinity);
  return samples.some(({ pts }) => ptsDifference(pts, origin) >= from && ptsDifference(pts, origin) <= to);
}

function clockOf(samples: readonly Sample[], other: boolean): OwnClock {
  const lows = sorted(samples.map(({ low }) => low));
  const highs = sorted(samples.map(({ high }) => high));
  // A multiplexer sends telemetry before the picture of its time, as a rule: the picture behind it tells best.
  const offset = middleOf(lows);
  const [least, most] = rangeOf(lows);
  const [, highest] = rangeOf(highs);
  const early = (highest - offset) / clockRate;
  const late = (offset - least) / clockRate;
  if (!other) return { rule: 'pts', offset, early, late };
  if ((most - least) / clockRate <= mostJitter) return { rule: 'moved', offset, early, late };
  const between = middleOf(sorted(samples.map(({ low, high }) => high - low)));
  return { rule: 'video', offset, early: 0, late: between / clockRate };
}
