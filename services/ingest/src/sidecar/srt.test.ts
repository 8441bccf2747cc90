import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SrtForm, srtRow } from './srt.js';

const it = suite('blocks of subtitles');

type Told = Record<number, number>;

/** The rows of a stream of blocks, one a second, and what was left out. */
function read(...blocks: string[]): { rows: (Told | null)[]; odd: string[] } {
  const form = new SrtForm();
  for (const block of blocks) form.look(block);
  const odd: string[] = [];
  const rows = blocks.map((block, second) => srtRow(block, second, form, (lost, what, why) => odd.push(`${lost} ${what}: ${why}`)));
  return { rows: rows.map((row) => row && (Object.fromEntries(row.items) as Told)), odd };
} // prettier-ignore

const near = (told: Told | null | undefined, wanted: Told): void => {
  for (const [tag, value] of Object.entries(wanted))
    assert.ok(Math.abs((told?.[Number(tag)] ?? NaN) - value) < 1e-9 * Math.max(1, Math.abs(value)), `item ${tag} is ${told?.[Number(tag)]}, not ${value}`); // prettier-ignore
};

const p4 =
  'F/5.6, SS 400, ISO 100, EV 0, GPS (-58.851745, -34.237922, 15), HOME (-58.847509, -34.232707, -57.98m), D 698.70m, H 85.80m, H.S 0.00m/s, V.S 0.00m/s, F.PRY (2.7°, -7.0°, 110.1°), G.PRY (-24.4°, 0.5°, 100.1°)';
const clock = Date.UTC(2017, 7, 5, 14, 11, 51) * 1000;

// The blocks are written after the public samples of each family, with other places.
const families: readonly (readonly [name: string, block: string, items: Told])[] = [
  ['Matrice 300', '2022.06.21 16:06:17\nGPS(36.6146,-6.1120,0.0M) BAROMETER:0.3M', { 13: 36.6146, 14: -6.112, 113: 0.3, 2: Date.UTC(2022, 5, 21, 16, 6, 17) * 1000 }],
  ['Avata 2', 'GPS(39.906217,16.391305,69.800) BAROMETER(91.2) HOME(39.906206,16.391400)', { 13: 39.906217, 14: 16.391305, 15: 69.8 }],
  ['Mavic Pro', 'HOME(49.0251,-20.2532) 2017.08.05 14:11:51\nGPS(49.0251,-20.2533,16) BAROMETER:1.9\nISO:100', { 13: -20.2533, 14: 49.0251, 113: 1.9, 2: clock }],
  ['Mavic Pro, months of one digit', 'HOME(49.0251,-20.2532) 2017.8.5 14:11:51\nGPS(49.0251,-20.2533,16) Hb:1.9 Hs:1.9', { 13: -20.2533, 14: 49.0251, 2: clock }],
  ['Phantom 4 Pro', 'F/3.2, SS 160, ISO 100, EV 0, GPS (8.2090, 47.4692, 18), D 49.21m, H 45.60m, H.S 0.00m/s, V.S 0.00m/s', { 13: 47.4692, 14: 8.209, 113: 45.6 }],
  ['Phantom 4 RTK', p4, { 13: -34.237922, 14: -58.851745, 113: 85.8, 5: 110.1, 18: 350, 19: -24.4, 20: 0.5 }],
  ['Mavic 2', '<font size="36">FrameCnt : 1, DiffTime : 40ms\n2019-09-27 10:28:08,438,904\n[iso : 110] [latitude : -35.080155] [longtitude : -60.286702] [altitude: 74.725998] </font>', { 13: -35.080155, 14: -60.286702, 15: 74.725998, 2: Date.UTC(2019, 8, 27, 10, 28, 8) * 1000 + 438_904 }],
  ['Air 2S', '<font size="36">SrtCnt : 1, DiffTime : 33ms\n2022-08-07 13:40:40,774,808\n[focal_len : 240] [latitude: 41.424724] [longitude: 2.234156] [altitude: 117.000000] </font>', { 13: 41.424724, 14: 2.234156, 15: 117 }],
  ['Mini 4 Pro', '[latitude: 59.302335] [longitude: 18.203059] [rel_alt: 1.300 abs_alt: 132.860] [gb_yaw: -90.0 gb_pitch: -30.0 gb_roll: 0.0]', { 13: 59.302335, 14: 18.203059, 15: 132.86, 113: 1.3, 5: 270, 18: 0, 19: -30, 20: 0 }],
  ['FPV: a tenth of the height', '<font size="28">FrameCnt : 1, DiffTime : 16ms\n2021-05-01 15:01:58.531\n[latitude: 41.4] [longitude: 2.1] [altitude: 12.5]</font>', { 13: 41.4, 15: 125 }],
  ['Autel, letters', 'HOME(W: 97.616776, N: 30.219286) 2020-11-01 15:29:24\\NGPS(W: 97.621475, N: 30.214199, 161) \\NISO:105 SHUTTER:500 EV:0.0 F-NUM:2.8', { 13: 30.214199, 14: -97.621475, 15: 161, 2: Date.UTC(2020, 10, 1, 15, 29, 24) * 1000 }],
  ['Autel, letters and signs, one too many', 'HOME(-117.9606, 33.6324) 2019.9.8 16:49:24\\NGPS(W: -117.-9605, N: 33.6323, -37) ReH:2 \\NISO:100 F-NUM:2.8', { 13: 33.6323, 14: -117.9605, 15: -37, 113: 2 }],
  ['Autel, latitude first', 'GPS(S: 33.5, E: 151.2, 12.5m)', { 13: -33.5, 14: 151.2, 15: 12.5 }],
  ['Autel without letters', 'GPS(-17.9605, 33.6323, -37.5) ReH:0 \\NISO:100 F-NUM:2.8', { 13: 33.6323, 14: -17.9605 }],
  ['exponents', '[latitude: 51.478] [longitude: -1.5e-05] [abs_alt: 5E1]', { 13: 51.478, 14: -1.5e-5, 15: 50 }],
  ['decimal commas', '[latitude: 46,512345] [longitude: 7,512345] [rel_alt: 10,000 abs_alt: 500,250] [gb_yaw: -90,5 gb_pitch: -30,5]', { 13: 46.512345, 14: 7.512345, 15: 500.25, 113: 10, 5: 269.5, 19: -30.5 }],
  ['decimal commas in brackets', 'GPS(7,512345, 46,512345, 12)', { 13: 46.512345, 14: 7.512345 }],
  ['values that a comma ends', 'latitude: 46.5, longitude: 7.5, altitude: 500m', { 13: 46.5, 14: 7.5, 15: 500 }],
]; // prettier-ignore
for (const [name, block, items] of families)
  it(name, () => {
    const { rows, odd } = read(block);
    near(rows[0], items);
    assert.equal(odd, []);
  });

