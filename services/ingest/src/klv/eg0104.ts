// MISB EG 0104: the legacy universal set of the Predator, still in real recordings. Values are text, microseconds, or
// IEEE 754 numbers of 4 or 8 bytes; which of the two, the length says.
import { float, set, text, unsigned } from './coding.js';
import { securityTable } from './st0102-table.js';
import { universalTableOf, type UniversalRow } from './universal.js';

// prettier-ignore
const rows: readonly UniversalRow[] = [
  ['0702010101050000', 'Time Stamp', unsigned(8), 'us'],
  ['0101200100000000', 'Device Designation', text],
  ['0105050000000000', 'Episode Number', text],
  ['0420010201010000', 'Image Source Device', text],
  ['0701010100000000', 'Image Coordinate System', text],
  ['0701100106000000', 'Platform Heading Angle', float, 'deg'],
  ['0701100105000000', 'Platform Pitch Angle', float, 'deg'],
  ['0701100104000000', 'Platform Roll Angle', float, 'deg'],
  ['0701020102040200', 'Device Latitude', float, 'deg'],
  ['0701020102060200', 'Device Longitude', float, 'deg'],
  ['0701020102020000', 'Device Altitude', float, 'm'],
  ['0420020101080000', 'Horizontal Field of View', float, 'deg'],
  ['04200201010a0100', 'Vertical Field of View', float, 'deg'],
  ['0701100101000000', 'Sensor Roll Angle', float, 'deg'],
  ['0701100102000000', 'Angle to North', float, 'deg'],
  ['0701100103000000', 'Obliquity Angle', float, 'deg'],
  ['0701080101000000', 'Slant Range', float, 'm'],
  ['0701090201000000', 'Target Width', float, 'm'],
  ['0701020103020000', 'Frame Center Latitude', float, 'deg'],
  ['0701020103040000', 'Frame Center Longitude', float, 'deg'],
  ['0701020103160000', 'Frame Center Elevation', float, 'm'],
  ['0701020103070100', 'Corner Latitude Point 1', float, 'deg'],
  ['0701020103080100', 'Corner Latitude Point 2', float, 'deg'],
  ['0701020103090100', 'Corner Latitude Point 3', float, 'deg'],
  ['07010201030a0100', 'Corner Latitude Point 4', float, 'deg'],
  ['07010201030b0100', 'Corner Longitude Point 1', float, 'deg'],
  ['07010201030c0100', 'Corner Longitude Point 2', float, 'deg'],
  ['07010201030d0100', 'Corner Longitude Point 3', float, 'deg'],
  ['07010201030e0100', 'Corner Longitude Point 4', float, 'deg'],
  ['0702010201010000', 'Start Date Time', text],
  ['0702010207010000', 'Event Start Date Time', text],
  ['0e01030302000000', 'Security Local Set', set(() => securityTable)],
];
export const eg0104Table = universalTableOf('EG 0104', rows);
