// GoPro's metadata, written here as gopro/gpmf-parser's documentation has it.
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Sample } from '../containers/file.js';
import { decodePacket } from '../klv/packet.js';
import { placesOf } from './gpmf-places.js';
import { GpmfTrack } from './gpmf-track.js';
import type { TrackPacket } from './track.js';

const entry = (key: string, type: string, size: number, repeat: number, data: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.write(key, 'latin1');
  head.writeUInt8(type === '' ? 0 : type.charCodeAt(0), 4);
  head.writeUInt8(size, 5);
  head.writeUInt16BE(repeat, 6);
  return Buffer.concat([head, data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
};
const nested = (key: string, ...entries: Buffer[]): Buffer => {
  const data = Buffer.concat(entries);
  return entry(key, '', 1, data.length, data);
};
const text = (key: string, value: string, type = 'c'): Buffer => entry(key, type, value.length, 1, Buffer.from(value, 'latin1')); // prettier-ignore
const i32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => { const bytes = Buffer.alloc(4); bytes.writeInt32BE(value); return bytes; })); // prettier-ignore
const u16 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => { const bytes = Buffer.alloc(2); bytes.writeUInt16BE(value); return bytes; })); // prettier-ignore
const scale = (...values: number[]): Buffer => entry('SCAL', 'l', 4, values.length, i32(...values));

interface Gps5 {
  fix?: number;
  precision?: number;
  utc?: string;
  sea?: boolean;
  places: readonly (readonly [latitude: number, longitude: number, altitude: number, speed: number])[];
}
const gps5 = ({ fix = 3, precision = 200, utc = '240601100000.000', sea = false, places }: Gps5): Buffer =>
  nested(
    'STRM',
    text('STNM', 'GPS (Lat., Long., Alt., 2D speed, 3D speed)'),
    entry('GPSF', 'L', 4, 1, i32(fix)),
    text('GPSU', utc, 'U'),
    entry('GPSP', 'S', 2, 1, u16(precision)),
    ...(sea ? [text('GPSA', 'MSLV')] : []),
    scale(10_000_000, 10_000_000, 1000, 1000, 100),
    entry('GPS5', 'l', 20, places.length, Buffer.concat(places.map(([latitude, longitude, altitude, speed]) => i32(latitude * 1e7, longitude * 1e7, altitude * 1000, speed * 1000, 0)))),
  ); // prettier-ignore
const device = (...streams: Buffer[]): Buffer => nested('DEVC', entry('DVID', 'L', 4, 1, i32(1)), text('DVNM', 'Camera'), ...streams); // prettier-ignore
const sample = (bytes: Buffer, time: number): Sample => ({ track: 3, picture: false, format: 'gpmd', bytes, time });

interface Told {
  time: number;
  items: [number | undefined, number][];
}
const toldBy = (packets: readonly TrackPacket[]): Told[] =>
  packets.map(({ bytes, pts }) => ({
    time: pts / 90_000,
    items: decodePacket(bytes).items.filter(({ tag }) => tag !== 1 && tag !== 65).map(({ tag, value }) => [tag, Math.round(Number(value) * 1000) / 1000]),
  })); // prettier-ignore

test('places of GPS5, evenly over their second, each with its time', () => {
  const track = new GpmfTrack();
  const first = device(gps5({ places: [[46.5, 7.5, 600, 3], [46.501, 7.5, 601, 3]] })); // prettier-ignore
  const second = device(gps5({ utc: '240601100001.000', sea: true, places: [[46.502, -7.5, 602, 4]] })); // prettier-ignore
  const told = toldBy([...track.push(sample(first, 0)), ...track.push(sample(second, 1)), ...track.end()]);
  const ten = Date.UTC(2024, 5, 1, 10) * 1000;
  assert.equal(told.map(({ time }) => time), [0, 0.5, 1]); // prettier-ignore
  assert.equal(told.map(({ items }) => items[0]), [[2, ten], [2, ten + 500_000], [2, ten + 1_000_000]]); // prettier-ignore
  assert.equal(told.map(({ items }) => [items[1]?.[1], items[2]?.[1]]), [[46.5, 7.5], [46.501, 7.5], [46.502, -7.5]]); // prettier-ignore
  // Above the ellipsoid, unless the camera says otherwise.
  assert.equal(told.map(({ items }) => items[3]?.[0]), [75, 75, 15]); // prettier-ignore
  assert.ok(told.every(({ items }) => Math.abs((items[3]?.[1] ?? 0) - 601) < 1.3));
  assert.equal(told.map(({ items }) => items[4]), [[56, 3], [56, 3], [56, 4]]); // prettier-ignore
  assert.is(track.unread, null);
});

