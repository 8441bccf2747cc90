// npm run fuzz:media -- [--seed N] [--minutes M] [--round N] [--replay PATH]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { allForms } from './inputs.js';
import { inputsOf, keep, kept, tryInputs, type Round } from './rounds.js';

const usualMinutes = 10;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const summary = ({ outcome: { code, message }, elapsedMs }: Round): string =>
  `${code} after ${(elapsedMs / 1000).toFixed(1)} s${message === '' ? '' : `: ${message}`}`;

async function replay(path: string): Promise<number> {
  const round = await tryInputs(await kept(path));
  say(summary(round));
  for (const line of [...round.outcome.told, ...round.outcome.logged, ...round.wrong]) say(line);
  return round.wrong.length;
}

/** Rounds from `first` on until the time is over, or just that one. Gives how many failed. */
async function fuzz(seed: number, milliseconds: number, only: number | null): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-fuzz-'));
  const codes = new Map<string, number>();
  let failed = 0;
  let rounds = 0;
  let slowest = 0;
  const began = performance.now();
  try {
    const forms = await allForms(directory);
    for (let index = only ?? 0; ; index++) {
      const { form, inputs } = inputsOf(forms, seed, index);
      const round = await tryInputs(inputs);
      const { outcome, wrong, elapsedMs } = round;
      rounds++;
      slowest = Math.max(slowest, elapsedMs);
      codes.set(outcome.code, (codes.get(outcome.code) ?? 0) + 1);
      if (only !== null) say(`round ${index}, ${form}: ${summary(round)}`);
      if (wrong.length > 0) {
        failed++;
        const folder = await keep(`${seed}-${index}`, inputs, round);
        say(`round ${index} of seed ${seed}, ${form}, kept in ${folder}\n  ${wrong.join('\n  ')}`);
      }
      if (only !== null || performance.now() - began > milliseconds) break;
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  const told = [...codes].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
  say(`seed ${seed}: ${rounds} rounds in ${Math.round((performance.now() - began) / 1000)} s, the slowest of ${(slowest / 1000).toFixed(1)} s; ${told.join(', ')}; ${failed} failed`); // prettier-ignore
  return failed;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string' },
    round: { type: 'string' },
    replay: { type: 'string' },
  },
});
let failed: number;
if (values.replay !== undefined) failed = await replay(values.replay);
else {
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  say(`seed ${seed}`);
  failed = await fuzz(seed, Number(values.minutes ?? usualMinutes) * 60_000, values.round === undefined ? null : Number(values.round)); // prettier-ignore
}
process.exitCode = failed > 0 ? 1 : 0;
