// Lengths and tags of SMPTE ST 336 / MISB ST 0107.

/** A number and where the bytes after it begin. */
export interface Read {
  value: number;
  next: number;
}

const longestLength = 8;

/**
 * BER length (ISO/IEC 8825-1 clause 8.1.3): short form, or up to 8 bytes of long form, minimal or not: real streams are
 * not. Null when it is not whole before `end`, indefinite (80), or beyond 2^53.
 */
export function readLength(bytes: Buffer, at: number, end: number): Read | null {
  const first = bytes[at];
  if (first === undefined || at >= end) return null;
  if (first < 0x80) return { value: first, next: at + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > longestLength || at + 1 + count > end) return null;
  let value = 0;
  for (let index = at + 1; index <= at + count; index++) value = value * 256 + (bytes[index] ?? 0);
  return Number.isSafeInteger(value) ? { value, next: at + 1 + count } : null;
}

/** How a length at the end of the bytes at hand is to be understood. */
export const lengthIsCut = (bytes: Buffer, at: number, end: number): boolean => {
  const first = bytes[at];
  if (first === undefined || at >= end) return true;
  const count = first & 0x7f;
  return first > 0x80 && count <= longestLength && at + 1 + count > end;
};

/** BER-OID tag (ST 0107): base 128, the high bit says that more follows. At most 5 bytes. */
export function readTag(bytes: Buffer, at: number, end: number): Read | null {
  let value = 0;
  for (let index = at; index < end && index < at + 5; index++) {
    const byte = bytes[index] ?? 0;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, next: index + 1 };
  }
  return null;
}

/** The shortest form. */
export function writeLength(value: number): Buffer {
  if (value < 0x80) return Buffer.from([value]);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export function writeTag(value: number): Buffer {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return Buffer.from(bytes);
}
