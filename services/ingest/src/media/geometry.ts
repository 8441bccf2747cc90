// From what the probe found to what is shown: upright, square pixels, and the ladder that fits it.
import { ladder, native, type Box } from '@sortie/common/ladder';
import type { ProbedStream } from './probe.js';

export interface Orientation {
  /** Clockwise turn that shows the picture upright: 0, 90, 180 or 270. */
  rotation: number;
  /** Mirrored left to right before the turn. */
  mirror: boolean;
}

/**
 * The display matrix maps (x, y) to (a x + c y, b x + d y) (ISO/IEC 14496-12 clause 8.3.2.3). A negative determinant is
 * a mirror; what is left is a turn, taken to the nearest quarter.
 */
export function orientationOf(stream: Pick<ProbedStream, 'displayMatrix' | 'rotation'>): Orientation {
  if (!stream.displayMatrix) return { rotation: quarter(-stream.rotation), mirror: false };
  const [a = 0, b = 0, , c = 0, d = 0] = stream.displayMatrix;
  const mirror = a * d - b * c < 0;
  // Mirroring first turns x into -x, that is, the first row into its negative.
  const [x, y] = mirror ? [-a, -b] : [a, b];
  return { rotation: x === 0 && y === 0 ? 0 : quarter((Math.atan2(y, x) * 180) / Math.PI), mirror };
}

const quarter = (degrees: number): number => (((Math.round(degrees / 90) * 90) % 360) + 360) % 360;

export interface Size {
  width: number;
  height: number;
}

const even = (value: number): number => Math.max(2, 2 * Math.round(value / 2));

function ratio(text: string, separator: string): number | null {
  const [numerator = 0, denominator = 0] = text.split(separator).map(Number);
  const value = numerator / denominator;
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** Size as shown: sample aspect applied by widening or heightening (never losing lines), then the turn. Even numbers. */
export function displaySize(stream: Pick<ProbedStream, 'width' | 'height' | 'sampleAspect'>, rotation: number): Size {
  const aspect = ratio(stream.sampleAspect, ':') ?? 1;
  const sane = aspect >= 1 / 16 && aspect <= 16 ? aspect : 1;
  const width = even(sane >= 1 ? stream.width * sane : stream.width);
  const height = even(sane >= 1 ? stream.height : stream.height / sane);
  return rotation % 180 === 0 ? { width, height } : { width: height, height: width };
}

/** High-speed cameras make 960 frames per second. */
const mostAverage = 1_000;
/** A rate that was not counted but guessed from a clock is believed up to here: a clock of 90 kHz is no frame rate. */
const mostGuessed = 240;

/** Average frames per second as a fraction; a guess when the file does not tell. */
export function frameRateOf(stream: Pick<ProbedStream, 'averageRate' | 'realRate'>): { num: number; den: number } {
  for (const [text, most] of [
    [stream.averageRate, mostAverage],
    [stream.realRate, mostGuessed],
  ] as const) {
    const [num = 0, den = 0] = text.split('/').map(Number);
    const rate = num / den;
    if (Number.isInteger(num) && Number.isInteger(den) && den > 0 && rate >= 0.1 && rate <= most) return { num, den };
  }
  return { num: 25, den: 1 };
}

const fit = (source: Size, box: Size): Size => {
  const scale = Math.min(1, box.width / source.width, box.height / source.height);
  if (scale === 1) return source;
  return {
    width: Math.min(even(source.width * scale), box.width),
    height: Math.min(even(source.height * scale), box.height),
  };
};

/** The smallest box that holds the source whole; the largest when none does. */
export function qualityOf(source: Size): Box {
  const box = ladder.find(({ width, height }) => source.width <= width && source.height <= height) ?? ladder.at(-1);
  if (!box) throw new Error('the ladder is empty');
  return box;
}

export interface Rung extends Size {
  name: string;
}

export interface Ladder {
  rungs: Rung[];
  /** For the owner: what was asked for and is not made as asked. */
  warnings: string[];
}

/**
 * The rungs to make, smallest first: each word's box filled as far as the aspect allows, never above the source, equal
 * ones once. No words means every box that the source fills and the one that holds it.
 */
export function ladderFor(source: Size, words: readonly string[]): Ladder {
  const holds = ladder.indexOf(qualityOf(source));
  const wanted = words.length > 0 ? words : ladder.slice(0, holds + 1).map((box) => box.word);
  const rungs: Rung[] = [];
  const warnings: string[] = [];
  const boxes = wanted.map((word) => ladder.find((box) => box.word === word) ?? { word: native, ...source });
  for (const box of boxes.sort((a, b) => a.width * a.height - b.width * b.height)) {
    const size = fit(source, box);
    if (words.length > 0 && ladder.indexOf(box) > holds) {
      warnings.push(
        `${box.word} was asked for, but the source has only ${source.width}x${source.height}: it is not enlarged.`,
      );
    }
    if (!rungs.some((rung) => rung.width === size.width && rung.height === size.height)) {
      rungs.push({ name: box.word, ...size });
    }
  }
  return { rungs, warnings };
}

/** Average bits per second of a full box at 30 frames per second. */
const bitrates: Record<string, number> = {
  sd: 1_200_000,
  hd: 3_200_000,
  fhd: 5_500_000,
  qhd: 9_000_000,
  uhd: 16_000_000,
};

export interface Rates {
  bitrate: number;
  maxBitrate: number;
  bufferSize: number;
}

/**
 * Rates for a picture: the box's rate, less for fewer pixels (a smaller picture needs more bits a pixel, hence the
 * power), more for more frames. Peak 1.5 times, buffer 2 seconds of the average.
 */
export function ratesFor(size: Size, framesPerSecond: number): Rates {
  const box = qualityOf(size);
  const share = Math.min(1, (size.width * size.height) / (box.width * box.height));
  const motion = Math.max(0.5, Math.min(2, framesPerSecond / 30)) ** 0.5;
  const bitrate = Math.max(100_000, Math.round(((bitrates[box.word] ?? 0) * share ** 0.75 * motion) / 1000) * 1000);
  return { bitrate, maxBitrate: Math.round(bitrate * 1.5), bufferSize: bitrate * 2 };
}
