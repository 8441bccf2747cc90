// Places in a payload of GPMF: GPS9, of cameras from the HERO11 on, else GPS5 (gopro/gpmf-parser, docs/README.md, "HERO5 Black
// with GPS Enabled Adds" and "HERO11").
import { entriesIn, numbersOf, textOf, type GpmfEntry } from './gpmf.js';

export interface GpmfPlace {
  latitude: number;
  longitude: number;
  /** Metres. */
  altitude: number;
  /** Above mean sea level (GPSA says MSLV); else above the ellipsoid. */
  aboveSea: boolean;
  /** Over ground, metres a second. */
  speed: number;
  /** Microseconds since 1970 (UTC), where it tells its own. */
  time: number | null;
  fix: boolean;
}

export interface GpmfPlaces {
  places: GpmfPlace[];
  /** Of the first one, microseconds since 1970 (GPSU). */
  start: number | null;
}

const deepest = 8;
/** Of one payload: cameras write 10 to 18 a second. */
const mostPlaces = 1_000;
/** GPSP: a hundred times the dilution of precision; cameras say 9999 without a fix. */
const noFix = 9999;
const dayMicroseconds = 86_400e6;
const since2000 = Date.UTC(2000, 0, 1) * 1000;

/** What holds of the places that come after it in a stream. */
interface Stream {
  scale: number[];
  structure: string;
  fix: boolean;
  aboveSea: boolean;
  start: number | null;
}

/** Null when there is none of the two. */
export function placesOf(payload: Buffer): GpmfPlaces | null {
  const found: { GPS5?: GpmfPlaces; GPS9?: GpmfPlaces } = {};
  walk(payload, 0, found);
  return found.GPS9 ?? found.GPS5 ?? null;
}

function walk(bytes: Buffer, depth: number, found: { GPS5?: GpmfPlaces; GPS9?: GpmfPlaces }): void {
  const stream: Stream = { scale: [], structure: '', fix: true, aboveSea: false, start: null };
  for (const entry of entriesIn(bytes)) {
    if (entry.type === '') {
      if (depth < deepest) walk(entry.data, depth + 1, found);
    } else if (entry.key === 'GPS5' || entry.key === 'GPS9') {
      const places = scaled(entry, stream).slice(0, mostPlaces).map((values) => (entry.key === 'GPS5' ? gps5(values, stream) : gps9(values, stream))); // prettier-ignore
      // Of several devices the first that has some.
      found[entry.key] ??= { places, start: stream.start };
    } else note(entry, stream);
  }
}

function note(entry: GpmfEntry, stream: Stream): void {
  const number = (): number => numbersOf(entry)?.[0]?.[0] ?? 0;
  if (entry.key === 'SCAL') stream.scale = (numbersOf(entry) ?? []).flat();
  else if (entry.key === 'TYPE') stream.structure = textOf(entry);
  else if (entry.key === 'GPSF') stream.fix = number() >= 2;
  else if (entry.key === 'GPSP') stream.fix &&= number() < noFix;
  else if (entry.key === 'GPSA') stream.aboveSea = textOf(entry) === 'MSLV';
  else if (entry.key === 'GPSU') stream.start = utcOf(textOf(entry));
}

/** SCAL is a divisor for each field, or one for all. */
const scaled = (entry: GpmfEntry, { scale, structure }: Stream): number[][] =>
  (numbersOf(entry, structure) ?? []).map((values) =>
    values.map((value, index) => value / (scale[scale.length === 1 ? 0 : index] ?? 1)),
  );

/** "yymmddhhmmss.sss", of this century. */
function utcOf(text: string): number | null {
  const found = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{3})$/.exec(text);
  if (!found) return null;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, milli = 0] = found.slice(1).map(Number);
  return Date.UTC(2000 + year, month - 1, day, hour, minute, second, milli) * 1000;
}

const gps5 = (values: readonly number[], { fix, aboveSea }: Stream): GpmfPlace => {
  const [latitude = NaN, longitude = NaN, altitude = NaN, speed = NaN] = values;
  return { latitude, longitude, altitude, aboveSea, speed, time: null, fix };
};

/** Behind those of GPS5: days since 2000, seconds since midnight, dilution of precision, and 0, 2 or 3 for the fix. */
const gps9 = (values: readonly number[], stream: Stream): GpmfPlace => {
  const [, , , , , days = NaN, seconds = NaN, , fix = 0] = values;
  const time = since2000 + days * dayMicroseconds + Math.round(seconds * 1e6);
  return { ...gps5(values, stream), time: Number.isFinite(time) ? time : null, fix: fix >= 2 };
};
