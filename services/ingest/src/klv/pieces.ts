// The video's clock as the media engine tells it: in pieces, for the clock of a source may jump.
import { klvBudget } from '../budgets.js';
import { ptsDifference } from '../mpegts/pes.js';

/** From here on the source's clock is another one: media time, seconds, and PTS of the first picture, 90 kHz. */
export interface ClockPiece {
  mediaTime: number;
  pts90k: number;
}

/** Where a PTS stands. */
export interface Place {
  /** Seconds. */
  time: number;
  piece: number;
  /** Before the video begins, or after it has ended. */
  outside: boolean;
}

/** The last PTS of a stream, and the piece that it was found in. */
export interface Trail {
  piece: number;
  pts: number;
}

export const clockRate = 90_000;
/** A packet this little before a piece belongs to it: telemetry may lead its picture. */
const leadSeconds = 1;

export class Pieces {
  private readonly pieces: readonly ClockPiece[];

  /** `duration`: of the video, seconds; null when it is not known. */
  constructor(
    pieces: readonly ClockPiece[],
    readonly duration: number | null,
  ) {
    this.pieces = pieces.slice(0, klvBudget.clockPieces);
  }

  get empty(): boolean {
    return this.pieces.length === 0;
  }

  /**
   * Null: it stands between two pieces, in a time that the video leaves out. Pieces may hold the same PTS, where a clock began
   * anew: a stream goes on in the piece that it was in, and in a later one when its clock has stepped back.
   */
  place(pts: number, trail: Trail | null): Place | null {
    const { length } = this.pieces;
    const steppedBack = trail !== null && ptsDifference(pts, trail.pts) < -leadSeconds * clockRate;
    const first = trail === null ? 0 : trail.piece + Number(steppedBack);
    for (let count = 0; count < length; count++) {
      const index = (first + count) % length;
      const since = this.since(index, pts);
      if (since < -leadSeconds || since >= this.lengthOf(index)) continue;
      // What comes just before the first picture of a later piece holds with it, and not before it.
      const time = this.mediaTimeOf(index) + (index > 0 ? Math.max(0, since) : since);
      return { time, piece: index, outside: time < 0 };
    }
    return this.outside(pts);
  }

  /** Before the first picture or after the last one, whichever edge is the nearest of all; else in what is left out. */
  private outside(pts: number): Place | null {
    const last = this.pieces.length - 1;
    let nearest = { index: 0, since: 0, distance: Infinity };
    for (let index = 0; index <= last; index++) {
      const since = this.since(index, pts);
      const distance = since < 0 ? -since : since - this.lengthOf(index);
      if (distance < nearest.distance) nearest = { index, since, distance };
    }
    const { index, since } = nearest;
    if (since < 0 ? index > 0 : index < last) return null;
    return { time: this.mediaTimeOf(index) + since, piece: index, outside: true };
  }

  private mediaTimeOf(index: number): number {
    return this.pieces[index]?.mediaTime ?? 0;
  }

  /** From the first picture of the piece on, seconds. */
  private since(index: number, pts: number): number {
    return ptsDifference(pts, this.pieces[index]?.pts90k ?? 0) / clockRate;
  }

  private lengthOf(index: number): number {
    const end = this.pieces[index + 1]?.mediaTime ?? this.duration ?? Infinity;
    return end - this.mediaTimeOf(index);
  }
}
