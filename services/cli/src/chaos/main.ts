// Program: kills, freezes, fills and silences parts of a running Sortie at every step of a job, one scenario after the other, and
// prints a table of what became of the jobs. `npm run chaos -- [WORD…]` runs the scenarios whose names contain all words.
import { appendFileSync, writeFileSync } from 'node:fs';
import { Harness, type Result } from './harness.js';
import { nameOf, scenarios } from './scenarios.js';
import { tableOf } from './table.js';

const words = process.argv.slice(2);
const chosen = scenarios.filter((scenario) => words.every((word) => nameOf(scenario).toLowerCase().includes(word.toLowerCase()))); // prettier-ignore
if (chosen.length === 0) throw new Error('no scenario has such a name');
const report = process.env['CHAOS_REPORT'] ?? '';
if (report !== '') writeFileSync(report, '');
const needsMount = chosen.some(({ fault }) => fault.startsWith('storage'));
const harness = await Harness.start(needsMount);
const results: Result[] = [];
let broken = 0;
try {
  for (const [index, scenario] of chosen.entries()) {
    const result = await harness.run(scenario, index).catch((error: unknown): Result => {
      return { ...scenario, status: '', attempts: 0, repeatedSteps: 0, lostSeconds: 0, wrong: [`the harness failed: ${String(error)}`] };
    }); // prettier-ignore
    results.push(result);
    if (result.wrong.length > 0) broken++;
    const verdict = result.wrong.length === 0 ? 'ok  ' : 'FAIL';
    process.stdout.write(
      `${verdict} ${index + 1}/${chosen.length} ${nameOf(scenario)}: ${result.attempts} attempts, ${result.repeatedSteps} steps again, ${result.lostSeconds.toFixed(1)} s lost ${result.wrong.join('; ')}\n`,
    );
    if (report !== '') appendFileSync(report, `${JSON.stringify(result)}\n`);
  }
  const left = await harness.leftBehind();
  if (left.length > 0) {
    broken++;
    process.stdout.write(`FAIL left behind: ${left.join(', ')}\n`);
  }
} finally {
  await harness.stop();
}
process.stdout.write(`\n${tableOf(results)}\n\n${chosen.length} scenarios, ${broken} wrong\n`);
process.exit(broken === 0 ? 0 : 1);
