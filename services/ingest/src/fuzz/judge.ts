// What must hold of every attempt, whatever the file.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodes } from '@sortie/common/errors';
import { telemetryBudget } from '../budgets.js';
import type { Outcome } from './attempt.js';
import type { Input } from './inputs.js';

/** Of files of some hundred kilobytes and two seconds. */
const videoBytes = 64 * 1024 * 1024;
const longestMessage = 1500;

/** Words of filter graphs, resamplers and addresses in memory, which are nobody's but ours. */
const inner = /\bParsed_|\b(?:a?buffer(?:sink|src)?|a?resample|aformat|swr|swscaler|SWR|graph) @ |filter ?graph|0x[0-9a-f]{6,}|\bat (?:async )?[\w.]+ \(|\.(?:js|cc|h):\d+|node:internal|\bundefined\b|\[object Object\]|\bNaN\b/; // prettier-ignore
/** Paths of the machine. */
const machine = /(?:^|[\s"'(:=])\/(?:tmp|usr|home|root|work|var|opt|proc|etc|lib)\//;

/** Bytes of all files, and names of what is there besides files and folders. */
async function measure(directory: string): Promise<{ bytes: number; odd: string[] }> {
  let bytes = 0;
  const odd: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) bytes += (await stat(path)).size;
    else if (!entry.isDirectory()) odd.push(entry.name);
  }
  return { bytes, odd };
}

const wordsOf = ({ code, message, told }: Outcome): string[] => [...(code === 'COMPLETED' ? [] : [message]), ...told];

/** What an input holds of these words may come back: it is the owner's own. */
function judgeWords(outcome: Outcome, root: string, inputs: readonly Input[]): string[] {
  const own = (word: string): boolean => inputs.some(({ bytes }) => bytes.includes(word));
  return wordsOf(outcome).flatMap((text) => {
    const wrong: string[] = [];
    if (text.includes(root) || machine.test(text)) wrong.push(`a path of the machine is told: ${text}`);
    const [word] = inner.exec(text) ?? [];
    if (word !== undefined && !own(word)) wrong.push(`inner words are told: ${text}`);
    if (text.length > longestMessage) wrong.push(`${text.length} characters are told: ${text.slice(0, 200)}`);
    return wrong;
  });
}

/**
 * All that is wrong; nothing, when all is well. A file's own fault is told as that: an error that is said to pass with another try
 * is none of it, be it a crash, a hang, want of memory, or a layer that does not hold.
 */
export async function judge(outcome: Outcome, root: string, inputs: readonly Input[]): Promise<string[]> {
  const wrong = judgeWords(outcome, root, inputs);
  const { code, message } = outcome;
  if (code !== 'COMPLETED') {
    if (!Object.hasOwn(errorCodes, code)) wrong.push(`${code} is no code of the list`);
    else if (errorCodes[code].retry || code === 'CANCELLED') wrong.push(`it ended with ${code}: ${message}`);
  }
  const bytes = inputs.reduce((sum, input) => sum + input.bytes.length, 0);
  const found = await measure(root);
  const most = 2 * (videoBytes + telemetryBudget.files(bytes, bytes));
  if (found.bytes > most) wrong.push(`${found.bytes} bytes were written, and ${most} are the most`);
  if (found.odd.length > 0) wrong.push(`neither files nor folders: ${found.odd.join(', ')}`);
  // Aside from these two, and what is in them, nothing is touched.
  const beside = (await readdir(root)).filter((name) => !['attempt', 'storage'].includes(name));
  if (beside.length > 0) wrong.push(`beside the attempt's directory: ${beside.join(', ')}`);
  return wrong;
}
