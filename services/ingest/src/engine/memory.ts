// How much memory a plan takes on the CPU, and what is changed of it where there is less.
import { SortieError } from '@sortie/common/errors';
import type { EnginePlan } from '@sortie/native';

/** Of the video as it is decoded. */
export interface SourceSize {
  width: number;
  height: number;
  bitDepth: number;
}

const mebibyte = 1024 * 1024;
export const inMebibytes = (bytes: number): string => `${Math.ceil(bytes / mebibyte)} MiB`;

/** Frames that the encoders look ahead when the plan does not say: rc-lookahead in native/src/software/encoder.cc. */
export const usualLookahead = 40;
/** libx265 wants more than its B-frames, which are 3; with fewer than this quality goes down visibly. */
const leastLookahead = 10;
/** native/src/software/decoder.cc. */
const mostDecoderThreads = 8;
/** native/src/engine.cc: half as many encoder threads again as there are, shared by pixels. */
const threadsPerThread = 1.5;
const mostEncoderThreads = 32;

// Measured peaks of the process (VmHWM) as a sum of parts: see memory.test.ts.
const processBytes = 112 * mebibyte;
/** A pixel of the source: reference frames, frames on their way to the renditions, poster. */
const sourceBytes = 11;
const decoderThreadBytes = 1.6;
/** Of an encoder: its tables, then for each pixel its own frames, each frame of lookahead, each thread. */
const encoders = {
  h264: { tables: 24 * mebibyte, frames: 25, lookahead: 3.4, thread: 12 },
  hevc: { tables: 128 * mebibyte, frames: 30, lookahead: 4.4, thread: 14 },
};
/** Reference frames by preset (x264 --fullhelp; what is not named has 2 or fewer), and bytes of a pixel of one. */
const references: Readonly<Record<string, number>> = { medium: 3, slow: 5, slower: 8, veryslow: 16, placebo: 16 };
const fewReferences = 2;
const referenceBytes = 4.5;
/** For sound, previews, other codecs of the source, and what the measurements did not show. */
const spare = 1.1;

/** Bytes at the most, for so many threads in all and so many frames of lookahead. */
function bytesFor(plan: EnginePlan, source: SourceSize, threads: number, lookahead: number): number {
  const encoder = encoders[plan.codec];
  const sourceSamples = source.width * source.height * (source.bitDepth > 8 ? 2 : 1);
  const decoderThreads = Math.min(threads, mostDecoderThreads);
  const pixels = plan.rungs.map(({ width, height }) => width * height);
  const all = pixels.reduce((sum, one) => sum + one, 0);
  const moreReferences = (references[plan.preset] ?? fewReferences) - fewReferences;
  const ownFrames = encoder.frames + referenceBytes * moreReferences + encoder.lookahead * lookahead;
  const rungs = pixels.reduce((sum, one) => {
    const share = Math.ceil((threadsPerThread * threads * one) / Math.max(1, all));
    const encoderThreads = Math.min(mostEncoderThreads, Math.max(1, share));
    const samples = one * (plan.bitDepth > 8 ? 2 : 1);
    return sum + encoder.tables + samples * (ownFrames + encoder.thread * encoderThreads);
  }, 0);
  return spare * (processBytes + sourceSamples * (sourceBytes + decoderThreadBytes * decoderThreads) + rungs);
}

/** `cores`: threads where the plan leaves their number open. */
export const memoryOf = (plan: EnginePlan, source: SourceSize, cores: number): number =>
  Math.round(bytesFor(plan, source, plan.threads || cores, plan.lookahead ?? usualLookahead));

export interface Fitted {
  plan: EnginePlan;
  /** Bytes that it takes. */
  bytes: number;
  /** Whether it is another plan than before. */
  reduced: boolean;
}

/**
 * The plan that takes no more than `room` bytes: with fewer threads, which costs time, then with a shorter lookahead, which
 * costs quality. Throws LIMIT_EXCEEDED when that is not enough.
 */
export function fitMemory(plan: EnginePlan, source: SourceSize, cores: number, room: number): Fitted {
  const bytes = memoryOf(plan, source, cores);
  if (bytes <= room) return { plan, bytes, reduced: false };
  let least = plan;
  for (let threads = Math.floor((plan.threads || cores) / 2); threads >= 1; threads = Math.floor(threads / 2)) {
    least = { ...plan, threads };
    if (memoryOf(least, source, cores) <= room) return { plan: least, bytes: memoryOf(least, source, cores), reduced: true };
  } // prettier-ignore
  for (let lookahead = usualLookahead / 2; lookahead >= leastLookahead; lookahead = Math.floor(lookahead / 2)) {
    least = { ...plan, threads: 1, lookahead };
    if (memoryOf(least, source, cores) <= room) return { plan: least, bytes: memoryOf(least, source, cores), reduced: true };
  } // prettier-ignore
  throw new SortieError(
    'LIMIT_EXCEEDED',
    `These renditions of a video of ${source.width}x${source.height} need about ${inMebibytes(memoryOf(least, source, cores))} of memory, and a job of this worker has ${inMebibytes(room)}; ask for smaller resolutions, or use a worker with more memory.`,
  );
}

/** Reference frames of a decoder (H.264 has 16 at the most; these renditions have 4), of samples of two bytes. */
const verifyFrames = 8;
const verifyPixelBytes = 3;

/** What one thread of the verification takes: it decodes one segment at a time. */
export const verifyThreadBytes = (rungs: readonly { width: number; height: number }[]): number =>
  verifyFrames * verifyPixelBytes * Math.max(0, ...rungs.map(({ width, height }) => width * height));

/** As many of `threads` as there is room for; one at least. */
export const verifyThreads = (
  rungs: readonly { width: number; height: number }[],
  threads: number,
  room: number,
): number => Math.max(1, Math.min(threads, Math.floor((room - processBytes) / Math.max(1, verifyThreadBytes(rungs)))));

/** What a worker's own process takes beside its jobs, bytes. */
const workerBytes = 192 * mebibyte;

/** What one of `jobs` that run at once may take of the process' limit. */
export const jobMemory = (limit: number, jobs: number): number =>
  Math.max(0, (limit - workerBytes) / Math.max(1, jobs));
