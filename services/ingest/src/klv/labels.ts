// Universal labels of the packets that are told apart (SMPTE ST 336; MISB registry).
import type { ChecksumRule } from './checksum.js';
import { eg0104Table } from './eg0104.js';
import { registrationTable } from './image-tables.js';
import { securityTable, securityUniversalTable } from './st0102-table.js';
import { uasTable } from './st0601-table.js';
import { rvtTable } from './st0806-table.js';
import { trackTable, vmtiTable } from './st0903-table.js';
import { labelBytes } from './label.js';
import type { Table } from './table.js';
import type { UniversalTable } from './universal.js';

export interface PacketKind {
  /** As told to people and programs. */
  name: string;
  /** Hexadecimal digits. */
  label: string;
  /** Of a local set. */
  table: Table | null;
  /** Of a universal set. */
  universal: UniversalTable | null;
  /** What its item 1 is: the running 16-bit sum, or CRC-32; null when it has none. */
  sum: ChecksumRule | null;
  /** Whether item 2 is the microseconds at which it holds. */
  timed: boolean;
}

const local = (name: string, label: string, table: Table, sum: PacketKind['sum'] = null): PacketKind => ({ name, label, table, universal: null, sum, timed: sum !== null }); // prettier-ignore
const universal = (name: string, label: string, items: UniversalTable, timed: boolean): PacketKind => ({ name, label, table: null, universal: items, sum: null, timed }); // prettier-ignore

export const kinds = {
  uas: local('ST0601 UAS LS', '060e2b34020b01010e01030101000000', uasTable, 'running'),
  vmti: local('ST0903 VMTI LS', '060e2b34020b01010e01030306000000', vmtiTable, 'running'),
  track: local('ST0903 VTrack LS', '060e2b34020b01010e0103031e000000', trackTable, 'running'),
  rvt: local('ST0806 RVT LS', '060e2b34020b01010e01030102000000', rvtTable, 'crc'),
  registration: local('ST1601 Geo-Registration LS', '060e2b34020b01010e01030301000000', registrationTable),
  predator: universal('EG0104 Predator US', '060e2b34020101010e01010201010000', eg0104Table, true),
  security: local('ST0102 Security LS', '060e2b34020301010e01030302000000', securityTable),
  securityUniversal: universal('ST0102 Security US', '060e2b34020101010208020000000000', securityUniversalTable, false),
} as const satisfies Record<string, PacketKind>;

/** Sets that tell of the platform and its sensor; others, as stand-alone moving targets, have no places of their own. */
export const aboutSensor: readonly string[] = [kinds.uas.name, kinds.predator.name];

export const unknownKind: PacketKind = {
  name: 'unknown',
  label: '',
  table: null,
  universal: null,
  sum: null,
  timed: false,
};

/** Bytes 5 to 8 carry registry and structure versions, which vary in the field: what a set is stands in bytes 9 to 16. */
const byDesignator = new Map<number, Map<number, PacketKind>>();
for (const kind of Object.values<PacketKind>(kinds)) {
  const label = Buffer.from(kind.label, 'hex');
  const first = label.readUInt32BE(8);
  const rest = byDesignator.get(first) ?? new Map<number, PacketKind>();
  byDesignator.set(first, rest.set(label.readUInt32BE(12), kind));
}

const word = (bytes: Buffer, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;

export function kindOf(packet: Buffer): PacketKind {
  if (packet.length < labelBytes) return unknownKind;
  return byDesignator.get(word(packet, 8))?.get(word(packet, 12)) ?? unknownKind;
}
