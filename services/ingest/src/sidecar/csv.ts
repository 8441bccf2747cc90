// A table of telemetry: the column names and units of Esri's video tools (Convert Video Metadata, Video Multiplexer), in any
// order, and any other scalar item of ST 0601 by its name. csv-parse, because quoting and line ends have many forms.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { sidecarBudget } from '../budgets.js';
import { itemDefinitions } from '../klv/st0601-table.js';
import { inRange, microseconds, wrong, type Row, type Sidecar } from './row.js';

/** Letters and digits alone, so that case, blanks and units in brackets make no difference. */
const plain = (name: string): string => beforeBracket(name).replace(/[^a-z0-9]/gi, '').toLowerCase(); // prettier-ignore

function beforeBracket(name: string): string {
  const bracket = name.search(/[([]/);
  return bracket < 0 ? name : name.slice(0, bracket);
}

/** What stands in the first brackets; empty when nothing does. */
function unitOf(name: string): string {
  const open = name.search(/[([]/);
  const after = open < 0 ? '' : name.slice(open + 1);
  const close = after.search(/[)\]]/);
  return close < 0 ? '' : after.slice(0, close).trim().toLowerCase();
}

/** Of a text from the file, for a message. */
const cut = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

const numeric = ['unsigned', 'signed', 'linear', 'symmetric', 'imapb'];
const columns = new Map<string, number>();
for (const { name, tag, coding } of itemDefinitions)
  if (tag > 1 && (coding.kind === 'text' || numeric.includes(coding.kind))) columns.set(plain(name), tag);
for (const [name, tag] of [
  ['Precision Timestamp', 2],
  ['UNIX Time Stamp', 2],
  ['Timestamp', 2],
  ['Sensor Ellipsoid Height', 104],
] as const)
  columns.set(plain(name), tag);

/** How the units of the standard are written by people. */
const spellings: Readonly<Record<string, readonly string[]>> = {
  us: ['us', 'µs', 'μs', 'microseconds', 'microsecond'],
  deg: ['deg', 'degrees', 'degree', '°', 'dd'],
  m: ['m', 'meters', 'metres', 'meter', 'metre'],
  'm/s': ['m/s', 'mps', 'meters/second', 'metres/second'],
};

interface Column {
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

function columnsOf(sidecar: Sidecar, header: readonly string[]): Column[] {
  const found: Column[] = [];
  for (const [at, name] of header.entries()) {
    const tag = columns.get(plain(name));
    const definition = tag === undefined ? undefined : itemDefinitions[tag - 1];
    if (tag === undefined || !definition) continue;
    const unit = unitOf(name);
    const allowed = spellings[definition.units] ?? [definition.units.toLowerCase()];
    if (unit !== '' && !allowed.includes(unit))
      throw wrong(
        sidecar,
        `column "${cut(name)}"`,
        `the unit is ${cut(unit)}; it must be ${definition.units || 'none'}.`,
      );
    if (found.some((column) => column.tag === tag)) throw wrong(sidecar, `column "${cut(name)}"`, 'it is there twice.');
    found.push({ at, tag, name: name.trim(), text: definition.coding.kind === 'text' });
  }
  for (const [tag, name] of required)
    if (!found.some((column) => column.tag === tag))
      throw wrong(
        sidecar,
        'line 1',
        `the column "${name}" is missing (found: ${header.slice(0, 40).map(cut).join(', ')}).`,
      );
  return found;
}

export async function* csvRows(sidecar: Sidecar): AsyncGenerator<Row> {
  const lines = parse({ bom: true, relax_column_count: true, skip_empty_lines: true, trim: true, max_record_size: sidecarBudget.recordBytes, info: true }); // prettier-ignore
  // What goes wrong with the file comes out of the loop below.
  pipeline(createReadStream(sidecar.path), lines, () => undefined);
  let found: Column[] | null = null;
  let before = 0;
  try {
    for await (const { record, info } of lines as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (!found) {
        found = columnsOf(sidecar, record);
        continue;
      }
      const where = `line ${info.lines}`;
      const items: Row['items'] = [];
      for (const { at, tag, name, text } of found) {
        const cell = record[at] ?? '';
        if (cell === '') continue;
        if (text && cell.length > sidecarBudget.textCharacters)
          throw wrong(sidecar, where, `${name} has ${cell.length} characters; at most ${sidecarBudget.textCharacters} are taken.`); // prettier-ignore
        if (text) {
          items.push([tag, cell.replace(/^'(?=[=+@\t-])/, '')]);
          continue;
        }
        const value = Number(cell);
        if (!Number.isFinite(value))
          throw wrong(sidecar, where, `${name} is "${cell.slice(0, 40)}", which is no number.`);
        items.push([tag, tag === 2 ? microseconds(sidecar, where, value) : inRange(sidecar, where, tag, value)]);
      }
      items.sort(([a], [b]) => a - b);
      const [first] = items;
      if (first?.[0] !== 2) throw wrong(sidecar, where, 'the time is missing.');
      const stamp = Number(first[1]);
      if (stamp < before) throw wrong(sidecar, where, `the time ${stamp} is before that of the line above; sort the lines by time.`); // prettier-ignore
      before = stamp;
      yield { items, mediaTime: null };
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_'))
      throw wrong(sidecar, '', `it is no table of comma-separated values: ${error.message}`);
    throw error;
  }
  if (!found) throw wrong(sidecar, '', 'it is empty.');
}
