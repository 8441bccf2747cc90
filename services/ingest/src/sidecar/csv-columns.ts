// The columns of a table by their names: those of Esri's video tools (Convert Video Metadata, Video Multiplexer), and any
// other scalar item of ST 0601, in any order, with units or without.
import { itemDefinitions } from '../klv/st0601-table.js';
import { cut, wrong, type Sidecar } from './row.js';

/** How the units of the standard are written by people. */
const spellings: Readonly<Record<string, readonly string[]>> = {
  us: ['us', 'µs', 'μs', 'microseconds', 'microsecond'],
  deg: ['deg', 'degrees', 'degree', '°', 'dd'],
  m: ['m', 'meters', 'metres', 'meter', 'metre'],
  'm/s': ['m/s', 'mps', 'meters/second', 'metres/second'],
};
/** What people count in, and no item does: named, it is a fault. */
const otherUnits = [
  's', 'sec', 'seconds', 'ms', 'milliseconds', 'ns', 'rad', 'radians', 'radian', 'grad', 'gon', 'dms', 'ft', 'feet', 'foot', 'yd',
  'km', 'mi', 'miles', 'nm', 'kt', 'kts', 'knots', 'km/h', 'kph', 'mph', 'ft/s', 'fps',
]; // prettier-ignore
const units = new Set([...itemDefinitions.map(({ units }) => units.toLowerCase()), ...Object.values(spellings).flat(), ...otherUnits]); // prettier-ignore
units.delete('');

/** Letters and digits alone, so that case, blanks and marks make no difference. */
const plain = (name: string): string => name.replace(/[^a-z0-9]/gi, '').toLowerCase();
const withoutBrackets = (name: string): string => name.replace(/[([][^)\]]{0,200}(?:[)\]]|$)/g, '');

/** Longer names are none of ours, and tables with more columns have theirs among the first. */
const longestName = 200;
const countedNames = 500;

interface Name {
  /** With what stands in brackets, but for units: "Platform Pitch Angle (Full)" is the standard's own name. */
  full: string;
  /** Without. */
  short: string;
  /** Empty when none is told. */
  unit: string;
}

function nameOf(header: string): Name {
  const text = header.slice(0, longestName);
  let unit = '';
  const full = text.replace(/[([]([^)\]]{0,200})[)\]]/g, (all, inside: string) => {
    const word = inside.trim().toLowerCase();
    if (!units.has(word)) return all;
    unit = word;
    return '';
  });
  return { full: plain(full), short: plain(withoutBrackets(full)), unit };
}

const numeric = ['unsigned', 'signed', 'linear', 'symmetric', 'imapb'];
/** By the name in full, and without brackets: those in full reach further, and are meant by the short name, too. */
const byFull = new Map<string, number>();
const byShort = new Map<string, number[]>();
function known(name: string, tag: number): void {
  const short = plain(withoutBrackets(name));
  byFull.set(plain(name), tag);
  byShort.set(short, [tag, ...(byShort.get(short) ?? [])]);
}
for (const { name, tag, coding } of itemDefinitions)
  if (tag > 1 && (coding.kind === 'text' || numeric.includes(coding.kind))) known(name, tag);
for (const name of ['Precision Timestamp', 'UNIX Time Stamp', 'Timestamp']) known(name, 2);
known('Sensor Ellipsoid Height', 104);

export interface Column {
  at: number;
  tag: number;
  name: string;
  text: boolean;
}

const required: readonly (readonly [tag: number, name: string])[] = [
  [2, 'Precision Timestamp'],
  [13, 'Sensor Latitude'],
  [14, 'Sensor Longitude'],
];

/** How many of the names are known: the separator that tells most of them is the table's. */
export const knownNames = (header: readonly string[]): number =>
  header.slice(0, countedNames).filter((name) => byShort.has(nameOf(name.replaceAll('"', '')).short)).length;

/** Throws what is wrong with the header. `line`: where it stands. */
export function columnsOf(sidecar: Sidecar, header: readonly string[], line: number): Column[] {
  const names = header.map(nameOf);
  /** Names that can mean one item only take it first; the others get what they leave. */
  const claimed = new Set(
    names.flatMap(({ full, short }) => {
      const candidates = full === short ? (byShort.get(short) ?? []) : [byFull.get(full)];
      return candidates.length === 1 ? candidates : [];
    }),
  );
  const found: Column[] = [];
  for (const [at, { full, short, unit }] of names.entries()) {
    const exact = full === short ? undefined : byFull.get(full);
    const candidates = byShort.get(short) ?? [];
    const tag = exact ?? candidates.find((one) => !claimed.has(one)) ?? candidates[0];
    const definition = tag === undefined ? undefined : itemDefinitions[tag - 1];
    if (tag === undefined || !definition) continue;
    const name = (header[at] ?? '').trim();
    const where = `column "${cut(name)}"`;
    const allowed = spellings[definition.units] ?? [definition.units.toLowerCase()];
    if (unit !== '' && !allowed.includes(unit))
      throw wrong(sidecar, where, `the unit is ${cut(unit)}; it must be ${definition.units || 'none'}.`);
    if (found.some((column) => column.tag === tag)) throw wrong(sidecar, where, 'it is there twice.');
    found.push({ at, tag, name: cut(name), text: definition.coding.kind === 'text' });
  }
  for (const [tag, name] of required)
    if (!found.some((column) => column.tag === tag))
      throw wrong(
        sidecar,
        `line ${line}`,
        `the column "${name}" is missing (found: ${header.slice(0, 40).map(cut).join(', ')}).`,
      );
  return found;
}
