import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refusal, readText, values } from '../sample/sidecar.js';

const it = suite('GPS tracks');

const ten = Date.UTC(2024, 5, 1, 10) * 1000;
const point = (second: number, more = '', time = `2024-06-01T10:00:0${second}Z`): string =>
  `<trkpt lat="46.5${second}" lon="7.5">${more}${time === '' ? '' : `<time>${time}</time>`}</trkpt>`;
const track = (...points: string[]): string =>
  `<?xml version="1.0"?><gpx><trk><trkseg>${points.join('')}</trkseg></trk></gpx>`;

it('times without a zone are UTC, wherever the machine stands', async () => {
  const before = process.env['TZ'];
  process.env['TZ'] = 'America/New_York';
  try {
    const { packets } = await readText('a.gpx', track(point(0, '', '2024-06-01T10:00:00'), point(1, '', '2024-06-01T12:00:01.5+02:00')));
    assert.equal(values(packets, 2), [[ten], [ten + 1_500_000]]);
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
}); // prettier-ignore

it('prefixes of namespaces', async () => {
  const text = track(point(0), point(1)).replace(/<(\/?)(?=[a-z])/g, '<$1g:').replace('<g:gpx', '<g:gpx xmlns:g="http://www.topografix.com/GPX/1/1"'); // prettier-ignore
  assert.equal(values((await readText('a.gpx', text)).packets, 13), [[46.5], [46.51]]);
});

it('UTF-16, whatever the head of the file says', async () => {
  const text = track(point(0)).replace('"1.0"', '"1.0" encoding="UTF-8"');
  assert.equal(values((await readText('a.gpx', Buffer.from(`\uFEFF${text}`, 'utf16le'))).packets, 13), [[46.5]]);
});

// prettier-ignore
const mended: readonly (readonly [name: string, text: string, rows: unknown[], note: RegExp])[] = [
  ['points without a time', track(point(0), point(1, '', ''), point(2, '', '')), [[46.5, undefined]], /^In a\.gpx, 2 points are left out; the first is track point 2: the time is missing/],
  ['a height that stands for none', track(point(0, '<ele>-9999</ele>'), point(1, '<ele>501</ele>')), [[46.5, undefined], [46.51, 501.062]], /^In a\.gpx, a value of track point 1 is left out: Sensor True Altitude is -9999/],
  ['a height of 50 km', track(point(0, '<ele>50000</ele>')), [[46.5, undefined]], /is 50000; it must be -900 to 19000 m/],
  ['a place that is none', track(point(0), '<trkpt lat="x" lon="7.5"><time>2024-06-01T10:00:01Z</time></trkpt>'), [[46.5, undefined]], /track point 2 is left out: lat is "x", which is no number/],
  ['a day that the calendar does not know', track(point(0), point(1, '', '2024-02-31T10:00:00Z')), [[46.5, undefined]], /the time is "2024-02-31T10:00:00Z"; it must be written as/],
  ['the later track first', track(point(5), point(6)).replace('</gpx>', '') + track(point(0), point(1)).replace(/^.*?<gpx>/, ''), [[46.5, undefined], [46.51, undefined], [46.55, undefined], [46.56, undefined]], /taken in that order/],
];
for (const [name, text, rows, note] of mended)
  it(`mended and told: ${name}`, async () => {
    const { packets, notes } = await readText('a.gpx', text);
    assert.equal(values(packets, 13, 15), rows);
    assert.is(notes.length, 1);
    assert.match(notes[0] ?? '', note);
  });

it('a whole outing beside a clip of it', async () => {
  const minutes = Array.from({ length: 61 }, (_, minute) => {
    const time = new Date(ten / 1000 + minute * 10_000).toISOString();
    return `<trkpt lat="${(46.5 + minute / 1000).toFixed(4)}" lon="7.5"><time>${time}</time></trkpt>`;
  });
  const video = { duration: 20, creationTime: ten + 305e6, clock: null };
  const { packets, notes } = await readText('a.gpx', track(...minutes), video);
  assert.equal(packets.map(({ mediaTime, mediaRule }) => [mediaTime, mediaRule]), [[-5, 'creation'], [5, 'creation'], [15, 'creation']]); // prettier-ignore
  assert.equal(values(packets, 13), [[46.53], [46.531], [46.532]]);
  assert.match(notes[0] ?? '', /^a\.gpx is longer than the video \(600 s against 20 s\); it is placed so that the video begins at 2024-06-01T10:05:05Z: .* 58 lie outside of the video/); // prettier-ignore
});

it('refused: none of the points has a time', async () => {
  assert.match(await refusal(readText('a.gpx', track(point(0, '', '')))), /^a\.gpx, track point 1: the time is missing; a track without times cannot be played/); // prettier-ignore
});

it.run();
