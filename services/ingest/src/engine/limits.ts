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
/** 30 times what libx264's preset "fast" was measured to take: there are slower presets, codecs and machines. */
const cpuSecondsPerPixel = 1e-6;
/** A length that is told may be wrong: a joined recording tells that of its last part. */
const framesPerToldFrame = 4;
/** A frame of fewer bytes than this on average shows nothing. */
const leastFrameBytes = 1000;

/** So many frames at the most are believed. */
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
  const highestRate = Math.max(0, ...plan.rungs.map(({ maxBitrate }) => maxBitrate));
  const segmentBytes = (highestRate / 8) * plan.segmentSeconds;
  return {
    addressSpace: null,
    data: plan.device === null ? dataPerByte * expected.memoryBytes + dataReserve : null,
    cpuSeconds: leastCpuSeconds + mostFrames(plan, expected) * pixels * cpuSecondsPerPixel,
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
