// MISB ST 0806.4: the Remote Video Terminal local set and the sets in it.
import { linear, named, one, raw, set, symmetric, text, unsigned, type Names } from './coding.js';
import { restHex, type Field } from './pack.js';
import { tableOf, type Row } from './table.js';

const sides: Names = { 1: 'Friendly', 2: 'Hostile', 3: 'Target', 4: 'Unknown' };
const dataTypes: Names = ['String', 'Signed Integer', 'Unsigned Integer', 'Experimental'];

/** Two bits of type, six of number. */
const typedNumber: Field = {
  read: (bytes, at) => {
    const byte = bytes[at] ?? 0;
    return {
      value: { type: { value: byte >> 6, meaning: dataTypes[byte >> 6] ?? null }, id: byte & 63 },
      next: at + 1,
    };
  },
  write: (value) => {
    const { type, id } = value as { type: { value: number }; id: number };
    return Buffer.from([(type.value << 6) | id]);
  },
};

const userTable = tableOf('ST 0806', [
  [1, 'Numeric ID and Data Type', one(typedNumber)],
  [2, 'User Data', one(restHex)],
]);

// prettier-ignore
const pointRows: readonly Row[] = [
  [1, 'POI Number', unsigned(2)],
  [2, 'POI Latitude', symmetric(4, 90), 'deg'],
  [3, 'POI Longitude', symmetric(4, 180), 'deg'],
  [4, 'POI Altitude', linear(2, -900, 19_000), 'm'],
  [5, 'POI Type', named(sides)],
  [6, 'POI Text', text],
  [7, 'POI Source Icon', text],
  [8, 'POI Source ID', text],
  [9, 'POI Label', text],
  [10, 'Operation ID', text],
];
const pointTable = tableOf('ST 0806', pointRows);

// prettier-ignore
const areaRows: readonly Row[] = [
  [1, 'AOI Number', unsigned(2)],
  [2, 'AOI Corner 1 Latitude', symmetric(4, 90), 'deg'],
  [3, 'AOI Corner 1 Longitude', symmetric(4, 180), 'deg'],
  [4, 'AOI Corner 3 Latitude', symmetric(4, 90), 'deg'],
  [5, 'AOI Corner 3 Longitude', symmetric(4, 180), 'deg'],
  [6, 'AOI Type', named(sides)],
  [7, 'AOI Text', text],
  [8, 'AOI Source ID', text],
  [9, 'AOI Label', text],
  [10, 'Operation ID', text],
];
const areaTable = tableOf('ST 0806', areaRows);

// prettier-ignore
const rows: readonly Row[] = [
  [1, 'Checksum', unsigned(4)],
  [2, 'Timestamp', unsigned(8), 'us'],
  [3, 'Platform True Airspeed', unsigned(2), 'm/s'],
  [4, 'Platform Indicated Airspeed', unsigned(2), 'm/s'],
  [5, 'Telemetry Accuracy Indicator', raw],
  [6, 'Frag Circle Radius', unsigned(2), 'm'],
  [7, 'Frame Code', unsigned(4)],
  [8, 'UAS LS Version Number', unsigned(1)],
  [9, 'Video Data Rate', unsigned(4), 'bit/s'],
  [10, 'Digital Video File Format', text],
  [11, 'User Defined Local Set', set(() => userTable)],
  [12, 'Point of Interest Local Set', set(() => pointTable)],
  [13, 'Area of Interest Local Set', set(() => areaTable)],
  [14, 'MGRS Zone', unsigned(1)],
  [15, 'MGRS Latitude Band and Grid Square', text],
  [16, 'MGRS Easting', unsigned(3), 'm'],
  [17, 'MGRS Northing', unsigned(3), 'm'],
  [18, 'Frame Center MGRS Zone', unsigned(1)],
  [19, 'Frame Center MGRS Latitude Band and Grid Square', text],
  [20, 'Frame Center MGRS Easting', unsigned(3), 'm'],
  [21, 'Frame Center MGRS Northing', unsigned(3), 'm'],
];
export const rvtTable = tableOf('ST 0806', rows);
