// The running 16-bit sum of ST 0601 item 1 and ST 0903 item 1: bytes at even places count as the high byte.

/** Over all bytes but the last two of a whole packet, key and lengths included. */
export function runningSum(bytes: Buffer, start: number, end: number): number {
  let sum = 0;
  for (let index = start; index < end; index++) {
    sum += (bytes[index] ?? 0) << (((index - start) & 1) === 0 ? 8 : 0);
  }
  return sum & 0xffff;
}
