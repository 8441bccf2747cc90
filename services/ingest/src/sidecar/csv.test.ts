import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refusal, readText, values } from '../sample/sidecar.js';

const it = suite('tables');

const stamp = 1_717_236_000_000_000;
const head = 'Precision Timestamp,Sensor Latitude,Sensor Longitude';
const row = `${stamp},46.5,7.5`;

// prettier-ignore
const taken: readonly (readonly [name: string, text: string | Buffer, tags: number[], values: unknown[]])[] = [
  ['semicolons and decimal commas', `${head.replaceAll(',', ';')};Sensor True Altitude\r\n${stamp};46,512345;7,5;500,25\r\n`, [13, 14, 15], [46.5123, 7.5, 500.1511]],
  ['semicolons and decimal points', `${head.replaceAll(',', ';')}\n${stamp};46.5;7.5\n`, [13, 14], [46.5, 7.5]],
  ['Excel’s own first line', `sep=;\r\n${head.replaceAll(',', ';')}\r\n${stamp};46,5;7,5\r\n`, [13, 14], [46.5, 7.5]],
  ['tabs, with an empty cell', `${head.replaceAll(',', '\t')}\tMission ID\tSlant Range\n${stamp}\t46,5\t7,5\t\t12,5\n`, [3, 13, 14, 21], [undefined, 46.5, 7.5, 12.4995]],
  ['UTF-16 with its mark', Buffer.from(`\uFEFF${head}\r\n${row}\r\n`, 'utf16le'), [13, 14], [46.5, 7.5]],
  ['UTF-16 with its mark, the other way round', Buffer.from(`\uFEFF${head}\r\n${row}\r\n`, 'utf16le').swap16(), [13, 14], [46.5, 7.5]],
  ['UTF-16 without a mark', Buffer.from(`${head}\r\n${row}\r\n`, 'utf16le'), [13, 14], [46.5, 7.5]],
  ['the old code page of Windows', Buffer.from(`${head.replace('mp,', 'mp (µs),')},Mission ID\n${row},Zürich\n`, 'latin1'), [3, 13], ['Zürich', 46.5]],
  ['decimal commas in quotes', `${head}\n${stamp},"46,512345","7,5"\n`, [13, 14], [46.5123, 7.5]],
  ['exponents', `${head}\n${stamp},5.1478e1,-1.5e-03\n`, [13, 14], [51.478, -0.0015]],
  ['times as dates, in UTC where they tell no zone', `${head}\n2024-06-01 10:00:00,46.5,7.5\n`, [2], [stamp]],
  ['numbers that an apostrophe keeps whole', `${head}\n'${stamp},46.5,7.5\n`, [2], [stamp]],
  ['times as dates with a zone', `${head}\n2024-06-01T12:00:00+02:00,46.5,7.5\n`, [2], [stamp]],
  ['a time with an exponent and all of its digits', `${head}\n1.717236000000001E+15,46.5,7.5\n`, [2], [stamp + 1]],
  ['names of the standard with brackets', `${head},Platform Pitch Angle (Full),Corner Latitude Point 1 (Full) [deg]\n${row},-30,46.5\n`, [6, 82, 90], [undefined, 46.5, -30]],
  ['the short and the full item in one table', `${head},Platform Pitch Angle,Platform Pitch Angle (Full)\n${row},-15,-30\n`, [6, 90], [-14.9998, -30]],
  ['the short name alone reaches as far as the full one', `${head},Platform Pitch Angle\n${row},-30\n`, [90], [-30]],
  ['brackets that are no unit', `${head},Sensor True Altitude (MSL)\n${row},500\n`, [15], [500.1511]],
  ['headings below zero', `${head},Platform Heading Angle,Sensor Relative Azimuth Angle\n${row},-90,-0.5\n`, [5, 18], [269.9986, 359.5]],
  ['cells that say that there is no value', `${head},Sensor True Altitude,Slant Range\n${row},NaN,n/a\n`, [13, 15, 21], [46.5, undefined, undefined]],
];
for (const [name, text, tags, expected] of taken)
  it(name, async () => {
    const { packets, notes } = await readText('a.csv', text);
    assert.equal(values(packets, ...tags), [expected]);
    assert.equal(notes, []);
  });

