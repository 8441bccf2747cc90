// How the bytes of an item become a value: the vocabulary in which the tables of all sets are written.
import type { Field, Pack } from './pack.js';
import type { Table } from './table.js';

/** Names of the values of an enumeration, or of the bits of a field, from the lowest on. */
export type Names = Readonly<Record<number, string>> | readonly string[];

/** Lengths are in bytes. */
export type Coding =
  /** x as it is, big-endian; `names` when it is an enumeration, `bits` when each bit says something. */
  | { kind: 'unsigned'; length: number; longest: number; names?: Names; bits?: Names }
  | { kind: 'signed'; length: number; longest: number }
  /** low + x (high - low) / (2^n - 1). */
  | { kind: 'linear'; length: number; low: number; high: number }
  /** x limit / (2^(n-1) - 1), two's complement; the most negative integer means "no value". */
  | { kind: 'symmetric'; length: number; limit: number }
  /** ST 1201 IMAPB(low, high, length found). */
  | { kind: 'imapb'; longest: number; low: number; high: number }
  /** IEEE 754: 4 or 8 bytes, as they come; `length` when written. */
  | { kind: 'float'; length: 4 | 8 }
  /** UTF-8. */
  | { kind: 'text' }
  /** UTF-16BE by the standard, ASCII in the field (ST 0102 item 13). */
  | { kind: 'utf16' }
  /** 16 bytes (ISO/IEC 9834-8). */
  | { kind: 'uuid' }
  /** A local set inside of the item, without label and length of its own. */
  | { kind: 'set'; table: () => Table }
  /** Elements, each with a BER length before it: local sets or packs. */
  | { kind: 'series'; of: { table: () => Table } | { pack: Pack } }
  /** Fields in a fixed order. */
  | { kind: 'pack'; pack: Pack }
  /** One field that takes the whole item. */
  | { kind: 'field'; field: Field }
  /** Kept as it came. */
  | { kind: 'raw' };

export const unsigned = (length: number, longest = length): Coding => ({ kind: 'unsigned', length, longest });
export const named = (names: Names, length = 1, longest = length): Coding => ({ kind: 'unsigned', length, longest, names }); // prettier-ignore
export const flags = (bits: Names, length = 1): Coding => ({ kind: 'unsigned', length, longest: length, bits });
export const signed = (length: number, longest = length): Coding => ({ kind: 'signed', length, longest });
export const linear = (length: number, low: number, high: number): Coding => ({ kind: 'linear', length, low, high });
export const symmetric = (length: number, limit: number): Coding => ({ kind: 'symmetric', length, limit });
export const imapb = (longest: number, low: number, high: number): Coding => ({ kind: 'imapb', longest, low, high });
export const float: Coding = { kind: 'float', length: 8 };
export const float4: Coding = { kind: 'float', length: 4 };
export const text: Coding = { kind: 'text' };
export const utf16: Coding = { kind: 'utf16' };
export const uuid: Coding = { kind: 'uuid' };
export const raw: Coding = { kind: 'raw' };
export const set = (table: () => Table): Coding => ({ kind: 'set', table });
export const setSeries = (table: () => Table): Coding => ({ kind: 'series', of: { table } });
export const packSeries = (pack: Pack): Coding => ({ kind: 'series', of: { pack } });
export const one = (field: Field): Coding => ({ kind: 'field', field });
export const pack = (fields: Pack): Coding => ({ kind: 'pack', pack: fields });
