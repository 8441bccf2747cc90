// The items that a set knows, by tag; made from one line an item.
import type { Coding } from './coding.js';
import { readerOf, type Reader } from './decode.js';

export interface Definition {
  tag: number;
  name: string;
  coding: Coding;
  units: string;
  /** Of an item of a universal set: the tag of the item of ST 0601 that says the same. */
  same?: number;
  /** Gives an item its value. */
  read: Reader;
}

export interface Table {
  /** The standard, as "ST 0601". */
  standard: string;
  /** By tag. */
  items: readonly (Definition | undefined)[];
  /** How items were written up to a version of the standard, which an item tells. */
  earlier?: { versionTag: number; last: number; table: Table };
}

export type Row = readonly [tag: number, name: string, coding: Coding, units?: string];

export function tableOf(standard: string, rows: readonly Row[]): Table {
  const items: (Definition | undefined)[] = [];
  for (const [tag, name, coding, units = ''] of rows) items[tag] = { tag, name, coding, units, read: readerOf(coding) };
  return { standard, items };
}

export const definitionsOf = (table: Table): Definition[] => table.items.filter((item) => item !== undefined);

/** The table by which a set's items are written: that of the version that they tell. */
export function tableFor(table: Table, items: readonly { tag?: number | undefined; value?: unknown }[]): Table {
  const { earlier } = table;
  if (!earlier) return table;
  const version = items.find(({ tag }) => tag === earlier.versionTag)?.value;
  return typeof version === 'number' && version <= earlier.last ? earlier.table : table;
}
