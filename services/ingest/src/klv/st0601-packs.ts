// The packs of ST 0601: items that are more than one value and not a set.
import type { Names } from './coding.js';
import { placePack } from './location-pack.js';
import {
  bitNumbers,
  fieldsOf,
  imapbField,
  int,
  list,
  oid,
  restText,
  restUint,
  sized,
  symmetricField,
  uint,
  uuidField,
  type Field,
  type Pack,
} from './pack.js';
import { countryMethods } from './st0102-table.js';

const sizedText = sized(restText);

/** Item 81. Percent of the picture, and then perhaps where on the Earth. */
export const horizonPack: Pack = [
  ['x0', uint(1)],
  ['y0', uint(1)],
  ['x1', uint(1)],
  ['y1', uint(1)],
  ['latitude0', symmetricField(4, 90)],
  ['longitude0', symmetricField(4, 180)],
  ['latitude1', symmetricField(4, 90)],
  ['longitude1', symmetricField(4, 180)],
];

/** Item 115; the time of validity in microseconds. */
export const commandPack: Pack = [
  ['id', oid()],
  ['command', sizedText],
  [
    'time',
    {
      ...uint(8),
      read: (bytes, at, end) => (at + 8 <= end ? { value: Number(bytes.readBigUInt64BE(at)), next: at + 8 } : null),
    },
  ],
];

/** Items 116 and 121. */
export const numbers: Field = list(oid());

/** Item 122. */
export const countriesPack: Pack = [
  ['codingMethod', sized(restUint(countryMethods))],
  ['overflight', sizedText],
  ['operator', sizedText],
  ['manufacture', sizedText],
];

/** Item 127: pictures a second, as a fraction; no denominator is 1. */
export const frameRatePack: Pack = [
  ['numerator', oid()],
  ['denominator', oid(), 1],
];

/** Item 128; nanometres. */
export const wavelengthPack: Pack = [
  ['id', oid()],
  ['least', imapbField(4, 0, 1e9)],
  ['most', imapbField(4, 0, 1e9)],
  ['name', restText],
];

/** Item 130; no recovery: the same as take-off. */
export const airbasePack: Pack = [
  ['takeOff', sized(fieldsOf(placePack))],
  ['recovery', sized(fieldsOf(placePack))],
];

const payloads: Names = ['Electro Optical MI Sensor', 'LIDAR', 'RADAR', 'SIGINT', 'SAR'];

/** Item 138. */
export const payloadsPack: Pack = [
  ['count', oid()],
  ['payloads', list(sized(fieldsOf([['id', oid()], ['type', oid(payloads)], ['name', sizedText]])))],
]; // prettier-ignore

/** Item 139: numbers of payloads. */
export const activePayloads: Field = bitNumbers();

const storeStates: readonly string[] = [
  'Off',
  'Initialization',
  'Ready/Degraded',
  'Ready/All Up Round',
  'Launch',
  'Free Flight',
  'Abort',
  'Fail',
];
const engagements = ['Fuze Enabled', 'Laser Enabled', 'Target Enabled', 'Weapon Armed'];

/** The general state in the low seven bits, engagement from bit 8 on. */
const storeStatus: Field = {
  read: (bytes, at, end) => {
    const read = oid().read(bytes, at, end, 0);
    if (!read) return null;
    const state = Number(read.value) & 127;
    const above = Number(read.value) >> 8;
    const engagement = engagements.filter((_, bit) => ((above >> bit) & 1) === 1);
    return {
      value: { value: Number(read.value), meaning: storeStates[state] ?? null, engagement },
      next: read.next,
    };
  },
  write: (value) => oid().write(value),
};

/** An element of item 140. */
export const storePack: Pack = [
  ['station', oid()],
  ['hardpoint', oid()],
  ['carriage', oid()],
  ['store', oid()],
  ['status', storeStatus],
  ['type', sizedText],
];

/** An element of item 141. Order: -32768 unassigned … ; info bit 0 automated or manual, bit 1 ad hoc or planned. */
export const waypointPack: Pack = [
  ['id', oid()],
  ['order', int(2)],
  ['info', oid()],
  ['place', fieldsOf(placePack)],
];

const span = (low: number, high: number): Field =>
  sized({
    // Both halves are as long as the sender likes.
    read: (bytes, at, end) => {
      const half = (end - at) / 2;
      if (!Number.isInteger(half) || half > 8) return null;
      const start = imapbField(half, low, high).read(bytes, at, end, 0);
      const range = imapbField(half, 0, 360).read(bytes, at + half, end, 0);
      return { value: { start: start?.value ?? null, range: range?.value ?? null, bytes: half }, next: end };
    },
    write: (value) => {
      const { start, range, bytes } = value as { start: number; range: number; bytes: number };
      return Buffer.concat([imapbField(bytes, low, high).write(start), imapbField(bytes, 0, 360).write(range)]);
    },
  });

/** Item 142; degrees. */
export const viewPack: Pack = [
  ['azimuth', span(0, 360)],
  ['elevation', span(-180, 180)],
  ['roll', span(0, 360)],
];

/** Item 143. */
export const substreamPack: Pack = [
  ['localId', oid()],
  ['universalId', uuidField],
];
