// Telemetry as a table for people. The columns that Esri's tools know have their names and units, so the file can be given
// back as a sidecar (see ../sidecar/csv.ts).
import type { Places } from './geometry.js';
import type { State } from './state.js';

/** Name and unit, and where the value comes from: the first item that is known. */
export const columns: readonly (readonly [name: string, tags: readonly number[]])[] = [
  ['Precision Time Stamp', [2]],
  ['Mission ID', [3]],
  ['Platform Designation', [10]],
  ['Platform Heading Angle', [5]],
  ['Platform Pitch Angle', [90, 6]],
  ['Platform Roll Angle', [91, 7]],
  ['Platform Ground Speed', [56]],
  ['Image Source Sensor', [11]],
  ['Sensor Latitude', [13]],
  ['Sensor Longitude', [14]],
  ['Sensor True Altitude', [15]],
  ['Sensor Ellipsoid Height Extended', [104, 75]],
  ['Sensor Horizontal Field of View', [16]],
  ['Sensor Vertical Field of View', [17]],
  ['Sensor Relative Azimuth Angle', [18]],
  ['Sensor Relative Elevation Angle', [19]],
  ['Sensor Relative Roll Angle', [20]],
  ['Slant Range', [21]],
  ['Target Width', [96, 22]],
];
const placeColumns = [
  'Frame Center Latitude',
  'Frame Center Longitude',
  'Frame Center Elevation',
  ...[1, 2, 3, 4].flatMap((point) => [`Corner Latitude Point ${point}`, `Corner Longitude Point ${point}`]),
];

/** RFC 4180. A leading sign that a spreadsheet would take for a formula is kept from it. */
const cell = (value: unknown): string => {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const safe = typeof value === 'string' && /^[=+@\t-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const line = (cells: readonly unknown[]): string => `${cells.map(cell).join(',')}\r\n`;

export const csvHeader = line(['Media Time', 'UTC', ...columns.map(([name]) => name), ...placeColumns, 'Source']);

/** `source`: the stream, track or file that told. */
export const csvLine = (time: number, utc: string | undefined, state: State, places: Places, source = ''): string =>
  line([
    Math.round(time * 1000) / 1000,
    utc,
    ...columns.map(([, tags]) => tags.map((tag) => state.value(tag)).find((value) => value !== undefined)),
    places.frameCenter?.[1],
    places.frameCenter?.[0],
    places.frameCenter?.[2],
    ...[0, 1, 2, 3].flatMap((point) => [places.corners?.[point]?.[1], places.corners?.[point]?.[0]]),
    source,
  ]);
