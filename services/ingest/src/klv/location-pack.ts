// Positions, velocities and accelerations with their uncertainties, as ST 0903 and ST 0601 pack them.
import { imapbField, type Pack } from './pack.js';

const sigma = (name: string): Pack[number] => [name, imapbField(2, 0, 650)];
const rho = (name: string): Pack[number] => [name, imapbField(2, -1, 1)];

/** ST 0903 Location: 10, 16 or 22 bytes. Degrees, metres; sigmas in metres. */
export const locationPack: Pack = [
  ['latitude', imapbField(4, -90, 90)],
  ['longitude', imapbField(4, -180, 180)],
  ['height', imapbField(2, -900, 19_000)],
  ...['sigmaEast', 'sigmaNorth', 'sigmaUp'].map(sigma),
  ...['rhoEastNorth', 'rhoEastUp', 'rhoNorthUp'].map(rho),
];

/** ST 0903 Velocity (m/s) and Acceleration (m/s²): 6, 12 or 18 bytes. */
export const motionPack: Pack = [
  ['east', imapbField(2, -900, 900)],
  ['north', imapbField(2, -900, 900)],
  ['up', imapbField(2, -900, 900)],
  ...['sigmaEast', 'sigmaNorth', 'sigmaUp'].map(sigma),
  ...['rhoEastNorth', 'rhoEastUp', 'rhoNorthUp'].map(rho),
];

/** ST 0601 items 130 and 141. */
export const placePack: Pack = [
  ['latitude', imapbField(4, -90, 90)],
  ['longitude', imapbField(4, -180, 180)],
  ['height', imapbField(3, -900, 9_000)],
];
