// IMAPB of MISB ST 1201: floating-point values in as many bytes as the sender likes, 1 to 8.
import type { Note } from './item.js';

interface Mapping {
  low: number;
  high: number;
  scale: number;
  zero: number;
}

/** Section 7.1: the range's power of two says how many bits stand behind the point. */
function mapping(low: number, high: number, length: number): Mapping {
  const rangePower = Math.ceil(Math.log2(high - low));
  const scale = 2 ** (8 * length - 1 - rangePower);
  const zero = low < 0 && high > 0 ? scale * low - Math.floor(scale * low) : 0;
  return { low, high, scale, zero };
}

export const mostImapbBytes = 8;

/** What a range needs for each length, computed once. */
export const mappingsOf = (low: number, high: number): readonly Mapping[] =>
  Array.from({ length: mostImapbBytes + 1 }, (_, length) => mapping(low, high, length));

/** Why a first byte with both top bits set is no number (section 7.2, table 3). */
export const specialNote = (first: number): Note =>
  first === 0xe0 ? 'below minimum' : first === 0xe1 ? 'above maximum' : 'no value';

/** Null for infinities, NaN, out of range, and reserved patterns. `end - start` is 1 to 8. */
export function readImapb(bytes: Buffer, start: number, end: number, mappings: readonly Mapping[]): number | null {
  const first = bytes[start] ?? 0;
  if (first >= 0x80) {
    // 80 00 … is the top of a range that is a power of two; all else up here is special or reserved.
    if (first !== 0x80) return null;
    for (let at = start + 1; at < end; at++) if (bytes[at] !== 0) return null;
  }
  let whole = first;
  for (let at = start + 1; at < end; at++) whole = whole * 256 + (bytes[at] ?? 0);
  const by = mappings[end - start];
  if (!by) return null;
  const value = (whole - by.zero) / by.scale + by.low;
  // The zero offset moves the ends of the range by less than one step.
  return value < by.low - 1 / by.scale || value > by.high + 1 / by.scale ? null : value;
}

/** Values outside of the range become "below minimum" and "above maximum". */
export function writeImapb(value: number, low: number, high: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (!(value >= low)) bytes[0] = 0xe0;
  else if (value > high) bytes[0] = 0xe1;
  else {
    const { scale, zero } = mapping(low, high, length);
    let whole = BigInt(Math.trunc(scale * (value - low) + zero));
    const top = 1n << BigInt(8 * length - 1);
    if (whole > top) whole = top;
    for (let index = length - 1; index >= 0; index--) {
      bytes[index] = Number(whole & 0xffn);
      whole >>= 8n;
    }
  }
  return bytes;
}
