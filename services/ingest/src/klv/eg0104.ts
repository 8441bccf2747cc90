// MISB EG 0104: the legacy universal set of the Predator, still in real recordings. Values are text, microseconds, or
// IEEE 754 numbers of 4 or 8 bytes; which of the two, the length says.
import type { Item } from './item.js';

/** Designators without the version byte (byte 8): bytes 5 to 7 and 9 to 16. */
// prettier-ignore
const known: readonly (readonly [string, string, 'number' | 'text' | 'time', string])[] = [
  ['0702010101050000', 'Time Stamp', 'time', 'us'],
  ['0101200100000000', 'Device Designation', 'text', ''],
  ['0105050000000000', 'Episode Number', 'text', ''],
  ['0420010201010000', 'Image Source Device', 'text', ''],
  ['0701010100000000', 'Image Coordinate System', 'text', ''],
  ['0701100106000000', 'Platform Heading Angle', 'number', 'deg'],
  ['0701100105000000', 'Platform Pitch Angle', 'number', 'deg'],
  ['0701100104000000', 'Platform Roll Angle', 'number', 'deg'],
  ['0701020102040200', 'Device Latitude', 'number', 'deg'],
  ['0701020102060200', 'Device Longitude', 'number', 'deg'],
  ['0701020102020000', 'Device Altitude', 'number', 'm'],
  ['0420020101080000', 'Horizontal Field of View', 'number', 'deg'],
  ['04200201010a0100', 'Vertical Field of View', 'number', 'deg'],
  ['0701100101000000', 'Sensor Roll Angle', 'number', 'deg'],
  ['0701100102000000', 'Angle to North', 'number', 'deg'],
  ['0701100103000000', 'Obliquity Angle', 'number', 'deg'],
  ['0701080101000000', 'Slant Range', 'number', 'm'],
  ['0701090201000000', 'Target Width', 'number', 'm'],
  ['0701020103020000', 'Frame Center Latitude', 'number', 'deg'],
  ['0701020103040000', 'Frame Center Longitude', 'number', 'deg'],
  ['0701020103160000', 'Frame Center Elevation', 'number', 'm'],
  ['0701020103070100', 'Corner Latitude Point 1', 'number', 'deg'],
  ['0701020103080100', 'Corner Latitude Point 2', 'number', 'deg'],
  ['0701020103090100', 'Corner Latitude Point 3', 'number', 'deg'],
  ['07010201030a0100', 'Corner Latitude Point 4', 'number', 'deg'],
  ['07010201030b0100', 'Corner Longitude Point 1', 'number', 'deg'],
  ['07010201030c0100', 'Corner Longitude Point 2', 'number', 'deg'],
  ['07010201030d0100', 'Corner Longitude Point 3', 'number', 'deg'],
  ['07010201030e0100', 'Corner Longitude Point 4', 'number', 'deg'],
  ['0702010201010000', 'Start Date Time', 'text', ''],
  ['0702010207010000', 'Event Start Date Time', 'text', ''],
];
const byDesignator = new Map(known.map(([designator, ...rest]) => [designator, rest]));

export function eg0104Item(label: Buffer, value: Buffer): Item {
  const item: Item = { ul: label.toString('hex'), hex: value.toString('hex') };
  const definition = byDesignator.get(label.toString('hex', 8, 16));
  if (!definition) return item;
  const [name, type, units] = definition;
  item.name = name;
  if (type === 'text') item.value = value.toString('latin1').replace(/\0+$/, '');
  else if (type === 'time') item.value = value.length === 8 ? Number(value.readBigUInt64BE()) : null;
  else {
    const number = value.length === 4 ? value.readFloatBE() : value.length === 8 ? value.readDoubleBE() : NaN;
    item.value = Number.isFinite(number) ? number : null;
  }
  if (units !== '') item.units = units;
  return item;
}
