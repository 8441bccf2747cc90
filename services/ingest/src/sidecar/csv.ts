// A table of telemetry. csv-parse, because quoting and line ends have many forms.
import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { sidecarBudget } from '../budgets.js';
import { Cells, RoundedTimes } from './csv-cells.js';
import { columnsOf, knownNames, type Column } from './csv-columns.js';
import type { Mended } from './mended.js';
import { isAbsent } from './number.js';
import { counted, faultOfValue, wrong, type Row, type Sidecar } from './row.js';
import { textOf } from './text.js';

/** Excel writes semicolons where the comma is the decimal sign; tabs come from copying and from "Unicode text". */
const separators = [',', ';', '\t', '|'];
/** Excel's own line before the header: "sep=;". */
const separatorLine = /^sep=(.)?\s{0,9}$/i;
/** Characters of what csv-parse says. */
const mostWords = 200;

/** The first line that is not empty; as much of it as one may have. */
async function firstLine(path: string): Promise<string> {
  let head = '';
  for await (const part of textOf(path)) {
    head = (head + part).trimStart();
    if (head.length > sidecarBudget.recordBytes || /[\n\r]/.test(head)) break;
  }
  return head.split(/[\n\r]/, 1)[0] ?? '';
}

/** By what the first line makes known names of. */
async function separatorOf(sidecar: Sidecar): Promise<string> {
  const line = await firstLine(sidecar.path);
  const told = separatorLine.exec(line)?.[1];
  if (told !== undefined) return told;
  const counts = separators.map((separator) => knownNames(line.split(separator)));
  return separators[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** The items of a line; null when it has to be left out, as `mended` is told. */
function itemsOf(columns: readonly Column[], cells: Cells, record: readonly string[], where: string, mended: Mended): Row['items'] | null {
  const items: Row['items'] = [];
  for (const { at, tag, name, text } of columns) {
    const cell = (record[at] ?? '').trim();
    if (text && cell.length > sidecarBudget.textCharacters)
      throw wrong(mended.sidecar, where, `${name} has ${cell.length} characters; at most ${sidecarBudget.textCharacters} are taken.`);
    if (cell === '' || (!text && isAbsent(cell))) continue;
    if (text) {
      items.push([tag, cell.replace(/^'(?=[=+@\t-])/, '')]);
      continue;
    }
    // An apostrophe keeps a spreadsheet from rounding the number behind it.
    const digits = cell.replace(/^'/, '');
    const read = tag === 2 ? cells.time(name, digits) : cells.number(name, digits);
    const value = typeof read === 'number' && tag !== 2 ? counted(tag, read) : read;
    const fault = typeof value === 'string' ? value : tag === 2 ? null : faultOfValue(tag, value);
    if (fault === null) items.push([tag, value]);
    else if (tag === 2 || tag === 13 || tag === 14) {
      mended.row('line', name, where, fault);
      return null;
    } else mended.value(name, where, fault);
  }
  items.sort(([a], [b]) => a - b);
  if (items[0]?.[0] === 2) return items;
  mended.row('line', 'time', where, 'the time is missing.');
  return null;
} // prettier-ignore

/** Its own words hold the value in which it stumbled, however long that is. */
function faultOfTable(sidecar: Sidecar, { code, message }: CsvError): Error {
  const line = / at line (\d{1,15})/.exec(message)?.[1];
  if (code === 'INVALID_OPENING_QUOTE' && line !== undefined)
    return wrong(sidecar, `line ${line}`, 'a quotation mark stands inside a value; put the whole value in quotation marks, and write that mark twice.'); // prettier-ignore
  return wrong(sidecar, '', `it is no table of comma-separated values: ${message.slice(0, mostWords)}`);
}

export const csvReader = (sidecar: Sidecar): ((mended: Mended) => AsyncGenerator<Row>) =>
  async function* rows(mended) {
    const separator = await separatorOf(sidecar);
    const lines = parse({ delimiter: separator, relax_column_count: true, skip_empty_lines: true, trim: separator !== '\t', max_record_size: sidecarBudget.recordBytes, info: true }); // prettier-ignore
    // What goes wrong with the file comes out of the loop below.
    pipeline(Readable.from(textOf(sidecar.path)), lines, () => undefined);
    const cells = new Cells(separator);
    const rounded = new RoundedTimes();
    let columns: Column[] | null = null;
    let kept = 0;
    try {
      for await (const { record, info } of lines as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
        if (!columns && separatorLine.test(record.join(separator))) continue;
        if (!columns) {
          columns = columnsOf(sidecar, record, info.lines);
          continue;
        }
        const items = itemsOf(columns, cells, record, `line ${info.lines}`, mended);
        if (!items) continue;
        kept++;
        rounded.add(items);
        yield { items, mediaTime: null };
      }
    } catch (error) {
      throw error instanceof CsvError ? faultOfTable(sidecar, error) : error;
    }
    if (!columns) throw wrong(sidecar, '', 'it is empty.');
    if (rounded.fault !== null) throw wrong(sidecar, '', rounded.fault);
    if (kept === 0) throw mended.nothing('it holds no line with telemetry.');
  };
