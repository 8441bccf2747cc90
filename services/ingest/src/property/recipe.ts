// Sources to be made up: what a recorder, a multiplexer and a pilot's tablet may do to the times of one flight. All counts in
// source seconds, which the picture, the sound and the telemetry of the source carry, each in its own way.
import fc from 'fast-check';

/** Pictures a second of the source, before some of them are left out. */
export const rate = 25;
/** Where the first time stamps are one step before they begin anew (33 bits of 90 kHz; ISO/IEC 13818-1 clause 2.4.3.6). */
export const wrapSeconds = 2 ** 33 / 90_000;

export type Silence = 'video' | 'audio' | 'klv';

export interface Gap {
  /** Source seconds. */
  from: number;
  to: number;
  silent: readonly Silence[];
}

/** What was recorded in one go. */
export interface Piece {
  from: number;
  to: number;
  gaps: readonly Gap[];
  /** How far the recorder's clock is ahead of where the piece before it ended, seconds; negative: it went back. */
  jump: number;
}

export interface Recipe {
  container: 'ts' | 'mp4' | 'mkv';
  /** An MP4 in fragments, as recorders write it that may lose their power. */
  fragmented: boolean;
  pieces: readonly Piece[];
  /** Time stamp of the beginning, seconds. */
  start: number;
  bFrames: number;
  /** Of a hundred pictures so many are left out. */
  sparse: number;
  audio: boolean;
  /** Packets a second in the source; null for none. */
  klv: number | null;
  /** Another program in the same stream, with another picture, pitch and position. */
  other: { first: boolean; ahead: number; clock: number } | null;
  /** A track beside the video, which tells its creation time. */
  sidecar: { kind: 'csv' | 'gpx'; rate: number; phase: number; before: number; after: number } | null;
}

const hundredths = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.round(min * 100), max: Math.round(max * 100) }).map((value) => value / 100);

const silences: readonly (readonly Silence[])[] = [
  ['video', 'audio', 'klv'],
  ['video', 'audio', 'klv'],
  ['video'],
  ['audio'],
  ['klv'],
  ['video', 'audio'],
];

interface Shape {
  gap: { at: number; length: number; silent: readonly Silence[] } | null;
  before: number;
  after: number;
  jump: number;
  skip: number;
}

const gapOf = (): fc.Arbitrary<Shape['gap']> =>
  fc.option(
    fc.record({
      at: hundredths(0, 1),
      length: fc.oneof(hundredths(0.3, 3), hundredths(9, 18)),
      silent: fc.constantFrom(...silences),
    }),
    { freq: 3 },
  );

const shape: fc.Arbitrary<Shape> = fc.record({
  gap: gapOf(),
  before: hundredths(2.5, 6),
  after: hundredths(2.5, 6),
  jump: fc.oneof(hundredths(0.5, 9), hundredths(30, 3000), hundredths(-3000, -30), fc.constant(0)),
  skip: hundredths(2, 10),
});

/** On a step of the pictures, and the edges of gaps between two of them. */
const onGrid = (seconds: number): number => Math.round(seconds * rate) / rate;

function piecesOf(from: number, shapes: readonly Shape[]): Piece[] {
  const pieces: Piece[] = [];
  let at = from;
  for (const { gap, before, after, jump, skip } of shapes) {
    const start = pieces.length === 0 ? at : onGrid(at + skip);
    const gapFrom = onGrid(start + before) - 0.5 / rate;
    const gapTo = gap ? gapFrom + onGrid(gap.length) : gapFrom;
    const to = onGrid(gapTo + after);
    pieces.push({ from: start, to, jump, gaps: gap ? [{ from: gapFrom, to: gapTo, silent: gap.silent }] : [] });
    at = to;
  }
  return pieces;
}

const begin = fc.integer({ min: 0, max: 30 });
const bFrames = fc.constantFrom(0, 2, 3);
const sparse = fc.constantFrom(0, 0, 30, 60);

/** One recording, or several with other clocks, put end to end. */
export const transport = (pieces: number): fc.Arbitrary<Recipe> =>
  fc
    .record({
      begin,
      shapes: fc.array(shape, { minLength: pieces, maxLength: pieces }),
      start: fc.oneof(
        fc.constant(0),
        hundredths(60, 600),
        fc.constant(36_000),
        hundredths(0, 20).map((before) => wrapSeconds - 1.4 - before),
      ),
      bFrames,
      sparse,
      audio: fc.constantFrom(true, true, true, false),
      klv: fc.constantFrom(2, 5, 10, null),
      other: fc.constant(null),
    })
    .map(({ begin, shapes, ...more }) => ({
      ...more,
      container: 'ts',
      fragmented: false,
      pieces: piecesOf(begin, shapes),
      sidecar: null,
    }));

/** Two programs; the other one is 50 source seconds ahead. */
export const programs: fc.Arbitrary<Recipe> = fc
  .tuple(transport(1), fc.boolean(), fc.constantFrom(0, 0, 7, -400, 5000))
  .map(([recipe, first, clock]) => ({ ...recipe, other: { first, ahead: 50, clock } }));

/** A file with exact times, and a track of the flight beside it. */
export const file = (container: 'mp4' | 'mkv'): fc.Arbitrary<Recipe> =>
  fc
    .record({
      begin,
      shape,
      start: fc.constantFrom(0, 0, 75.5, 36_000),
      fragmented: container === 'mp4' ? fc.boolean() : fc.constant(false),
      bFrames,
      sparse,
      audio: fc.constantFrom(true, true, true, false),
      sidecar: fc.record({
        kind: fc.constantFrom('csv', 'gpx'),
        rate: fc.constantFrom(1, 2, 5),
        phase: hundredths(0, 0.99),
        before: fc.integer({ min: 0, max: 30 }),
        after: fc.integer({ min: 0, max: 30 }),
      }),
    })
    .map(({ begin, shape, ...more }) => ({
      ...more,
      container,
      pieces: piecesOf(begin, [shape]),
      klv: null,
      other: null,
    }));
