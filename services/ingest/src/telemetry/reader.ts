// The parent's side of the telemetry reader: a child process without network that sees the video, its sidecars and the
// job's directory only, with limits, so that no file can hold up, fill or take over a worker.
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SortieError, type ErrorCode } from '@sortie/common/errors';
import { telemetryBudget } from '../budgets.js';
import { carryOut } from '../confined/order.js';
import type { Limits } from '../confined/run.js';
import { libraries } from './libraries.js';
import {
  readExtractResult,
  readProbeResult,
  type ExtractOrder,
  type ExtractResult,
  type Order,
  type ProbeOrder,
  type ProbeResult,
} from './order.js';

const readerScript = join(dirname(fileURLToPath(import.meta.url)), 'child.js');
const mebibyte = 1024 * 1024;

/** The readers hold some megabytes; movie boxes, and what is known of very many packets, may be larger. */
const heapMebibytes = 1024;
const dataBytes = 3 * 1024 * mebibyte;
const openFiles = 128;
/** Far slower than any reader is: bytes of a video, and of telemetry alone, in a second. */
const videoBytesPerSecond = 4 * mebibyte;
const sidecarBytesPerSecond = mebibyte / 4;
const leastCpuSeconds = 300;
const stallMs = 120_000;
/** Its answers are short. */
const answerBytes = 1024 * 1024;

/** What a reader may say of its input; all else is its own fault. */
const knownCodes: readonly string[] = [
  'SIDECAR_INVALID',
  'LIMIT_EXCEEDED',
  'DISK_FULL',
  'STORAGE_FAILED',
  'INTERNAL',
] satisfies ErrorCode[];

export interface ReaderParts {
  /** The job's directory. */
  directory: string;
  signal: AbortSignal;
  onLine: (line: string) => void;
  /** Another program than the reader's own, for tests of what becomes of a reader in foreign hands. */
  script?: string | undefined;
}

async function sizesOf(order: Order): Promise<{ video: number; sidecars: number }> {
  const sizeOf = async (path: string): Promise<number> => (await stat(path)).size;
  const sidecars = await Promise.all(order.sidecars.map(({ path }) => sizeOf(path)));
  return {
    video: order.video ? await sizeOf(order.video.path) : 0,
    sidecars: sidecars.reduce((sum, size) => sum + size, 0),
  };
}

function limitsOf(order: Order, sizes: { video: number; sidecars: number }): Limits {
  const { video, sidecars } = sizes;
  // A segment is written anew with its events before it.
  const fileSize = order.kind === 'probe' ? 0 : order.largestSegment + telemetryBudget.files(video + sidecars, video);
  return {
    addressSpace: null,
    data: dataBytes,
    cpuSeconds: leastCpuSeconds + video / videoBytesPerSecond + sidecars / sidecarBytesPerSecond,
    fileSize,
    openFiles,
  };
}

async function read(order: Order, { directory, signal, onLine, script = readerScript }: ReaderParts): Promise<unknown> {
  const sizes = await sizesOf(order);
  const answer = await carryOut(order, {
    name: 'The telemetry reader',
    script,
    read: [...(order.video ? [order.video.path] : []), ...order.sidecars.map(({ path }) => path)],
    libraries,
    // Who only looks has nothing to write.
    outputDir: order.kind === 'probe' ? null : directory,
    gpu: false,
    limits: limitsOf(order, sizes),
    nodeOptions: [`--max-old-space-size=${heapMebibytes}`],
    env: {},
    stallMs: () => stallMs,
    answerBytes,
    memoryAdvice: 'Publish the telemetry in smaller parts.',
    signal,
    onProgress: () => undefined,
    onLine,
  });
  if (answer.kind === 'done') return answer.result;
  const code = knownCodes.includes(answer.code) ? (answer.code as ErrorCode) : 'INTERNAL';
  throw new SortieError(code, answer.message);
}

/** Throws SIDECAR_INVALID with the file, the place and what to do. */
export const probeTelemetry = async (order: ProbeOrder, parts: ReaderParts): Promise<ProbeResult> =>
  readProbeResult(await read(order, parts), order.sidecars.length);

export const extractTelemetry = async (order: ExtractOrder, parts: ReaderParts): Promise<ExtractResult> =>
  readExtractResult(await read(order, parts));
