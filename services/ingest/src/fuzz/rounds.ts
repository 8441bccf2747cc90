// Round for round: files with something wrong in them, an attempt, and what is to be said of it. What fails is kept.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inspect } from 'node:util';
import { SortieError } from '@sortie/common/errors';
import { attempt, type Outcome } from './attempt.js';
import type { Form, Input } from './inputs.js';
import { judge } from './judge.js';
import { Random } from './random.js';

/** An attempt at two seconds of video takes a few; the readers' own limits end it later. */
const patienceMs = 120_000;

export interface Round {
  outcome: Outcome;
  wrong: string[];
  elapsedMs: number;
}

export async function tryInputs(inputs: readonly Input[]): Promise<Round> {
  const root = await mkdtemp(join(tmpdir(), 'sortie-fuzz-attempt-'));
  const began = performance.now();
  try {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new SortieError('ENGINE_STALLED', 'It took too long.')), patienceMs);
    const outcome = await attempt(root, inputs, late.signal);
    clearTimeout(timer);
    const elapsedMs = performance.now() - began;
    return { outcome, wrong: await judge(outcome, root, inputs), elapsedMs };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The form and the files of a round, the same for the same seed. */
export function inputsOf(forms: readonly Form[], seed: number, round: number): { form: string; inputs: Input[] } {
  const random = new Random(seed, round);
  const form = random.oneOf(forms);
  return form ? { form: form.name, inputs: form.make(random) } : { form: '', inputs: [] };
}

/** Returns the folder: the files, and what was wrong. */
export async function keep(name: string, inputs: readonly Input[], { wrong, outcome }: Round): Promise<string> {
  const folder = join(tmpdir(), 'sortie-fuzz-kept', name);
  await mkdir(folder, { recursive: true });
  for (const { name: file, bytes } of inputs) await writeFile(join(folder, file), bytes);
  await writeFile(join(folder, aboutName), `${wrong.join('\n')}\n\n${inspect(outcome, { depth: 6, maxStringLength: 10_000 })}\n`); // prettier-ignore
  return folder;
}

const aboutName = 'about.log';

/** One file, or the files of a folder that was kept. */
export async function kept(path: string): Promise<Input[]> {
  const names = (await stat(path)).isDirectory() ? (await readdir(path)).map((name) => join(path, name)) : [path];
  const inputs = names.filter((name) => basename(name) !== aboutName).sort();
  return Promise.all(inputs.map(async (name) => ({ name: basename(name), bytes: await readFile(name) })));
}
