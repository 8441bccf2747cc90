// Limits of the engine's processes: far above what honest work takes, so that only what has gone wrong meets them.
import type { EnginePlan, EngineResult } from '@sortie/native';
import type { Limits } from '../confined/run.js';
import { verifyThreadBytes } from './memory.js';

/** What is known of the work before it is done. */
export interface Expected {
  /** Length of the video, seconds; null when the file does not tell. */
  seconds: number | null;
  sourceBytes: number;
  /** Pixels of a decoded frame. */
  sourcePixels: number;
  /** By engine/memory.ts. */
  memoryBytes: number;
}

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** For the start, and for what does not depend on the length. */
const leastCpuSeconds = 600;
/** Ten times what libx264's preset "fast" was measured to take: machines are slow, and shared. */
const cpuSecondsPerPixel = 3e-7;
/** How much longer other presets and libx265 take, about. */
const presetFactors: Readonly<Record<string, number>> = { medium: 1.5, slow: 2, slower: 4, veryslow: 8, placebo: 20 };
const hevcFactor = 5;
/** A length that is told may be wrong, and a frame rate as well. */
const framesPerToldFrame = 2;
/** A frame of fewer bytes than this on average shows nothing. */
const leastFrameBytes = 1000;

/** A joined recording may tell the length of its last part only: its bytes count, too. */
function mostFrames(plan: EnginePlan, { seconds, sourceBytes }: Expected): number {
  const told = (seconds ?? 0) * (plan.frameRateNum / plan.frameRateDen) * framesPerToldFrame;
  return seconds === null ? plan.maxFrames : Math.min(plan.maxFrames, Math.max(told, sourceBytes / leastFrameBytes));
}

const pixelsOf = (rungs: readonly { width: number; height: number }[]): number =>
  rungs.reduce((sum, { width, height }) => sum + width * height, 0);

/** Of a segment, with what a variable frame rate may add. */
const segmentReserve = 8;
const leastFileSize = 256 * mebibyte;
/** Twice the estimate: that is of memory in use, the limit of memory that was asked for. */
const dataPerByte = 2;
const dataReserve = gibibyte;
const openFiles = 256;

/** With a GPU the driver's own mappings count as data, so that has no limit there. */
export function runLimits(plan: EnginePlan, expected: Expected): Limits {
  const pixels = pixelsOf(plan.rungs) + expected.sourcePixels;
  const factor = (presetFactors[plan.preset] ?? 1) * (plan.codec === 'hevc' ? hevcFactor : 1);
  const highestRate = Math.max(0, ...plan.rungs.map(({ maxBitrate }) => maxBitrate));
  const segmentBytes = (highestRate / 8) * plan.segmentSeconds;
  return {
    addressSpace: null,
    data: plan.device === null ? dataPerByte * expected.memoryBytes + dataReserve : null,
    cpuSeconds: leastCpuSeconds + mostFrames(plan, expected) * pixels * cpuSecondsPerPixel * factor,
    fileSize: Math.max(leastFileSize, segmentReserve * segmentBytes),
    openFiles: plan.device === null ? openFiles : null,
  };
}

export const verifyLimits = (
  { rungs, framesEncoded }: Pick<EngineResult, 'rungs' | 'framesEncoded'>,
  threads: number,
): Limits => ({
  addressSpace: null,
  data: dataPerByte * threads * verifyThreadBytes(rungs) + dataReserve,
  cpuSeconds: leastCpuSeconds + framesEncoded * pixelsOf(rungs) * cpuSecondsPerPixel,
  fileSize: 0,
  openFiles,
});

/** The trial of the GPUs. */
export const preflightLimits: Limits = {
  addressSpace: null,
  data: null,
  cpuSeconds: leastCpuSeconds,
  fileSize: leastFileSize,
  openFiles: null,
};
