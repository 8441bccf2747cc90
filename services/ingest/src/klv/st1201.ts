// IMAPB of MISB ST 1201: floating-point values in as many bytes as the sender likes.

const twoTo = (power: number): bigint => 1n << BigInt(power);

/** Special values have both top bits set, but for the exact top of the range (ST 1201 section 7.2). */
const isSpecial = (bytes: Buffer): boolean =>
  ((bytes[0] ?? 0) & 0xc0) === 0xc0 ||
  (((bytes[0] ?? 0) & 0x80) !== 0 && !(bytes[0] === 0x80 && bytes.subarray(1).every((byte) => byte === 0)));

interface Mapping {
  scale: number;
  zero: number;
}

function mapping(low: number, high: number, length: number): Mapping {
  const rangePower = Math.ceil(Math.log2(high - low));
  const scale = 2 ** (8 * length - 1 - rangePower);
  const zero = low < 0 && high > 0 ? scale * low - Math.floor(scale * low) : 0;
  return { scale, zero };
}

/** Null for infinities, NaN, out of range, and reserved patterns. 1 to 8 bytes. */
export function decodeImapb(bytes: Buffer, low: number, high: number): number | null {
  if (bytes.length === 0 || bytes.length > 8 || isSpecial(bytes)) return null;
  const { scale, zero } = mapping(low, high, bytes.length);
  let whole = 0n;
  for (const byte of bytes) whole = (whole << 8n) | BigInt(byte);
  const value = (Number(whole) - zero) / scale + low;
  // The zero offset moves the ends of the range by less than one step.
  return value < low - 1 / scale || value > high + 1 / scale ? null : value;
}

/** Values outside of the range become "below minimum" and "above maximum". */
export function encodeImapb(value: number, low: number, high: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (!(value >= low)) bytes[0] = 0xe0;
  else if (value > high) bytes[0] = 0xe1;
  else {
    const { scale, zero } = mapping(low, high, length);
    let whole = BigInt(Math.trunc(scale * (value - low) + zero));
    const top = twoTo(8 * length) - 1n;
    if (whole > top) whole = top;
    for (let index = length - 1; index >= 0; index--) {
      bytes[index] = Number(whole & 0xffn);
      whole >>= 8n;
    }
  }
  return bytes;
}
