// The parent's side of the media engine: a child process without network that sees the input and its own directory only,
// so that a hostile file or a crash costs one attempt and nothing else.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SortieError, type ErrorCode } from '@sortie/common/errors';
import {
  confinePath,
  type EngineFailure,
  type EnginePlan,
  type EngineProgress,
  type EngineResult,
  type Preflight,
  type VerifiedSegment,
  type VerifyPlan,
} from '@sortie/native';
import type { EngineSettings } from '../gpu/settings.js';

/** What the child is asked to do. */
export type Order =
  | { kind: 'run'; plan: EnginePlan }
  | { kind: 'verify'; plans: VerifyPlan[] }
  | { kind: 'preflight' }
  | { kind: 'cancel' };

/** What the child tells. */
export type Report =
  | { kind: 'progress'; progress: EngineProgress }
  | { kind: 'done'; result: EngineResult | VerifiedSegment[][] | Preflight }
  | { kind: 'failed'; code: string; message: string };

const here = dirname(fileURLToPath(import.meta.url));
const packageDirectory = dirname(dirname(here));
const nativeDirectory = dirname(dirname(dirname(confinePath)));
/** Nothing heard for so long means that it hangs: a decoder in a loop, or a disk that does not answer. */
const stallMs = 120_000;
const cancelGraceMs = 1_000;
/** After its answer a child has nothing left to do; a driver that does not let go is not waited for. */
const endGraceMs = 10_000;
const stderrLines = 40;

/** The engine's failures as errors of Sortie's list. */
const codes: Record<EngineFailure['code'], ErrorCode> = {
  OPEN_FAILED: 'DAMAGED_VIDEO',
  NO_STREAM: 'NO_VIDEO_STREAM',
  UNSUPPORTED_CODEC: 'UNSUPPORTED_CODEC',
  DECODE_FAILED: 'DAMAGED_VIDEO',
  TOO_LARGE: 'LIMIT_EXCEEDED',
  ENCODE_FAILED: 'ENGINE_CRASHED',
  WRITE_FAILED: 'DISK_FULL',
  CANCELLED: 'CANCELLED',
  GPU_FAILED: 'GPU_FAILED',
  INTERNAL: 'ENGINE_CRASHED',
};

const codeOf = (code: string): ErrorCode =>
  Object.hasOwn(codes, code) ? codes[code as EngineFailure['code']] : 'ENGINE_CRASHED';

/** Access to the GPU for a child, as the operator set it up. */
export type GpuAccess = Pick<EngineSettings, 'libraryPath' | 'visibleDevices'>;

interface ChildSettings {
  /** Files that the child may read besides its own code. */
  read: readonly string[];
  /** The only directory that it may write to. */
  outputDir: string;
  /** Null keeps the GPU's devices out of its sight. */
  gpu: GpuAccess | null;
  stallMs: number;
  signal: AbortSignal;
  onProgress: (progress: EngineProgress) => void;
  /** Lines of the child's stderr: what drivers and sanitizers have to say. */
  onLine: (line: string) => void;
}

