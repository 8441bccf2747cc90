// The parent's side of the media engine: a child process without network that sees the input and its own directory only,
// so that a hostile file or a crash costs one attempt and nothing else.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SortieError, type ErrorCode } from '@sortie/common/errors';
import type {
  EngineFailure,
  EnginePlan,
  EngineProgress,
  EngineResult,
  Preflight,
  VerifiedSegment,
  VerifyPlan,
} from '@sortie/native';
import { carryOut } from '../confined/order.js';
import { inspectOutput } from '../confined/output.js';
import type { Limits } from '../confined/run.js';
import type { EngineSettings } from '../gpu/settings.js';
import { readEngineResult, readPreflight, readProgress, readVerified } from './answer.js';
import { engineFiles } from './layout.js';
import { preflightLimits, runLimits, type Expected } from './limits.js';
import { inMebibytes } from './memory.js';

/** What the child is asked to do. */
export type Order = { kind: 'run'; plan: EnginePlan } | { kind: 'verify'; plans: VerifyPlan[] } | { kind: 'preflight' };

/** The program of the child. */
export const engineScript = join(dirname(fileURLToPath(import.meta.url)), 'child.js');
const engineName = 'The media engine';
/** Nothing heard for so long means that it hangs: a decoder in a loop, or a disk that does not answer. */
const stallMs = 120_000;
/** Of a day of video in five renditions with sound, and as much again. */
const answerBytes = 64 * 1024 * 1024;

/** The engine's failures as errors of Sortie's list. */
const codes: Record<EngineFailure['code'], ErrorCode> = {
  OPEN_FAILED: 'DAMAGED_VIDEO',
  NO_STREAM: 'NO_VIDEO_STREAM',
  UNSUPPORTED_CODEC: 'UNSUPPORTED_CODEC',
  ENCRYPTED: 'ENCRYPTED_VIDEO',
  DECODE_FAILED: 'DAMAGED_VIDEO',
  TOO_LARGE: 'LIMIT_EXCEEDED',
  ENCODE_FAILED: 'ENGINE_CRASHED',
  WRITE_FAILED: 'STORAGE_FAILED',
  DISK_FULL: 'DISK_FULL',
  OUTPUT_LIMIT: 'LIMIT_EXCEEDED',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  CANCELLED: 'CANCELLED',
  GPU_FAILED: 'GPU_FAILED',
  INTERNAL: 'ENGINE_CRASHED',
};

const codeOf = (code: string): ErrorCode =>
  Object.hasOwn(codes, code) ? codes[code as EngineFailure['code']] : 'ENGINE_CRASHED';

/** Access to the GPU for a child, as the operator set it up. */
export type GpuAccess = Pick<EngineSettings, 'libraryPath' | 'visibleDevices'>;

/** What a program needs in its environment to find the GPUs. */
export const gpuEnvironment = ({ libraryPath, visibleDevices }: GpuAccess): Record<string, string> => ({
  ...(libraryPath !== '' && { LD_LIBRARY_PATH: libraryPath }),
  ...(visibleDevices !== '' && { CUDA_VISIBLE_DEVICES: visibleDevices }),
  // The same numbers in every process, and no cache of compiled kernels that one child could prepare for the next.
  CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
  CUDA_CACHE_DISABLE: '1',
});

interface ChildSettings {
  /** Files that the child may read besides its own code. */
  read: readonly string[];
  /** The only directory that it may write to; null: none. */
  outputDir: string | null;
  /** Another program than the engine's own, for tests of what becomes of an engine in foreign hands. */
  script?: string | undefined;
  /** Null keeps the GPU's devices out of its sight. */
  gpu: GpuAccess | null;
  limits: Limits;
  memoryAdvice: string;
  stallMs: () => number;
  signal: AbortSignal;
  onProgress: (progress: EngineProgress) => void;
  onLine: (line: string) => void;
}

