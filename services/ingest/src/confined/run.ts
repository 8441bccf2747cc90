// Runs a program under sortie-confine and watches it: it sees the named files only, has limits, is ended with all that it
// started, and nothing that it says can fill the memory of this process.
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { confinePath } from '@sortie/native';
import { memoryKills } from './cgroup.js';
import { reasonOf, type Ending, type Reason } from './ending.js';
import { LineSplitter } from './lines.js';
import { handOver, type HandedOver, type Inside } from './hand-over.js';
import { whileLent } from './lend.js';
import { confinedUser, confineOptions } from './state.js';

/** Null: no limit of its own. */
export interface Limits {
  /** Bytes of address space (RLIMIT_AS): for programs that reserve no more than they use. */
  addressSpace: number | null;
  /** Bytes of private memory that can be written to (RLIMIT_DATA). */
  data: number | null;
  cpuSeconds: number | null;
  /** Bytes of each file that it writes. */
  fileSize: number | null;
  openFiles: number | null;
}

export interface Program {
  command: (inside: Inside) => readonly [string, ...string[]];
  /** Files and directories that it may read: handed over as descriptors, and found by `inside`. */
  read: readonly string[];
  /** The only directory that it may write to; null: none. Handed over as well. */
  write: string | null;
  /** Code and libraries that it may read, too. */
  code: readonly string[];
  /** A folder that it goes through to its code; null: none. To be in it does not mean to read it. */
  codeRoot: string | null;
  /** Whether it sees the devices of GPUs. */
  gpu: boolean;
  limits: Limits;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string | undefined;
  /** File descriptor on which it tells what it has to tell. */
  outputFd: 1 | 3;
  /** What it gets on its standard input. */
  input: (inside: Inside) => string;
}

/** `flood`: it says more than it may, and is ended. `done`: it has nothing left to do, and should end soon by itself. */
export type Heard = 'more' | 'done' | 'flood';

export interface Watch {
  /** Aborting it ends the program at once. */
  signal: AbortSignal;
  /** So long without output means now that it hangs, milliseconds; null: it need not say anything. */
  stallMs: () => number | null;
  timeoutMs: number | null;
  /** What it says on `outputFd`. */
  onOutput: (chunk: Buffer) => Heard;
  /** Lines of its stderr, each cut at some length, and not more than some hundred. */
  onLine: (line: string) => void;
}

const longestLine = 4096;
/** Lines of stderr that go to the log; the last ones go into the error. */
const loggedLines = 300;
const keptLines = 40;
/** As nice(1): a third of the share of those who answer, where both want all of a core. */
const niceness = 5;
/** A process that has ended may leave its pipes to one that it started. */
const pipeGraceMs = 1_000;
/** A driver that does not let go when all is done is not waited for. */
const endGraceMs = 10_000;

const confinement = ({ gpu, limits, code }: Program, { read, write }: HandedOver): string[] => {
  const option = (name: string, value: number | null): string[] =>
    value === null ? [] : [name, String(Math.max(1, Math.ceil(value)))];
  return [
    ...[...read, ...code].flatMap((path) => ['--read', path]),
    ...write.flatMap((path) => ['--write', path]),
    ...(gpu ? ['--gpu'] : []),
    ...confineOptions(),
    ...option('--memory', limits.addressSpace),
    ...option('--data', limits.data),
    ...option('--cpu', limits.cpuSeconds),
    ...(limits.fileSize === 0 ? ['--file-size', '0'] : option('--file-size', limits.fileSize)),
    ...option('--open-files', limits.openFiles),
  ];
};

/** Resolves when the program has ended and all that it said is read; rejects with the signal's reason when that is aborted. */
export async function runConfined(program: Program, watch: Watch): Promise<Ending> {
  watch.signal.throwIfAborted();
  const user = program.write === null ? null : await confinedUser();
  return whileLent(program.write, user, async () => {
    let handedOver: HandedOver;
    try {
      handedOver = await handOver(program);
    } catch (error) {
      return { reason: 'not started', exitCode: null, signal: null, stallMs: null, stderr: [(error as Error).message] };
    }
    try {
      return await runWith(handedOver, program, watch);
    } finally {
      await handedOver.close();
    }
  });
}

async function runWith(handedOver: HandedOver, program: Program, watch: Watch): Promise<Ending> {
  const { signal } = watch;
  const { inside, files } = handedOver;
  signal.throwIfAborted();
  const killsBefore = memoryKills();
  const child = spawn(confinePath, [...confinement(program, handedOver), '--', ...program.command(inside)], {
    stdio: ['pipe', program.outputFd === 1 ? 'pipe' : 'ignore', 'pipe', program.outputFd === 3 ? 'pipe' : 'ignore', ...files],
    cwd: program.cwd,
    env: program.env,
    // A process group of its own, so that all of it can be ended.
    detached: true,
  }); // prettier-ignore
  yieldTo(child.pid);
  let ownReason: Reason | null = null;
  const kill = (reason: Reason | null): void => {
    ownReason ??= reason;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };

  const stderr: string[] = [];
  let logged = 0;
  const lines = new LineSplitter(longestLine, 'cut', (line) => {
    stderr.push(line);
    if (stderr.length > keptLines) stderr.shift();
    if (logged++ < loggedLines) watch.onLine(line);
  });
  child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk));

  let stall: NodeJS.Timeout | undefined;
  let stallMs: number | null = null;
  const patience = (ms: number | null): void => {
    clearTimeout(stall);
    stallMs = ms;
    if (ms !== null) stall = setTimeout(() => kill('stalled'), ms);
  };
  const output = child.stdio[program.outputFd];
  output?.on('data', (chunk: Buffer) => {
    if (ownReason === 'flooded') return;
    const heard = watch.onOutput(chunk);
    if (heard === 'flood') kill('flooded');
    else patience(heard === 'done' ? endGraceMs : watch.stallMs());
  });
  patience(watch.stallMs());
  const timeout = watch.timeoutMs === null ? undefined : setTimeout(() => kill('timed out'), watch.timeoutMs);
  const cancel = (): void => kill(null);
  signal.addEventListener('abort', cancel);

  // It may end before it has read its order; that shows in how it ends. A socket without a listener would throw.
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  child.stdin?.end(program.input(inside));

  const [exitCode, endSignal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    let pipes: NodeJS.Timeout | undefined;
    child.on('error', () => {
      ownReason = 'not started';
      resolve([null, null]);
    });
    child.on('exit', (code, killedBy) => {
      kill(null);
      pipes = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
        resolve([code, killedBy]);
      }, pipeGraceMs);
    });
    child.on('close', (code, killedBy) => {
      clearTimeout(pipes);
      resolve([code, killedBy]);
    });
  });
  clearTimeout(stall);
  clearTimeout(timeout);
  signal.removeEventListener('abort', cancel);
  signal.throwIfAborted();
  lines.end();
  const kills = memoryKills();
  const memoryKilled = kills !== null && killsBefore !== null && kills > killsBefore;
  return {
    reason: ownReason ?? reasonOf(endSignal, memoryKilled, stderr),
    exitCode,
    signal: endSignal,
    stallMs,
    stderr,
  };
}

/** The heavy work leaves the CPU to whoever answers requests on the same machine, and to the renewal of leases. */
function yieldTo(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, niceness);
  } catch {
    // It has ended already.
  }
}
