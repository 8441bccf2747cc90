// Tracks of subtitles: those in which an aircraft writes its telemetry, and all others.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Sample } from '../containers/file.js';
import { decodePacket } from '../klv/packet.js';
import { textOf, TextTrack } from './text-track.js';
import { Tracks } from './tracks.js';

const framed = (text: string, ...after: Buffer[]): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes, ...after]);
};
const sample = (text: string, time: number, format = 'tx3g'): Sample =>
  ({ track: 2, picture: false, format, bytes: format.startsWith('S_') ? Buffer.from(text) : framed(text), time }); // prettier-ignore

test('the text of a sample', () => {
  const style = Buffer.from('0000000c7374796c00000000', 'hex');
  for (const [bytes, format, text] of [
    [framed('Grüezi', style), 'tx3g', 'Grüezi'],
    [framed('Grüezi'), 'text', 'Grüezi'],
    [Buffer.from('0006feff00480069', 'hex'), 'tx3g', 'Hi'],
    [Buffer.from('Hi'), 'S_TEXT/UTF8', 'Hi'],
    [Buffer.from('ffff4869', 'hex'), 'tx3g', 'Hi'],
    [Buffer.alloc(0), 'tx3g', ''],
    [Buffer.alloc(1), 'tx3g', '\0'],
  ] as const)
    assert.is(textOf({ bytes, format }), text);
});

const block = (index: number): string =>
  `[latitude: 46.${500 + index}] [longitude: 7.5] [rel_alt: 1.200 abs_alt: 560.2]`;

test('blocks of an aircraft, also before anything else has been heard, and after very many', () => {
  for (const format of ['tx3g', 'S_TEXT/UTF8']) {
    const track = new TextTrack();
    const packets = Array.from({ length: 300 }, (_, index) => track.push(sample(index === 0 ? '' : block(index), index, format))).flat(); // prettier-ignore
    packets.push(...track.end());
    assert.is(packets.length, 299);
    assert.equal(packets.slice(0, 2).map(({ pts }) => pts), [90_000, 180_000]); // prettier-ignore
    assert.ok(Math.abs(Number(decodePacket(packets[9]?.bytes ?? Buffer.alloc(0)).item(13)?.value) - 46.51) < 1e-6);
    assert.ok(packets.every(({ form }) => form === 'subtitles'));
    assert.is(track.unread, null);
  }
});

for (const [text, unread] of [
  ['Welcome to the valley of the GPS.', null],
  ['The temperature is 20.512 degrees.', null],
  ['Position: lat 46.51234 N / lon 7.51234 E', 'places unknown'],
] as const)
  test(`subtitles that are not taken: ${text}`, () => {
    const track = new TextTrack();
    assert.equal([...track.push(sample(text, 0)), ...track.end()], []);
    assert.is(track.unread, unread);
  });

test('tracks that are not read are told, but for those that tell of no flight', () => {
  const tracks = new Tracks();
  const give = (track: number, format: string): unknown => tracks.push({ track, picture: false, format, bytes: Buffer.from('anything else'), time: 0 }); // prettier-ignore
  for (const [index, format] of ['djmd', 'camm', 'mett', 'mebx', 'fdsc', '', 'S_HDMV/PGS'].entries())
    assert.is(give(index, format), null);
  assert.equal(tracks.unread.map(({ format, reason }) => [format, reason]), ['djmd', 'camm', 'mett'].map((format) => [format, 'form unknown'])); // prettier-ignore
});

test.run();
