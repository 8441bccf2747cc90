// One KLV packet, from its bytes to named values.
import { readLength } from './ber.js';
import { checksumOf, endsOnChecksum, type ChecksumState } from './checksum.js';
import type { Item } from './item.js';
import { labelBytes } from './label.js';
import { kindOf, kinds, unknownKind, type PacketKind } from './labels.js';
import { readItems, type ReadSet } from './set.js';
import { isOfVersion } from './st0601-table.js';
import { readUniversal } from './universal.js';

export class KlvPacket {
  /** Only for sets that carry one. */
  checksum: ChecksumState | undefined = undefined;
  /** Microseconds as sent; text beyond 2^53. */
  timestamp: number | string | undefined = undefined;
  /** What could not be read of it. */
  error: string | undefined = undefined;
  items: readonly Item[] = [];
  /** Its checksum is wrong as those of its whole stream are: that is how its sender writes (see survey-sums.ts). */
  believed = false;
  /** Bytes of the value from here on are not understood: all of an unknown set, what follows the last readable item. */
  unread: number;

  constructor(
    readonly kind: string,
    private readonly whole: Buffer,
  ) {
    this.unread = whole.length;
  }

  /** Of the whole packet, key and length included. */
  get bytes(): number {
    return this.whole.length;
  }

  /** The label of a set that nobody here knows, hexadecimal. */
  get key(): string | undefined {
    return this.kind === unknownKind.name ? this.whole.toString('hex', 0, labelBytes) : undefined;
  }

  /** What is not understood, as it came, hexadecimal. */
  get hex(): string | undefined {
    return this.unread < this.whole.length ? this.whole.toString('hex', this.unread) : undefined;
  }

  /** The timestamp as a date, where it is one. */
  get utc(): string | undefined {
    return this.timestamp === undefined ? undefined : utcOf(this.timestamp);
  }

  /** Nothing in it can be relied on: its checksum is wrong, or it ends unreadably and no checksum vouches for the rest. */
  get damaged(): boolean {
    if (this.error !== undefined) return this.checksum !== 'ok' && this.checksum !== 'valueOnly';
    return this.checksum === 'bad' && !this.believed;
  }

  /** The last of several counts. */
  item(tag: number): Item | undefined {
    return this.items.findLast((item) => item.tag === tag);
  }

  toJSON(): object {
    const { kind, key, bytes, items, checksum, timestamp, utc, error, hex } = this;
    return { kind, key, bytes, items, checksum, believed: this.believed || undefined, timestamp_us: timestamp, utc, error, hex }; // prettier-ignore
  }
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

/**
 * Some vendors write tags of 128 and more in one byte, which breaks BER-OID. Such a reading is believed only when it
 * comes out exactly on item 1 with the right sum.
 */
function vendorReading(bytes: Buffer, from: number, kind: PacketKind): ReadSet | null {
  if (kind.sum === null) return null;
  const vendor = readItems(bytes, from, bytes.length, kind.table, 0, true);
  const { sum } = kind;
  if (!vendor.whole || !endsOnChecksum(vendor.items, sum)) return null;
  return checksumOf(bytes, from, vendor, sum) === 'ok' ? vendor : null;
}

/** Item 65 says by which version the sender writes; what that does not know is the sender's own and means something else. */
function distrustUnknown({ items, highestTag }: ReadSet): void {
  // Every version knows the first ones.
  if (isOfVersion(highestTag, 0)) return;
  const version = items.findLast(({ tag }) => tag === 65)?.value;
  if (typeof version !== 'number' || isOfVersion(highestTag, version)) return;
  for (const item of items) {
    if (item.tag === undefined || isOfVersion(item.tag, version)) continue;
    item.value = undefined;
    item.note = 'not of the stated version';
  }
}

/** Item 2 of local sets, by its name in the universal one. */
const isTimeStamp = ({ tag, definition }: Item): boolean => (tag ?? definition?.same) === 2;

/** `bytes` is one whole packet: a key, a length, and as many bytes as that says. Never throws. */
export function decodePacket(bytes: Buffer): KlvPacket {
  const kind = kindOf(bytes);
  const packet = new KlvPacket(kind.name, bytes);
  const length = readLength(bytes, labelBytes, bytes.length);
  if (!length) {
    packet.error = 'its length cannot be read';
    packet.unread = Math.min(labelBytes, bytes.length);
    return packet;
  }
  const { table, universal, sum } = kind;
  if (!table && !universal) {
    packet.unread = length.next;
    return packet;
  }
  let read = universal
    ? readUniversal(bytes, length.next, universal)
    : readItems(bytes, length.next, bytes.length, table, 0);
  let checksum = sum ? checksumOf(bytes, length.next, read, sum) : undefined;
  if (!read.whole || (sum && (checksum !== 'ok' || !endsOnChecksum(read.items, sum)))) {
    const vendor = vendorReading(bytes, length.next, kind);
    if (vendor) [read, checksum] = [vendor, 'ok'];
  }
  packet.items = read.items;
  packet.checksum = checksum;
  packet.unread = read.next;
  if (!read.whole) packet.error = `unreadable after ${read.items.length} items`;
  if (kind === kinds.uas) distrustUnknown(read);
  if (kind.timed) {
    const value = read.items.find(isTimeStamp)?.value;
    if (typeof value === 'number' || typeof value === 'string') packet.timestamp = value;
  }
  return packet;
}
