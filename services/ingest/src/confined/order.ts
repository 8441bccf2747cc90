// An order to a child of ours, a Node program that runs confined: one line of JSON on its standard input; lines of JSON on
// file descriptor 3 come back. Node's own channel ('ipc') puts no bound on a message, so it is not used.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { confinePath } from '@sortie/native';
import { childError, type Ending } from './ending.js';
import { parseUntrusted } from './json.js';
import { LineSplitter } from './lines.js';
import { runConfined, type Limits } from './run.js';

/** What the child tells. */
export type Report =
  | { kind: 'progress'; progress: unknown }
  | { kind: 'done'; result: unknown }
  | { kind: 'failed'; code: string; message: string };

/** The last word of a child that did come to an end. */
export type Answer = Exclude<Report, { kind: 'progress' }>;

export interface OrderedChild {
  /** As a sentence begins with it: "The media engine". */
  name: string;
  /** The compiled program. */
  script: string;
  /** Files that it may read besides the code. */
  read: readonly string[];
  /** Libraries that it may read besides the code of this package. */
  libraries: readonly string[];
  /** The only directory that it may write to; null: none. */
  outputDir: string | null;
  gpu: boolean;
  limits: Limits;
  /** Options of Node. */
  nodeOptions: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Without a report for so long it counts now as hung, milliseconds. */
  stallMs: () => number;
  /** Bytes of its longest line; more is a flood. */
  answerBytes: number;
  /** What is to be said when it runs out of memory. */
  memoryAdvice: string;
  signal: AbortSignal;
  onProgress: (progress: unknown) => void;
  /** Lines of the child's stderr: what drivers and sanitizers have to say. */
  onLine: (line: string) => void;
}

const here = dirname(fileURLToPath(import.meta.url));
const distDirectory = dirname(here);
const packageDirectory = dirname(distDirectory);
const nativeDirectory = dirname(dirname(dirname(confinePath)));
/** What the programs are made of. */
const code: readonly string[] = [distDirectory, join(packageDirectory, 'package.json'), nativeDirectory];
/** Where all code lies: the modules are found from here on, by the names that they have inside, not by their real paths. */
const codeRoot = dirname(dirname(packageDirectory));
const namesAsGiven = ['--preserve-symlinks', '--preserve-symlinks-main'];

/** The engine reports five times a second; many may wait where this process was held up. */
const mostReportsASecond = 2_000;
/** Bytes of a line from which on there is one only: the answer. */
const longLine = 64 * 1024;

/** Throws a ChildError when the child ends without an answer, and the signal's reason when that is aborted. */
export async function carryOut(order: unknown, child: OrderedChild): Promise<Answer> {
  let answer: Answer | null = null;
  let second = 0;
  let reports = 0;
  let longLines = 0;
  const isFlood = (): boolean => reports > mostReportsASecond || longLines > 1;
  const lines = new LineSplitter(child.answerBytes, 'stop', (line) => {
    const now = Math.floor(performance.now() / 1000);
    reports = now === second ? reports + 1 : 1;
    second = now;
    if (line.length > longLine) longLines++;
    if (isFlood()) return;
    const report = readReport(line);
    if (report?.kind === 'progress') child.onProgress(report.progress);
    else answer ??= report;
  });
  const ending = await runConfined(
    {
      command: (inside) => [inside(process.execPath), ...namesAsGiven, ...child.nodeOptions, inside(child.script)],
      read: [...child.read, process.execPath],
      write: child.outputDir,
      code: [...code, ...child.libraries],
      codeRoot,
      gpu: child.gpu,
      limits: child.limits,
      env: child.env,
      cwd: child.outputDir ?? '/',
      outputFd: 3,
      input: (inside) =>
        JSON.stringify(order, (_, value: unknown) => (typeof value === 'string' ? inside(value) : value)),
    },
    {
      signal: child.signal,
      stallMs: child.stallMs,
      timeoutMs: null,
      onOutput: (chunk) => (!lines.push(chunk) || isFlood() ? 'flood' : answer ? 'done' : 'more'),
      onLine: child.onLine,
    },
  );
  return answered(answer, ending, child);
}

/** An answer counts whatever came after it: a driver may crash, or not let go, when the work is done. */
function answered(answer: Answer | null, ending: Ending, { name, memoryAdvice }: OrderedChild): Answer {
  if (answer && ending.reason !== 'flooded') return answer;
  throw childError(name, ending, memoryAdvice);
}

/** Null for what is no report. */
function readReport(line: string): Report | null {
  const value = parseUntrusted(line);
  if (typeof value !== 'object' || value === null) return null;
  const { kind, progress, result, code, message } = value as Record<string, unknown>;
  if (kind === 'progress') return { kind, progress };
  if (kind === 'done') return { kind, result };
  return kind === 'failed' && typeof code === 'string' && typeof message === 'string'
    ? { kind, code, message: message.slice(0, 2000) }
    : null;
}
