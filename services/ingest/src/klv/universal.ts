// Universal sets (SMPTE ST 336): items that carry a label of 16 bytes each in place of a tag.
import { readLength } from './ber.js';
import type { Coding } from './coding.js';
import { readerOf } from './decode.js';
import { UniversalItem } from './item.js';
import { labelBytes } from './label.js';
import type { ReadSet } from './set.js';
import type { Definition } from './table.js';

/** By designator: bytes 9 to 16 of the label, hexadecimal. Byte 8 is a version, bytes 5 to 7 say what kind of item it is. */
export interface UniversalTable {
  standard: string;
  items: ReadonlyMap<string, Definition>;
}

/** `same`: the tag of the item of ST 0601 that says the same. */
export type UniversalRow = readonly [designator: string, name: string, coding: Coding, units?: string, same?: number];

export const universalTableOf = (standard: string, rows: readonly UniversalRow[]): UniversalTable => ({
  standard,
  items: new Map(
    rows.map(([designator, name, coding, units = '', same]) => [
      designator,
      { tag: -1, name, coding, units, read: readerOf(coding), ...(same === undefined ? {} : { same }) },
    ]),
  ),
});

/** Reads and decodes, as set.ts does local sets. */
export function readUniversal(bytes: Buffer, from: number, table: UniversalTable): ReadSet {
  const items: UniversalItem[] = [];
  let at = from;
  while (at < bytes.length) {
    const length = at + labelBytes <= bytes.length ? readLength(bytes, at + labelBytes, bytes.length) : null;
    if (!length || length.next + length.value > bytes.length) return { items, whole: false };
    const end = length.next + length.value;
    const definition = table.items.get(bytes.toString('hex', at + 8, at + labelBytes));
    const item = new UniversalItem(definition, bytes, at, length.next, end);
    definition?.read(item, bytes, length.next, end, 0);
    items.push(item);
    at = end;
  }
  return { items, whole: true };
}
