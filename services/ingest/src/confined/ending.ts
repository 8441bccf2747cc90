// How a confined process ended, and what that means for what it was to do.
import { SortieError, type ErrorCode } from '@sortie/common/errors';

export type Reason =
  /** By itself, with an exit code. */
  | 'exited'
  /** By a fault of its own: SIGSEGV, SIGABRT and their like. */
  | 'crashed'
  /** Killed by somebody else, for no reason that lies in the work. */
  | 'killed'
  | 'out of memory'
  | 'CPU time'
  | 'output size'
  /** The parent's own kills. */
  | 'stalled'
  | 'timed out'
  | 'flooded'
  /** It could not be started. */
  | 'not started';

export interface Ending {
  reason: Reason;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** How long it was waited for a sign of life, milliseconds; null for ever. */
  stallMs: number | null;
  /** The last lines of its stderr. */
  stderr: readonly string[];
}

/** Signals that no process gets by a fault of its own (signal(7)). */
const foreignSignals: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** V8's last words: "JavaScript heap out of memory", "Fatal process out of memory"; it then aborts. */
const saysOutOfMemory = (stderr: readonly string[]): boolean =>
  stderr.some((line) => line.includes('out of memory') || line.includes('Cannot allocate memory'));

/** `memoryKilled`: the kernel has killed for want of memory while it ran. Signals as setrlimit(2) has them. */
export function reasonOf(signal: NodeJS.Signals | null, memoryKilled: boolean, stderr: readonly string[]): Reason {
  if (signal === null) return 'exited';
  if (signal === 'SIGXCPU') return 'CPU time';
  if (signal === 'SIGXFSZ') return 'output size';
  if (signal === 'SIGKILL' && memoryKilled) return 'out of memory';
  if (foreignSignals.includes(signal)) return 'killed';
  return saysOutOfMemory(stderr) ? 'out of memory' : 'crashed';
}

const codes: Record<Reason, ErrorCode> = {
  exited: 'ENGINE_CRASHED',
  crashed: 'ENGINE_CRASHED',
  killed: 'ENGINE_CRASHED',
  flooded: 'ENGINE_CRASHED',
  'not started': 'INTERNAL',
  'out of memory': 'OUT_OF_MEMORY',
  // The same work takes as long again.
  'CPU time': 'LIMIT_EXCEEDED',
  'output size': 'LIMIT_EXCEEDED',
  stalled: 'ENGINE_STALLED',
  'timed out': 'ENGINE_STALLED',
};

/** A confined process that did not bring its work to an end. */
export class ChildError extends SortieError {
  constructor(
    readonly reason: Reason,
    message: string,
    cause: unknown,
  ) {
    super(codes[reason], message, { cause });
  }
}

/** `name`: of the process, as a sentence begins with it. `memory`: what is to be said of the memory that it needs. */
export function childError(
  name: string,
  { reason, exitCode, signal, stallMs, stderr }: Ending,
  memory = '',
): ChildError {
  const words: Record<Reason, string> = {
    exited: `${name} ended unexpectedly (exit code ${String(exitCode)}).`,
    crashed: `${name} crashed (${String(signal)}).`,
    killed: `${name} was killed from outside (${String(signal)}).`,
    flooded: `${name} told more than it can have to tell, and was stopped.`,
    'not started': `${name} could not be started; is everything built?`,
    'out of memory': `${name} ran out of memory.${memory === '' ? '' : ` ${memory}`}`,
    'CPU time': `${name} was stopped: it took more CPU time than a file like this can need.`,
    'output size': `${name} was stopped: it wrote more than a file like this can come to.`,
    stalled: `${name} made no progress for ${(stallMs ?? 0) / 1000} s.`,
    'timed out': `${name} was stopped: it took longer than a file like this can need.`,
  };
  return new ChildError(reason, words[reason], new Error(stderr.join('\n')));
}
