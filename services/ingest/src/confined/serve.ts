// The child's side: takes one order, carries it out, tells the outcome and ends. When the parent dies the kernel ends the
// child (PR_SET_PDEATHSIG, set by sortie-confine).
import { readFileSync, writeSync } from 'node:fs';
import type { Report } from './order.js';

const ordersFd = 0;
const reportsFd = 3;

/** Blocking, so that what was told is with the parent when the process ends. */
export function tell(report: Report): void {
  let rest = Buffer.from(`${JSON.stringify(report)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(reportsFd, rest));
}

/** `failed`: the code and message of what `work` throws. */
export async function serve(
  work: (order: unknown) => Promise<unknown>,
  failed: (thrown: unknown) => { code: string; message: string },
): Promise<void> {
  try {
    const order: unknown = JSON.parse(readFileSync(ordersFd, 'utf8'));
    tell({ kind: 'done', result: await work(order) });
  } catch (thrown) {
    tell({ kind: 'failed', ...failed(thrown) });
  }
}
