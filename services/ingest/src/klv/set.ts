// Local sets (SMPTE ST 336, MISB ST 0107): items of a BER-OID tag, a BER length and a value.
import { klvBudget } from '../budgets.js';
import { readLength, readTag } from './ber.js';
import { Item } from './item.js';
import { tableFor, type Table } from './table.js';

export interface ReadSet {
  items: Item[];
  /** False when the set ended before its last item did, or holds absurdly many; what came before counts. */
  whole: boolean;
  /** Where the first item begins that is not whole; else the end. */
  next: number;
  /** Of all tags. */
  highestTag: number;
}

/** Reads and decodes. `oneByteTags`: see packet.ts. */
export function readItems(
  bytes: Buffer,
  from: number,
  end: number,
  table: Table | null,
  depth: number,
  oneByteTags = false,
): ReadSet {
  const read = walk(bytes, from, end, table, depth, oneByteTags);
  if (!table?.earlier) return read;
  const told = tableFor(table, read.items);
  return told === table ? read : walk(bytes, from, end, told, depth, oneByteTags);
}

function walk(
  bytes: Buffer,
  from: number,
  end: number,
  table: Table | null,
  depth: number,
  oneByteTags: boolean,
): ReadSet {
  const items: Item[] = [];
  const definitions = table?.items;
  let at = from;
  let highestTag = 0;
  const cut = (): ReadSet => ({ items, whole: false, next: at, highestTag });
  while (at < end) {
    if (items.length >= klvBudget.itemsOfSet) return cut();
    let tag = bytes[at] ?? 0;
    let start = at + 1;
    if (tag >= 0x80 && !oneByteTags) {
      const read = readTag(bytes, at, end);
      if (!read) return cut();
      tag = read.value;
      start = read.next;
    }
    let size = start < end ? (bytes[start] ?? 0) : 0x80;
    start++;
    if (size >= 0x80) {
      const read = readLength(bytes, start - 1, end);
      if (!read) return cut();
      size = read.value;
      start = read.next;
    }
    if (start + size > end) return cut();
    at = start + size;
    if (tag > highestTag) highestTag = tag;
    const definition = definitions?.[tag];
    const item = new Item(tag, definition, bytes, start, at);
    if (definition) definition.read(item, bytes, start, at, depth);
    items.push(item);
  }
  return { items, whole: true, next: at, highestTag };
}
