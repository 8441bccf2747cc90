// MISB EG 0104: the legacy universal set of the Predator, still in real recordings. Values are text, microseconds, or
// IEEE 754 numbers of 4 or 8 bytes; which of the two, the length says. The last column is the tag of ST 0601's item that says
// the same (ST 0601.12 section 8); angles of the sensor are against the Earth here, against the platform there.
import { float, float4, set, text, unsigned } from './coding.js';
import { securityTable } from './st0102-table.js';
import { universalTableOf, type UniversalRow } from './universal.js';

// prettier-ignore
const rows: readonly UniversalRow[] = [
  ['010101010702010101050000', 'Time Stamp', unsigned(8), 'us', 2],
  ['010101010101200100000000', 'Device Designation', text, '', 10],
  ['010101010105050000000000', 'Episode Number', text, '', 3],
  ['010101010420010201010000', 'Image Source Device', text, '', 11],
  ['010101010701010100000000', 'Image Coordinate System', text, '', 12],
  ['010101070701100106000000', 'Platform Heading Angle', float4, 'deg', 5],
  ['010101070701100105000000', 'Platform Pitch Angle', float4, 'deg', 6],
  ['010101070701100104000000', 'Platform Roll Angle', float4, 'deg', 7],
  ['010101030701020102040200', 'Device Latitude', float, 'deg', 13],
  ['010101030701020102060200', 'Device Longitude', float, 'deg', 14],
  ['010101010701020102020000', 'Device Altitude', float4, 'm', 15],
  ['010101020420020101080000', 'Horizontal Field of View', float4, 'deg', 16],
  ['0101010704200201010a0100', 'Vertical Field of View', float4, 'deg', 17],
  ['010101010701100101000000', 'Sensor Roll Angle', float4, 'deg'],
  ['010101010701100102000000', 'Angle to North', float4, 'deg'],
  ['010101010701100103000000', 'Obliquity Angle', float4, 'deg'],
  ['010101010701080101000000', 'Slant Range', float4, 'm', 21],
  ['010101010701090201000000', 'Target Width', float4, 'm', 22],
  ['010101010701020103020000', 'Frame Center Latitude', float, 'deg', 23],
  ['010101010701020103040000', 'Frame Center Longitude', float, 'deg', 24],
  ['0101010a0701020103160000', 'Frame Center Elevation', float4, 'm', 25],
  ['010101030701020103070100', 'Corner Latitude Point 1', float, 'deg', 82],
  ['010101030701020103080100', 'Corner Latitude Point 2', float, 'deg', 84],
  ['010101030701020103090100', 'Corner Latitude Point 3', float, 'deg', 86],
  ['0101010307010201030a0100', 'Corner Latitude Point 4', float, 'deg', 88],
  ['0101010307010201030b0100', 'Corner Longitude Point 1', float, 'deg', 83],
  ['0101010307010201030c0100', 'Corner Longitude Point 2', float, 'deg', 85],
  ['0101010307010201030d0100', 'Corner Longitude Point 3', float, 'deg', 87],
  ['0101010307010201030e0100', 'Corner Longitude Point 4', float, 'deg', 89],
  ['010101010702010201010000', 'Start Date Time', text],
  ['010101010702010207010000', 'Event Start Date Time', text],
  ['020301010e01030302000000', 'Security Local Set', set(() => securityTable), '', 48],
];
export const eg0104Table = universalTableOf('EG 0104', rows);
