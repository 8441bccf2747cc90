// The running 16-bit sum of ST 0601 item 1 and ST 0903 item 1: bytes at even places count as the high byte.

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
