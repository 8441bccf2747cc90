// Item 1 of ST 0601, ST 0903 (a running 16-bit sum: bytes at even places count as the high byte) and ST 0806 (CRC-32).
import { crc32 } from '../mpegts/psi.js';
import type { Item } from './item.js';
import type { ReadSet } from './set.js';

/**
 * `valueOnly`: right, but over the value alone and not over the key and the length before it, a mistake of some senders; it
 * vouches for the packet as well. `missing`: there is none, or what is called item 1 is none: not at the end, or of another
 * length than ST 0601 item 1 has.
 */
export type ChecksumState = 'ok' | 'valueOnly' | 'bad' | 'missing';
export type ChecksumRule = 'running' | 'crc';

/** Over all bytes but the last two of a whole packet, key and lengths included. */
export function runningSum(bytes: Buffer, start: number, end: number): number {
  let high = 0;
  let low = 0;
  let at = start;
  for (; at + 7 < end; at += 8) {
    high += (bytes[at] ?? 0) + (bytes[at + 2] ?? 0) + (bytes[at + 4] ?? 0) + (bytes[at + 6] ?? 0);
    low += (bytes[at + 1] ?? 0) + (bytes[at + 3] ?? 0) + (bytes[at + 5] ?? 0) + (bytes[at + 7] ?? 0);
  }
  for (; at + 1 < end; at += 2) {
    high += bytes[at] ?? 0;
    low += bytes[at + 1] ?? 0;
  }
  if (at < end) high += bytes[at] ?? 0;
  return ((high << 8) + low) & 0xffff;
}

/** Of its value. */
const bytesOf: Readonly<Record<ChecksumRule, number>> = { running: 2, crc: 4 };
/** Before it stand the tag and the length, a byte each. */
const headBytes = 2;

export const endsOnChecksum = (items: readonly Item[], rule: ChecksumRule): boolean => {
  const last = items.at(-1);
  return last?.tag === 1 && last.length === bytesOf[rule];
};

/**
 * What the last bytes of a packet are worth whose value begins at `from`. They are looked at also where the items before them
 * cannot be read.
 */
export function checksumOf(bytes: Buffer, from: number, { items, whole }: ReadSet, rule: ChecksumRule): ChecksumState {
  const size = bytesOf[rule];
  const at = bytes.length - size;
  const isLast = endsOnChecksum(items, rule);
  const looksLikeOne = isLast || (at - headBytes >= from && bytes[at - 2] === 1 && bytes[at - 1] === size);
  if (!looksLikeOne) return 'missing';
  const told = bytes.readUIntBE(at, size);
  if (told === (rule === 'crc' ? crc32(bytes.subarray(0, at)) : runningSum(bytes, 0, at))) return 'ok';
  // With or without the tag and the length of the checksum itself.
  if (rule === 'running' && [at, at - headBytes].some((end) => told === runningSum(bytes, from, end)))
    return 'valueOnly';
  return isLast || !whole || items.some(({ tag }) => tag === 1) ? 'bad' : 'missing';
}
