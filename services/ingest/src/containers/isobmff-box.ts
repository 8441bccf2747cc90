// Boxes of ISO/IEC 14496-12 in bytes that are all there.
import { containerBudget } from '../budgets.js';

export interface Box {
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

/** Boxes of bytes that are all there; ends at the first that does not fit. */
export function* boxesIn(bytes: Buffer, from: number, to: number): Generator<Box> {
  for (let at = from, count = 0; at + 8 <= to && count < containerBudget.boxes; count++) {
    const short = bytes.readUInt32BE(at);
    const head = short === 1 ? 16 : 8;
    const size = short === 1 && at + 16 <= to ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? to - at : short;
    if (size < head || at + size > to) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), start: at + head, end: at + size };
    at += size;
  }
}

/** The first box at the end of the path. */
export const child = (bytes: Buffer, parent: Box, ...path: string[]): Box | null => {
  let found: Box | null = parent;
  for (const type of path) {
    const within: Box = found;
    found = null;
    for (const box of boxesIn(bytes, within.start, within.end)) {
      if (box.type !== type) continue;
      found = box;
      break;
    }
    if (!found) return null;
  }
  return found;
};