// prettier-ignore
const mended: readonly (readonly [name: string, text: string, rows: number, note: RegExp])[] = [
  ['heights that stand for none', `${head},Sensor True Altitude\n${row},-9999\n${row},500\n`, 2, /^In a\.csv, a value of line 2 is left out: Sensor True Altitude is -9999; it must be -900 to 19000 m\.$/],
  ['several of a kind', `${head},Sensor True Altitude\n${row},-9999\n${row},-9999\n`, 2, /^In a\.csv, 2 values are left out; the first is one of line 2: /],
  ['a line without a time', `${head}\n${row}\n,46.6,7.6\n`, 1, /^In a\.csv, line 3 is left out: the time is missing\.$/],
  ['a line with a word for a number', `${head}\n${row}\n${stamp},north,7.5\n`, 1, /line 3 is left out: Sensor Latitude is "north", which is no number/],
  ['two decimal marks in a table', `${head.replaceAll(',', ';')};Sensor True Altitude\n${stamp};46,5;7,5;500.5\n`, 1, /but other numbers of the table have a decimal comma/],
  ['later lines first', `${head}\n${stamp + 1e6},46.6,7.6\n${row}\n`, 2, /not all rows stand in the order of their times/],
];
for (const [name, text, rows, note] of mended)
  it(`mended and told: ${name}`, async () => {
    const { packets, notes } = await readText('a.csv', text);
    assert.is(packets.length, rows);
    assert.is(notes.length, 1);
    assert.match(notes[0] ?? '', note);
    const times = packets.map(({ packet }) => Number(packet.timestamp));
    assert.equal(times, [...times].sort());
  });

// prettier-ignore
const refused: readonly (readonly [name: string, text: string, words: RegExp])[] = [
  ['times that have lost their digits', `${head}\n1.71724E+15,46.5,7.5\n1.71724E+15,46.6,7.6\n`, /^a\.csv, line 2: the time is "1\.71724E\+15": a spreadsheet has written it with an exponent, and its last digits are lost/],
  ['so in a table of semicolons', `${head.replaceAll(',', ';')}\n1,71724E+15;46,5;7,5\n`, /with an exponent/],
  ['times that have lost them, and are digits again', `${head}\n1717240000000000,46.5,7.5\n1717240000000000,46.6,7.6\n`, /^a\.csv: all of its 2 lines have the time 1717240000000000, but not the same place/],
  ['a comma in doubt', `${head}\n${stamp},"46,512","7,512"\n`, /in doubt whether its comma stands before decimals or thousands/],
  ['a unit that is another', `${head},Slant Range (ft)\n${row},1\n`, /column "Slant Range \(ft\)": the unit is ft; it must be m\./],
  ['a quotation mark inside a value', `${head},Mission ID\n${row},pipe of 5" wide\n`, /^a\.csv, line 2: a quotation mark stands inside a value/],
  ['a quotation mark as the separator', `sep="\n${head.replaceAll(',', '"')}\n`, /^a\.csv, line 1: a quotation mark stands inside a value/],
  ['a quotation mark that does not end', `${head},Mission ID\n${row},"${'x'.repeat(5000)}\n`, /^a\.csv: it is no table of comma-separated values: .{1,200}$/],
  ['no known name', 'a;b;c\n1;2;3\n', /the column "Precision Timestamp" is missing \(found: a;b;c\)/],
];
for (const [name, text, words] of refused)
  it(`refused with its reason: ${name}`, async () => assert.match(await refusal(readText('a.csv', text)), words));

it.run();
