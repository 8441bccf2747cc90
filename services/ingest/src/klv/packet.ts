// One KLV packet, from its bytes to named values.
import { readLength, readTag } from './ber.js';
import { runningSum } from './checksum.js';
import { eg0104Item } from './eg0104.js';
import { decodeItem, type Item } from './item.js';
import { kindOf, labelBytes } from './labels.js';
import { itemDefinition } from './st0601-table.js';

export type ChecksumState = 'ok' | 'bad' | 'missing';

export interface KlvPacket {
  kind: string;
  /** Whole packet, key and length included. */
  bytes: number;
  items: Item[];
  /** Only for sets that carry one. */
  checksum?: ChecksumState;
  /** Microseconds as sent; text beyond 2^53. */
  timestamp_us?: number | string;
  /** The timestamp as a date, where it is one. */
  utc?: string;
  /** What could not be read of it. */
  error?: string;
}

interface RawItem {
  tag: number;
  start: number;
  end: number;
}

/** Walks a local set. `whole` is false when the walk ended before the set did; what came before counts. */
function walk(bytes: Buffer, from: number, end: number, oneByteTags: boolean): { items: RawItem[]; whole: boolean } {
  const items: RawItem[] = [];
  let at = from;
  while (at < end) {
    const tag = oneByteTags ? { value: bytes[at] ?? 0, next: at + 1 } : readTag(bytes, at, end);
    const length = tag && readLength(bytes, tag.next, end);
    if (!tag || !length || length.next + length.value > end) return { items, whole: false };
    items.push({ tag: tag.value, start: length.next, end: length.next + length.value });
    at = length.next + length.value;
  }
  return { items, whole: true };
}

/** Item 1 of two bytes at the very end. */
function checksumOf(bytes: Buffer, items: readonly RawItem[]): ChecksumState {
  const last = items.at(-1);
  if (last?.tag !== 1 || last.end - last.start !== 2 || last.end !== bytes.length) {
    return items.some((item) => item.tag === 1) ? 'bad' : 'missing';
  }
  return runningSum(bytes, 0, last.start) === bytes.readUInt16BE(last.start) ? 'ok' : 'bad';
}

/**
 * Some vendors write tags of 128 and more in one byte, which breaks BER-OID. Such a reading is believed only when it
 * comes out exactly on item 1 with the right sum.
 */
function localItems(bytes: Buffer, from: number, summed: boolean): { items: RawItem[]; error: string | undefined } {
  const proper = walk(bytes, from, bytes.length, false);
  if (proper.whole) return { items: proper.items, error: undefined };
  if (summed) {
    const vendor = walk(bytes, from, bytes.length, true);
    if (vendor.whole && checksumOf(bytes, vendor.items) === 'ok') return { items: vendor.items, error: undefined };
  }
  const last = proper.items.at(-1);
  return { items: proper.items, error: `unreadable from byte ${last?.end ?? from} on` };
}

function universalItems(bytes: Buffer, from: number): { items: Item[]; error: string | undefined } {
  const items: Item[] = [];
  let at = from;
  while (at < bytes.length) {
    const length = at + labelBytes <= bytes.length ? readLength(bytes, at + labelBytes, bytes.length) : null;
    if (!length || length.next + length.value > bytes.length) return { items, error: `unreadable from byte ${at} on` };
    items.push(
      eg0104Item(bytes.subarray(at, at + labelBytes), bytes.subarray(length.next, length.next + length.value)),
    );
    at = length.next + length.value;
  }
  return { items, error: undefined };
}

function uasItem(bytes: Buffer, { tag, start, end }: RawItem): Item {
  const value = bytes.subarray(start, end);
  const item: Item = { tag, hex: value.toString('hex') };
  const definition = itemDefinition(tag);
  if (!definition) return item;
  item.name = definition.name;
  const decoded = decodeItem(value, definition.coding);
  if (decoded) {
    item.value = decoded.value;
    if (decoded.note) item.note = decoded.note;
  }
  if (definition.units !== '') item.units = definition.units;
  return item;
}

/** 0 to 9999 in years: what a date can say. */
const lastDate = 253_402_300_799_999_999n;

export function utcOf(timestamp: number | string): string | undefined {
  const microseconds = BigInt(timestamp);
  if (microseconds < 0n || microseconds > lastDate) return undefined;
  const seconds = new Date(Number(microseconds / 1000n)).toISOString().slice(0, 19);
  const rest = microseconds % 1_000_000n;
  return rest === 0n ? `${seconds}Z` : `${seconds}.${rest.toString().padStart(6, '0')}Z`;
}

function stamp(packet: KlvPacket, bytes: Buffer): void {
  if (bytes.length === 0 || bytes.length > 8) return;
  const value = BigInt(`0x${bytes.toString('hex')}`);
  packet.timestamp_us = value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
  const utc = utcOf(packet.timestamp_us);
  if (utc !== undefined) packet.utc = utc;
}

/** `bytes` is one whole packet: a key, a length, and as many bytes as that says. Never throws. */
export function decodePacket(bytes: Buffer): KlvPacket {
  const kind = kindOf(bytes.subarray(0, labelBytes));
  const packet: KlvPacket = { kind: kind.name, bytes: bytes.length, items: [] };
  const length = readLength(bytes, labelBytes, bytes.length);
  if (!length) return { ...packet, error: 'its length cannot be read' };
  if (kind.form === 'universal') {
    const { items, error } = universalItems(bytes, length.next);
    packet.items = items;
    if (error !== undefined) packet.error = error;
    const time = items.find((item) => item.name === 'Time Stamp');
    if (time) stamp(packet, Buffer.from(time.hex, 'hex'));
    return packet;
  }
  if (kind.form === 'raw') return packet;
  const { items, error } = localItems(bytes, length.next, kind.summed);
  if (error !== undefined) packet.error = error;
  if (kind.summed) packet.checksum = checksumOf(bytes, items);
  const uas = kind.name === 'ST0601 UAS LS';
  packet.items = uas
    ? items.map((item) => uasItem(bytes, item))
    : items.map(({ tag, start, end }) => ({ tag, hex: bytes.toString('hex', start, end) }));
  const time = items.find((item) => item.tag === 2);
  if (time && uas) stamp(packet, bytes.subarray(time.start, time.end));
  return packet;
}