/** Runs one order in a child of its own. Aborting the signal ends the child at once. */
async function inChild(order: Order, settings: ChildSettings): Promise<unknown> {
  const { gpu } = settings;
  const libraries = (gpu?.libraryPath ?? '').split(':').filter((path) => path !== '' && existsSync(path));
  const answer = await carryOut(order, {
    ...settings,
    name: engineName,
    script: settings.script ?? engineScript,
    libraries,
    gpu: gpu !== null,
    nodeOptions: [],
    answerBytes,
    env: gpu ? gpuEnvironment(gpu) : {},
    onProgress: (value) => {
      const progress = readProgress(value);
      if (progress) settings.onProgress(progress);
    },
  });
  if (answer.kind === 'done') return answer.result;
  const code = codeOf(answer.code);
  throw new SortieError(code, code === 'OUT_OF_MEMORY' ? `${answer.message} ${settings.memoryAdvice}` : answer.message);
}

export interface RunEngine {
  /** What the work should take, for the limits. */
  expected: Expected;
  /** The GPU's own access and patience, when the plan names a device. */
  gpu: (GpuAccess & { stallMs: number }) | null;
  signal: AbortSignal;
  onProgress: (progress: EngineProgress) => void;
  onLine: (line: string) => void;
  script?: string | undefined;
}

/** The files are those of the plan, and plain ones. */
export async function runEngine(
  plan: EnginePlan,
  { expected, gpu, signal, onProgress, onLine, script }: RunEngine,
): Promise<EngineResult> {
  // A GPU shows progress all the time. Its driver's start and the CPU's part of the work may take longer, and are not its fault.
  let onGpuAlone = false;
  const result = await inChild(
    { kind: 'run', plan },
    {
      read: [plan.input],
      outputDir: plan.outputDir,
      gpu,
      limits: runLimits(plan, expected),
      memoryAdvice: `It was expected to need about ${inMebibytes(expected.memoryBytes)}; ask for smaller resolutions, or use a worker with more memory.`,
      stallMs: () => (gpu && onGpuAlone ? gpu.stallMs : stallMs),
      signal,
      onProgress: (progress) => {
        onGpuAlone = progress.engine === 'gpu';
        onProgress(progress);
      },
      onLine,
      script,
    },
  );
  const made = readEngineResult(result, plan);
  const sizes = await inspectOutput(plan.outputDir, engineFiles(plan, made));
  checkSizes(made, sizes);
  return made;
}

/** What is told of the sizes becomes rates in playlists. */
function checkSizes({ rungs, audio }: EngineResult, sizes: ReadonlyMap<string, number>): void {
  const files = [...rungs, ...audio].flatMap(({ initPath, initBytes, segments }) => [
    { path: initPath, bytes: initBytes },
    ...segments,
  ]);
  for (const { path, bytes } of files)
    if (sizes.get(path) !== bytes)
      throw new SortieError('ENGINE_CRASHED', `${engineName} told another size of ${path} than it has.`);
}

const silent = (): void => undefined;
const memoryAdvice = 'Use a worker with more memory.';

/** Looks at finished segments, rendition by rendition, in a process that did not make them and cannot change them. */
export async function verifySegments(
  plans: VerifyPlan[],
  outputDir: string,
  limits: Limits,
  signal: AbortSignal,
  script?: string,
): Promise<VerifiedSegment[][]> {
  const result = await inChild(
    { kind: 'verify', plans },
    {
      read: [outputDir],
      outputDir: null,
      gpu: null,
      limits,
      memoryAdvice,
      stallMs: () => stallMs,
      signal,
      onProgress: silent,
      onLine: silent,
      script,
    },
  );
  return readVerified(result, plans);
}

/** Tries every GPU in a child: a driver that crashes or hangs costs nothing but the answer. */
export async function tryGpus(outputDir: string, gpu: GpuAccess, onLine: (line: string) => void): Promise<Preflight> {
  const { signal } = new AbortController();
  const result = await inChild(
    { kind: 'preflight' },
    {
      read: [],
      outputDir,
      gpu,
      limits: preflightLimits,
      memoryAdvice,
      stallMs: () => stallMs,
      signal,
      onProgress: silent,
      onLine,
    },
  );
  return readPreflight(result);
}
