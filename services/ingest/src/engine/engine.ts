// The parent's side of the media engine: a child process without network that sees the input and its own directory only,
// so that a hostile file or a crash costs one attempt and nothing else.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SortieError, type ErrorCode } from '@sortie/common/errors';
import {
  confinePath,
  type EngineFailure,
  type EnginePlan,
  type EngineProgress,
  type EngineResult,
  type VerifiedSegment,
  type VerifyPlan,
} from '@sortie/native';

/** What the child is asked to do. */
export type Order = { kind: 'run'; plan: EnginePlan } | { kind: 'verify'; plans: VerifyPlan[] } | { kind: 'cancel' };

/** What the child tells. */
export type Report =
  | { kind: 'progress'; progress: EngineProgress }
  | { kind: 'done'; result: EngineResult | VerifiedSegment[][] }
  | { kind: 'failed'; code: string; message: string };

const here = dirname(fileURLToPath(import.meta.url));
const packageDirectory = dirname(dirname(here));
const nativeDirectory = dirname(dirname(dirname(confinePath)));
/** Nothing heard for so long means that it hangs: a decoder in a loop, or a disk that does not answer. */
const stallMs = 120_000;
const cancelGraceMs = 1_000;
const stderrBytes = 4_000;

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
  INTERNAL: 'ENGINE_CRASHED',
};

const codeOf = (code: string): ErrorCode =>
  Object.hasOwn(codes, code) ? codes[code as EngineFailure['code']] : 'ENGINE_CRASHED';

/** Runs one order in a child of its own. Aborting the signal ends the child within a second. */
function inChild<Result>(
  order: Order,
  input: string[],
  outputDir: string,
  signal: AbortSignal,
  onProgress: (progress: EngineProgress) => void,
): Promise<Result> {
  const child = spawn(
    confinePath,
    [
      ...[...input, here, join(packageDirectory, 'package.json'), nativeDirectory, process.execPath].flatMap((path) => ['--read', path]),
      '--write', outputDir, '--',
      process.execPath, join(here, 'child.js'),
    ], // prettier-ignore
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], cwd: outputDir, env: { PATH: process.env['PATH'] } },
  );
  return new Promise<Result>((resolve, reject) => {
    let stderr = '';
    let answer: Report | null = null;
    let stalled = false;
    let stall: NodeJS.Timeout | undefined;
    let force: NodeJS.Timeout | undefined;

    const heard = (): void => {
      clearTimeout(stall);
      stall = setTimeout(() => {
        stalled = true;
        child.kill('SIGKILL');
      }, stallMs);
    };
    const cancel = (): void => {
      if (child.connected) child.send({ kind: 'cancel' } satisfies Order, () => undefined);
      force = setTimeout(() => child.kill('SIGKILL'), cancelGraceMs);
    };

    child.stderr?.on('data', (data: Buffer) => {
      stderr = (stderr + data.toString()).slice(-stderrBytes);
    });
    child.on('message', (message) => {
      const report = message as Report;
      heard();
      if (report.kind === 'progress') onProgress(report.progress);
      else answer = report;
    });
    child.on('error', (cause) => {
      stderr = cause.message;
    });
    child.on('close', (code, killedBy) => {
      clearTimeout(stall);
      clearTimeout(force);
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason as Error);
      else if (answer?.kind === 'done') resolve(answer.result as Result);
      else if (answer?.kind === 'failed') reject(new SortieError(codeOf(answer.code), answer.message));
      else if (stalled) {
        reject(new SortieError('ENGINE_STALLED', `The media engine made no progress for ${stallMs / 1000} s.`));
      } else {
        const how = killedBy ?? `exit code ${String(code)}`;
        reject(
          new SortieError('ENGINE_CRASHED', `The media engine ended unexpectedly (${how}).`, {
            cause: new Error(stderr),
          }),
        );
      }
    });
    signal.addEventListener('abort', cancel);
    heard();
    child.send(order, (error) => {
      if (error) stderr += error.message;
    });
    if (signal.aborted) cancel();
  });
}

export const runEngine = (
  plan: EnginePlan,
  signal: AbortSignal,
  onProgress: (progress: EngineProgress) => void,
): Promise<EngineResult> => inChild({ kind: 'run', plan }, [plan.input], plan.outputDir, signal, onProgress);

/** Looks at finished segments, rendition by rendition. */
export const verifySegments = (
  plans: VerifyPlan[],
  outputDir: string,
  signal: AbortSignal,
): Promise<VerifiedSegment[][]> => inChild({ kind: 'verify', plans }, [], outputDir, signal, () => undefined);