test('places of GPS9, which tell their own time and fix, before those of GPS5', () => {
  const days = (Date.UTC(2024, 5, 1) - Date.UTC(2000, 0, 1)) / 86_400_000;
  const place = (latitude: number, seconds: number, fix: number): Buffer => Buffer.concat([i32(latitude * 1e7, 75_000_000, 600_000, 3000, 300, days, seconds * 1000), u16(150, fix)]); // prettier-ignore
  const stream = nested(
    'STRM',
    text('GPSA', 'MSLV'),
    text('TYPE', 'lllllllSS'),
    scale(10_000_000, 10_000_000, 1000, 1000, 100, 1, 1000, 100, 1),
    entry(
      'GPS9',
      '?',
      32,
      3,
      Buffer.concat([place(46.5, 36_000, 0), place(46.5, 36_000.1, 3), place(46.6, 36_000.2, 2)]),
    ),
  );
  const track = new GpmfTrack();
  const told = toldBy([...track.push(sample(device(gps5({ places: [[1, 1, 1, 1]] }), stream), 0)), ...track.end()]);
  const ten = Date.UTC(2024, 5, 1, 10) * 1000;
  assert.equal(told.map(({ items }) => items[0]?.[1]), [ten + 100_000, ten + 200_000]); // prettier-ignore
  assert.equal(told.map(({ items }) => items[1]?.[1]), [46.5, 46.6]); // prettier-ignore
  assert.equal(told.map(({ items }) => items[3]?.[0]), [15, 15]); // prettier-ignore
});

for (const [name, stream] of [
  ['no lock', gps5({ fix: 0, places: [[46.5, 7.5, 600, 3]] })],
  ['no precision', gps5({ precision: 9999, places: [[46.5, 7.5, 600, 3]] })],
  ['zeros', gps5({ places: [[0, 0, 0, 0]] })],
  ['no place on Earth', gps5({ places: [[95, 7.5, 600, 3]] })],
  ['none at all', nested('STRM', entry('ACCL', 's', 6, 1, Buffer.alloc(6)))],
] as const)
  // prettier-ignore
  test(`no place: ${name}`, () => {
    const track = new GpmfTrack();
    assert.equal([...track.push(sample(device(stream), 0)), ...track.end()], []);
    assert.is(track.unread, 'no fix');
  });

test('what is cut, or stands too deep in itself, comes to an end', () => {
  const whole = device(gps5({ places: [[46.5, 7.5, 600, 3]] })); // prettier-ignore
  for (let length = 0; length < whole.length; length++) placesOf(whole.subarray(0, length));
  let deep = whole;
  for (let depth = 0; depth < 100; depth++) deep = entry('DEVC', '', 4, Math.ceil(deep.length / 4), Buffer.concat([deep, Buffer.alloc((4 - (deep.length % 4)) % 4)])); // prettier-ignore
  assert.is(placesOf(deep), null);
  assert.is(placesOf(Buffer.alloc(100_000)), null);
});

test('bytes of any kind are survived, and what comes of them is a place on Earth', () => {
  const whole = device(gps5({ places: [[46.5, 7.5, 600, 3], [46.6, 7.5, 600, 3]] })); // prettier-ignore
  const flips = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), { maxLength: 20 });
  const check = fc.property(flips, (changes) => {
    const bytes = Buffer.from(whole);
    for (const [at, value] of changes) bytes[at] = value;
    const track = new GpmfTrack();
    for (const { bytes: packet } of [...track.push(sample(bytes, 0)), ...track.end()]) {
      assert.is(decodePacket(packet).checksum, 'ok');
      assert.ok(Math.abs(Number(decodePacket(packet).item(13)?.value)) <= 90);
    }
  });
  fc.assert(check, { seed: 601, numRuns: 500 });
});

test.run();
