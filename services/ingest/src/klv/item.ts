// One item of a set: its bytes, and what they mean by the table.
import { decodeImapb } from './st1201.js';
import type { Coding } from './st0601-table.js';

export type ItemValue = number | string | null;

export interface Item {
  /** Absent in universal sets. */
  tag?: number;
  /** Universal label, hex; only in universal sets. */
  ul?: string;
  hex: string;
  name?: string;
  /** Null: the sender says that there is none, or says nothing readable. Absent: nothing that is one value. */
  value?: ItemValue;
  units?: string;
  /** Why `value` is null or unusual. */
  note?: 'no value' | 'no longer known' | 'unusual length' | 'not UTF-8';
}

export interface Decoded {
  value: ItemValue;
  note?: NonNullable<Item['note']>;
}

const strict = new TextDecoder('utf-8', { fatal: true });

function decodeText(bytes: Buffer): Decoded {
  try {
    // Fixed-size fields are padded with NULs in the wild.
    return { value: strict.decode(bytes).replace(/\0+$/, '') };
  } catch {
    return { value: bytes.toString('latin1'), note: 'not UTF-8' };
  }
}

function unsignedOf(bytes: Buffer): bigint {
  return bytes.length <= 6 ? BigInt(bytes.readUIntBE(0, bytes.length)) : BigInt(`0x${bytes.toString('hex')}`);
}

const numberOf = (value: bigint): ItemValue =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : value.toString();

/** Leading zeros beyond the standard's length: the same integer in a wider field. */
const widened = (bytes: Buffer, length: number): boolean =>
  bytes.length > length && bytes.subarray(0, bytes.length - length).every((byte) => byte === 0);

/** Undefined for what is not one value. Never throws, whatever the bytes. */
export function decodeItem(bytes: Buffer, coding: Coding): Decoded | undefined {
  if (coding.kind === 'raw') return undefined;
  if (coding.kind === 'text') return decodeText(bytes);
  // ST 0107: a length of zero says that the value is no longer known.
  if (bytes.length === 0) return { value: null, note: 'no longer known' };
  if (bytes.length > 8) return { value: null, note: 'unusual length' };
  switch (coding.kind) {
    case 'imapb': {
      const value = decodeImapb(bytes, coding.low, coding.high);
      return value === null ? { value, note: 'no value' } : { value };
    }
    case 'unsigned': {
      const unusual = bytes.length < coding.length || bytes.length > coding.longest;
      return { value: numberOf(unsignedOf(bytes)), ...(unusual ? { note: 'unusual length' } : {}) };
    }
    case 'signed': {
      const unusual = bytes.length < coding.length || bytes.length > coding.longest;
      const value = numberOf(BigInt.asIntN(bytes.length * 8, unsignedOf(bytes)));
      return { value, ...(unusual ? { note: 'unusual length' } : {}) };
    }
    case 'linear':
    case 'symmetric':
      if (bytes.length === coding.length) return mapped(bytes, coding);
      // A sender that widens the field keeps the integer; one that widens the scale fills it. Both are seen.
      return {
        ...mapped(widened(bytes, coding.length) ? bytes.subarray(-coding.length) : bytes, coding),
        note: 'unusual length',
      };
  }
}

function mapped(bytes: Buffer, coding: Coding & { kind: 'linear' | 'symmetric' }): Decoded {
  const bits = bytes.length * 8;
  const whole = bits <= 48 ? bytes.readUIntBE(0, bytes.length) : Number(unsignedOf(bytes));
  if (coding.kind === 'linear') return { value: coding.low + (whole * (coding.high - coding.low)) / (2 ** bits - 1) };
  const half = 2 ** (bits - 1);
  if (whole === half) return { value: null, note: 'no value' };
  return { value: ((whole > half ? whole - 2 * half : whole) * coding.limit) / (half - 1) };
}