const without: readonly (readonly [name: string, block: string, odd: RegExp | null])[] = [
  ['no place', '[iso : 100] [shutter : 1/240.0]', null],
  ['no fix', '[latitude: 0.000000] [longitude: 0.000000]', null],
  ['no fix, old', 'GPS(0.0000,0.0000,0) BAROMETER:1.0', null],
  ['no fix, in words', 'F/2.8, GPS (n/a, n/a, 0), D n/a, H n/a, H.S n/a', null],
  ['two marks in a number', '[latitude: 46.512.3] [longitude: 7.5]', /block place: .*46\.512\.3/],
  ['one number is missing', '[latitude: 46.5]', /block place: .*46\.5 and missing/],
  ['a number in words', '[latitude: 46.5N] [longitude: 7.5]', /block place/],
  ['beyond the pole', '[latitude: 96.5] [longitude: 7.5]', /Sensor Latitude is 96\.5; it must be -90 to 90 deg/],
  ['the order is in doubt', 'GPS(39.9062,16.3913,69.8) BAROMETER:91.2', /block order: it is in doubt which/],
  ['two numbers alone', 'GPS(39.9062,16.3913)', /block order/],
  ['halves of numbers', 'GPS(39,9062,16)', /block place/],
  ['Autel, letter against sign', 'GPS(E: -97.6, N: 30.2, 161)', /block place/],
];
for (const [name, block, why] of without)
  it(`left out: ${name}`, () => {
    const { rows, odd } = read(block);
    assert.equal(rows, [null]);
    if (why) assert.match(odd.join('\n'), why);
    else assert.equal(odd, []);
  });

it('what can be no latitude decides for all of the stream, whatever the form', () => {
  const { rows } = read('GPS(39.9062,116.3913,69.8)', 'GPS(39.9063,116.3914,70)', 'GPS(39.9064,89.9,70)');
  assert.equal(rows.map((row) => row?.[13]), [39.9062, 39.9063, 39.9064]); // prettier-ignore
});

it('a single number that came to harm decides nothing', () => {
  const { rows, odd } = read('GPS(36.6,-6.1,0.0M)', 'GPS(136.6,-6.1,0.0M)', 'GPS(36.7,-6.1,0.0M)');
  assert.equal(rows.map((row) => row?.[13]), [36.6, undefined, 36.7]); // prettier-ignore
  assert.is(odd.length, 1);
});

it('no places are no radians', () => {
  assert.not.ok(new SrtForm().radians);
});

it('radians', () => {
  const block = (index: number): string => `[latitude : 0.72292${index}] [longtitude : 0.03773${index}]`;
  near(read(block(0), block(1)).rows[0], { 13: (0.72292 * 180) / Math.PI, 14: (0.03773 * 180) / Math.PI });
  const far = read('[latitude: 0.72] [longitude: 0.03]', '[latitude: 0.73] [longitude: 0.03]');
  near(far.rows[0], { 13: 0.72, 14: 0.03 });
});

it('a value out of its range is left out, the rest stays', () => {
  const { rows, odd } = read('[latitude: 46.5] [longitude: 7.5] [abs_alt: -9999.000] [gb_pitch: x]');
  assert.equal(rows[0], { 13: 46.5, 14: 7.5 });
  assert.match(
    odd.join('\n'),
    /value pitch: it is "x", which is no number\.\nvalue item 15: Sensor True Altitude is -9999/,
  );
});

it.run();
