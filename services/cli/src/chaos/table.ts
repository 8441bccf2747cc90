// The results as a table: a line for each step, a column for each fault.
import { Step } from '@sortie/common/gen/sortie/job/v1/job';
import type { Result } from './harness.js';

/** Attempts, steps done again, seconds lost; what is wrong where something is. */
const cell = ({ attempts, repeatedSteps, lostSeconds, wrong }: Result): string =>
  wrong.length > 0 ? wrong.join('; ') : `${attempts} / ${repeatedSteps} / ${Math.max(0, lostSeconds).toFixed(1)} s`;

export function tableOf(results: readonly Result[]): string {
  const faults = [...new Set(results.map(({ fault }) => fault))];
  const momentOf = ({ step, where }: Result): string => `${Step[step].slice('STEP_'.length)}${where === 'begin' ? '' : ', done and not reported'}`; // prettier-ignore
  const inOrder = [...results].sort((a, b) => a.step - b.step || a.where.localeCompare(b.where));
  const moments = [...new Set(inOrder.map(momentOf))];
  const lines = moments.map((moment) => [
    moment,
    ...faults.map((fault) => {
      const result = results.find((one) => one.fault === fault && momentOf(one) === moment);
      return result ? cell(result) : '';
    }),
  ]);
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [row(['step', ...faults]), row(['---', ...faults.map(() => '---')]), ...lines.map(row)].join('\n');
}
