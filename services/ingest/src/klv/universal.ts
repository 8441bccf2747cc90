// Universal sets (SMPTE ST 336): items that carry a label of 16 bytes each in place of a tag.
import { klvBudget } from '../budgets.js';
import { readLength, writeLength } from './ber.js';
import type { Coding } from './coding.js';
import { readerOf } from './decode.js';
import { UniversalItem } from './item.js';
import { labelBytes, labelStart } from './label.js';
import type { ReadSet } from './set.js';
import type { Definition } from './table.js';
import { writeValue, type Writable } from './write.js';

export interface UniversalTable {
  standard: string;
  /** By designator: bytes 9 to 16 of the label, hexadecimal. Byte 8 is a version, bytes 5 to 7 say what kind of item it is. */
  items: ReadonlyMap<string, Definition>;
  /** Labels by the names of their items. */
  labels: ReadonlyMap<string, Buffer>;
}

/** `label`: its bytes 5 to 16, hexadecimal. `same`: the tag of the item of ST 0601 that says the same. */
export type UniversalRow = readonly [label: string, name: string, coding: Coding, units?: string, same?: number];

/** Hexadecimal digits of bytes 5 to 8. */
const beforeDesignator = 8;

export const universalTableOf = (standard: string, rows: readonly UniversalRow[]): UniversalTable => ({
  standard,
  items: new Map(
    rows.map(([label, name, coding, units = '', same]) => [
      label.slice(beforeDesignator),
      { tag: -1, name, coding, units, read: readerOf(coding), ...(same === undefined ? {} : { same }) },
    ]),
  ),
  labels: new Map(rows.map(([label, name]) => [name, Buffer.concat([labelStart, Buffer.from(label, 'hex')])])),
});

/** Reads and decodes, as set.ts does local sets. */
export function readUniversal(bytes: Buffer, from: number, table: UniversalTable): ReadSet {
  const items: UniversalItem[] = [];
  let at = from;
  while (at < bytes.length) {
    const length = at + labelBytes <= bytes.length ? readLength(bytes, at + labelBytes, bytes.length) : null;
    if (!length || items.length >= klvBudget.itemsOfSet || length.next + length.value > bytes.length)
      return { items, whole: false, next: at, highestTag: 0 };
    const end = length.next + length.value;
    const definition = table.items.get(bytes.toString('hex', at + 8, at + labelBytes));
    const item = new UniversalItem(definition, bytes, at, length.next, end);
    definition?.read(item, bytes, length.next, end, 0);
    items.push(item);
    at = end;
  }
  return { items, whole: true, next: at, highestTag: 0 };
}

/** The bytes of a universal set's items, without the set's own label and length. Throws for a name that it does not know. */
export const writeUniversal = (table: UniversalTable, items: readonly (readonly [string, Writable])[]): Buffer =>
  Buffer.concat(
    items.flatMap(([name, value]) => {
      const label = table.labels.get(name);
      const definition = label && table.items.get(label.toString('hex', 8));
      if (!definition) throw new TypeError(`${table.standard} has no item ${name}`);
      const bytes = writeValue(definition.coding, value);
      return [label, writeLength(bytes.length), bytes];
    }),
  );
