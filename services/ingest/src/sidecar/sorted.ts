// Rows that stand in another order than that of their times: the later track first, or two tables one below the other. Their
// packets wait in memory, as bytes, and come out sorted.
import { SortieError } from '@sortie/common/errors';
import { sidecarBudget } from '../budgets.js';
import { wrong, type Sidecar } from './row.js';

export interface Timed {
  /** By which it is sorted. */
  time: number;
  bytes: Buffer;
}

const blockBytes = 1024 * 1024;

/** The same, by their times; what has the same time stays in its order. Throws when there are too many to be held. */
export async function* sorted(sidecar: Sidecar, rows: AsyncIterable<Timed>): AsyncGenerator<Timed> {
  const held: { time: number; block: Buffer; from: number; to: number }[] = [];
  let block = Buffer.alloc(blockBytes);
  let at = 0;
  for await (const { time, bytes } of rows) {
    if (held.length >= sidecarBudget.sortedRows) throw tooMany(sidecar);
    if (at + bytes.length > block.length) {
      block = Buffer.alloc(Math.max(blockBytes, bytes.length));
      at = 0;
    }
    bytes.copy(block, at);
    held.push({ time, block, from: at, to: at + bytes.length });
    at += bytes.length;
  }
  held.sort((a, b) => a.time - b.time);
  for (const { time, block, from, to } of held) yield { time, bytes: Buffer.from(block.subarray(from, to)) };
}

const tooMany = (sidecar: Sidecar): SortieError =>
  wrong(
    sidecar,
    '',
    `its times are in no order, and it has more than ${sidecarBudget.sortedRows} rows; sort them by time.`,
  );
