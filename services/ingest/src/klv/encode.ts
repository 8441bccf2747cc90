// Whole packets, written from the tables that read them.
import { writeLength } from './ber.js';
import { crc32 } from '../mpegts/psi.js';
import { runningSum } from './checksum.js';
import { kinds, type PacketKind } from './labels.js';
import { writeUniversal } from './universal.js';
import { writeItems, type Writable } from './write.js';

export type Encodable = Writable;

const sums: Record<NonNullable<PacketKind['sum']>, { bytes: number; of: (packet: Buffer) => number }> = {
  running: { bytes: 2, of: (packet) => runningSum(packet, 0, packet.length - 2) },
  crc: { bytes: 4, of: (packet) => crc32(packet.subarray(0, -4)) },
};

const packetOf = (kind: PacketKind, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(kind.label, 'hex'), writeLength(body.length), body]);

/** The items in their order (the time stamp belongs first), and the checksum last where the kind of set has one. */
export function encodePacket(
  items: readonly (readonly [tag: number, value: Encodable])[],
  kind: PacketKind = kinds.uas,
): Buffer {
  const { table, sum } = kind;
  if (!table) throw new TypeError(`${kind.name} is not a local set`);
  const parts = [writeItems(table, items.map(([tag, value]) => ({ tag, value })))]; // prettier-ignore
  if (sum) parts.push(Buffer.from([1, sums[sum].bytes, ...Buffer.alloc(sums[sum].bytes)]));
  const packet = packetOf(kind, Buffer.concat(parts));
  if (sum) {
    const { bytes, of } = sums[sum];
    packet.writeUIntBE(of(packet), packet.length - bytes, bytes);
  }
  return packet;
}

/** Of a universal set: items by their names, in their order. */
export function encodeUniversalPacket(
  items: readonly (readonly [name: string, value: Encodable])[],
  kind: PacketKind = kinds.predator,
): Buffer {
  if (!kind.universal) throw new TypeError(`${kind.name} is not a universal set`);
  return packetOf(kind, writeUniversal(kind.universal, items));
}
