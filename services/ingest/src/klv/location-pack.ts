// Positions, velocities and accelerations with their uncertainties, as ST 0903 and ST 0601 pack them.
import { imapbField, linearField, type Field, type Pack } from './pack.js';

/** How a number with a point is written into so many bytes. */
export type NumberField = (size: number, low: number, high: number) => Field;

const uncertainties = (number: NumberField): Pack => [
  ...['sigmaEast', 'sigmaNorth', 'sigmaUp'].map((name) => [name, number(2, 0, 650)] as const),
  ...['rhoEastNorth', 'rhoEastUp', 'rhoNorthUp'].map((name) => [name, number(2, -1, 1)] as const),
];

/** ST 0903 Location: 10, 16 or 22 bytes. Degrees, metres; sigmas in metres. */
export const locationPack = (number: NumberField): Pack => [
  ['latitude', number(4, -90, 90)],
  ['longitude', number(4, -180, 180)],
  ['height', number(2, -900, 19_000)],
  ...uncertainties(number),
];

/** ST 0903 Velocity (m/s) and Acceleration (m/s²): 6, 12 or 18 bytes. */
export const motionPack = (number: NumberField): Pack => [
  ['east', number(2, -900, 900)],
  ['north', number(2, -900, 900)],
  ['up', number(2, -900, 900)],
  ...uncertainties(number),
];

/** Since ST 0903.4, and before it. */
export const numberFields: Readonly<Record<'mapped' | 'linear', NumberField>> = {
  mapped: imapbField,
  linear: linearField,
};

/** ST 0601 items 130 and 141. */
export const placePack: Pack = [
  ['latitude', imapbField(4, -90, 90)],
  ['longitude', imapbField(4, -180, 180)],
  ['height', imapbField(3, -900, 9_000)],
];
