// Universal labels of the packets that are told apart (SMPTE ST 336; MISB registry).

/** First bytes of every universal label. */
export const labelStart = Buffer.from('060e2b34', 'hex');
export const labelBytes = 16;

export type SetForm = 'local' | 'universal' | 'raw';

export interface PacketKind {
  /** As told to people and programs. */
  name: string;
  form: SetForm;
  /** Whether item 1 is the running 16-bit sum. */
  summed: boolean;
}

// prettier-ignore
const known: readonly (readonly [string, PacketKind])[] = [
  ['060e2b34020b01010e01030101000000', { name: 'ST0601 UAS LS', form: 'local', summed: true }],
  ['060e2b34020b01010e01030306000000', { name: 'ST0903 VMTI LS', form: 'local', summed: true }],
  ['060e2b34020b01010e0103031e000000', { name: 'ST0903 VTrack LS', form: 'local', summed: true }],
  ['060e2b34020b01010e01030102000000', { name: 'ST0806 RVT LS', form: 'local', summed: false }],
  ['060e2b34020b01010e01030301000000', { name: 'ST1601 Geo-Registration LS', form: 'local', summed: false }],
  ['060e2b34020101010e01010201010000', { name: 'EG0104 Predator US', form: 'universal', summed: false }],
  ['060e2b34020301010e01030302000000', { name: 'ST0102 Security LS', form: 'local', summed: false }],
  ['060e2b34020101010208020000000000', { name: 'ST0102 Security US', form: 'universal', summed: false }],
];

export const uasLabel = Buffer.from('060e2b34020b01010e01030101000000', 'hex');

/** Bytes 5 to 8 carry registry and structure versions, which vary in the field: what a set is stands in bytes 9 to 16. */
const byDesignator = new Map(known.map(([label, kind]) => [label.slice(16), kind]));
const unknownKind: PacketKind = { name: 'unknown', form: 'raw', summed: false };

export const kindOf = (label: Buffer): PacketKind =>
  byDesignator.get(label.toString('hex', 8, labelBytes)) ?? unknownKind;