/** Runs one order in a child of its own. Aborting the signal ends the child within a second. */
function inChild<Result>(order: Order, settings: ChildSettings): Promise<Result> {
  const { read, outputDir, gpu, signal, onProgress } = settings;
  const libraries = (gpu?.libraryPath ?? '').split(':').filter((path) => path !== '' && existsSync(path));
  const child = spawn(
    confinePath,
    [
      ...[...read, ...libraries, here, join(packageDirectory, 'package.json'), nativeDirectory, process.execPath].flatMap((path) => ['--read', path]),
      ...(gpu ? ['--gpu'] : []),
      '--write', outputDir, '--',
      process.execPath, join(here, 'child.js'),
    ], // prettier-ignore
    {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      cwd: outputDir,
      env: {
        PATH: process.env['PATH'],
        ...(gpu && {
          ...(gpu.libraryPath !== '' && { LD_LIBRARY_PATH: gpu.libraryPath }),
          ...(gpu.visibleDevices !== '' && { CUDA_VISIBLE_DEVICES: gpu.visibleDevices }),
          // The same numbers in every process, and no cache of compiled kernels that one child could prepare for the next.
          CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
          CUDA_CACHE_DISABLE: '1',
        }),
      },
    },
  );
  return new Promise<Result>((resolve, reject) => {
    const said: string[] = [];
    const note = (line: string): void => {
      said.push(line);
      if (said.length > stderrLines) said.shift();
    };
    let answer: Report | null = null;
    let stalled = false;
    let stall: NodeJS.Timeout | undefined;
    let force: NodeJS.Timeout | undefined;

    const heard = (): void => {
      clearTimeout(stall);
      stall = setTimeout(() => {
        stalled = true;
        child.kill('SIGKILL');
      }, settings.stallMs);
    };
    const cancel = (): void => {
      if (child.connected) child.send({ kind: 'cancel' } satisfies Order, () => undefined);
      clearTimeout(force);
      force = setTimeout(() => child.kill('SIGKILL'), cancelGraceMs);
    };

    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        note(line);
        settings.onLine(line);
      });
    }
    child.on('message', (message) => {
      const report = message as Report;
      heard();
      if (report.kind === 'progress') onProgress(report.progress);
      else {
        answer = report;
        force ??= setTimeout(() => child.kill('SIGKILL'), endGraceMs);
      }
    });
    child.on('error', (cause) => {
      note(cause.message);
    });
    child.on('close', (code, killedBy) => {
      clearTimeout(stall);
      clearTimeout(force);
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason as Error);
      else if (answer?.kind === 'done') resolve(answer.result as Result);
      else if (answer?.kind === 'failed') reject(new SortieError(codeOf(answer.code), answer.message));
      else if (stalled) {
        reject(
          new SortieError('ENGINE_STALLED', `The media engine made no progress for ${settings.stallMs / 1000} s.`),
        );
      } else {
        const how = killedBy ?? `exit code ${String(code)}`;
        reject(
          new SortieError('ENGINE_CRASHED', `The media engine ended unexpectedly (${how}).`, {
            cause: new Error(said.join('\n')),
          }),
        );
      }
    });
    signal.addEventListener('abort', cancel);
    heard();
    child.send(order, (error) => {
      if (error) note(error.message);
    });
    if (signal.aborted) cancel();
  });
}

/** The GPU's own access and patience, when the plan names a device. */
export interface RunEngine {
  gpu: (GpuAccess & { stallMs: number }) | null;
  signal: AbortSignal;
  onProgress: (progress: EngineProgress) => void;
  onLine: (line: string) => void;
}

export const runEngine = (plan: EnginePlan, { gpu, signal, onProgress, onLine }: RunEngine): Promise<EngineResult> =>
  inChild(
    { kind: 'run', plan },
    {
      read: [plan.input],
      outputDir: plan.outputDir,
      gpu,
      stallMs: gpu?.stallMs ?? stallMs,
      signal,
      onProgress,
      onLine,
    },
  );

const silent = (): void => undefined;

/** Looks at finished segments, rendition by rendition. */
export const verifySegments = (
  plans: VerifyPlan[],
  outputDir: string,
  signal: AbortSignal,
): Promise<VerifiedSegment[][]> =>
  inChild(
    { kind: 'verify', plans },
    { read: [], outputDir, gpu: null, stallMs, signal, onProgress: silent, onLine: silent },
  );

/** Tries every GPU in a child: a driver that crashes or hangs costs nothing but the answer. */
export const tryGpus = (outputDir: string, gpu: GpuAccess, onLine: (line: string) => void): Promise<Preflight> =>
  inChild(
    { kind: 'preflight' },
    { read: [], outputDir, gpu, stallMs, signal: new AbortController().signal, onProgress: silent, onLine },
  );
