// MISB EG 0104: the legacy universal set of the Predator, still in real recordings. Values are text, microseconds, or
// IEEE 754 numbers of 4 or 8 bytes; which of the two, the length says. The last column is the tag of ST 0601's item that says
// the same (ST 0601.12 section 8); angles of the sensor are against the Earth here, against the platform there.
import { float, set, text, unsigned } from './coding.js';
import { securityTable } from './st0102-table.js';
import { universalTableOf, type UniversalRow } from './universal.js';

// prettier-ignore
const rows: readonly UniversalRow[] = [
  ['0702010101050000', 'Time Stamp', unsigned(8), 'us', 2],
  ['0101200100000000', 'Device Designation', text, '', 10],
  ['0105050000000000', 'Episode Number', text, '', 3],
  ['0420010201010000', 'Image Source Device', text, '', 11],
  ['0701010100000000', 'Image Coordinate System', text, '', 12],
  ['0701100106000000', 'Platform Heading Angle', float, 'deg', 5],
  ['0701100105000000', 'Platform Pitch Angle', float, 'deg', 6],
  ['0701100104000000', 'Platform Roll Angle', float, 'deg', 7],
  ['0701020102040200', 'Device Latitude', float, 'deg', 13],
  ['0701020102060200', 'Device Longitude', float, 'deg', 14],
  ['0701020102020000', 'Device Altitude', float, 'm', 15],
  ['0420020101080000', 'Horizontal Field of View', float, 'deg', 16],
  ['04200201010a0100', 'Vertical Field of View', float, 'deg', 17],
  ['0701100101000000', 'Sensor Roll Angle', float, 'deg'],
  ['0701100102000000', 'Angle to North', float, 'deg'],
  ['0701100103000000', 'Obliquity Angle', float, 'deg'],
  ['0701080101000000', 'Slant Range', float, 'm', 21],
  ['0701090201000000', 'Target Width', float, 'm', 22],
  ['0701020103020000', 'Frame Center Latitude', float, 'deg', 23],
  ['0701020103040000', 'Frame Center Longitude', float, 'deg', 24],
  ['0701020103160000', 'Frame Center Elevation', float, 'm', 25],
  ['0701020103070100', 'Corner Latitude Point 1', float, 'deg', 82],
  ['0701020103080100', 'Corner Latitude Point 2', float, 'deg', 84],
  ['0701020103090100', 'Corner Latitude Point 3', float, 'deg', 86],
  ['07010201030a0100', 'Corner Latitude Point 4', float, 'deg', 88],
  ['07010201030b0100', 'Corner Longitude Point 1', float, 'deg', 83],
  ['07010201030c0100', 'Corner Longitude Point 2', float, 'deg', 85],
  ['07010201030d0100', 'Corner Longitude Point 3', float, 'deg', 87],
  ['07010201030e0100', 'Corner Longitude Point 4', float, 'deg', 89],
  ['0702010201010000', 'Start Date Time', text],
  ['0702010207010000', 'Event Start Date Time', text],
  ['0e01030302000000', 'Security Local Set', set(() => securityTable), '', 48],
];
export const eg0104Table = universalTableOf('EG 0104', rows);
