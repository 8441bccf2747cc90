import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket, type Encodable } from './encode.js';
import type { Health } from './health.js';
import { kinds } from './labels.js';
import { decodePacket } from './packet.js';
import type { ReadReport, TimedPacket } from './read.js';
import type { Position } from './geometry.js';
import { metersFrom, Simplifier } from './simplify.js';
import { Telemetry } from './telemetry.js';
import { areaOf } from './track.js';

const stamp = 1_700_000_000_000_000;
const reading: ReadReport = { transport: null, junkBytes: 0, truncated: 0, sequenceErrors: 0, videoTimes: null };
type Items = readonly (readonly [number, Encodable])[];

function timed(seconds: number, items: Items, change?: (bytes: Buffer) => void): TimedPacket {
  const bytes = encodePacket(items);
  change?.(bytes);
  return { packet: decodePacket(bytes), bytes, i: 0, pid: 256, pts: Math.round(seconds * 90_000) };
}

function reportOf(...packets: TimedPacket[]): Health {
  const telemetry = new Telemetry([{ mediaTime: 0, pts90k: 0 }]);
  for (const packet of packets) telemetry.add(packet);
  return telemetry.health.report(reading);
}

const at = (seconds: number, ...items: Items): TimedPacket => timed(seconds, [[2, stamp + Math.round(seconds * 1e6)], ...items]); // prettier-ignore
const every = (interval: number, count: number, ...items: Items): TimedPacket[] =>
  Array.from({ length: count }, (_, index) => at(index * interval, ...items));

test('gaps are told against what is usual, with their places', () => {
  const steady = reportOf(...every(0.1, 50), at(9.9), at(10), at(10.1));
  assert.is(steady.time.gaps.count, 1);
  assert.ok(Math.abs((steady.time.gaps.longest[0]?.seconds ?? 0) - 5) < 0.01);
  assert.ok(Math.abs((steady.time.gaps.longest[0]?.after ?? 0) - 4.9) < 0.01);
  assert.ok(Math.abs((steady.time.usualInterval ?? 0) - 0.1) < 0.01);
  // One packet a second is slow, and no gap.
  assert.is(reportOf(...every(1, 30)).time.gaps.count, 0);
});

test('duplicates, order, and the drift of item 2 against the media', () => {
  const odd = reportOf(at(0), timed(1, [[2, stamp]]), timed(2, [[2, stamp - 5]]), at(3));
  assert.equal([odd.time.duplicates, odd.time.outOfOrder], [1, 1]);
  // A clock that gains a millisecond each second: 60 ms a minute.
  const fast = reportOf(...Array.from({ length: 60 }, (_, index) => timed(index, [[2, stamp + index * 1_001_000]])));
  assert.ok(Math.abs((fast.time.drift?.rate ?? 0) - 60) < 0.01);
  assert.ok(Math.abs((fast.time.drift?.most ?? 0) - 0.059) < 1e-6);
  assert.ok(Math.abs(reportOf(...every(1, 60)).time.drift?.rate ?? 1) < 1e-6);
});

test('UTC is told only where leap seconds are', () => {
  const without = reportOf(at(0));
  assert.equal([without.time.first, without.time.firstUtc], ['2023-11-14T22:13:20.000Z', null]);
  const told = reportOf(at(0, [136, 37], [137, -500_000]));
  assert.equal([told.time.firstUtc, told.time.leapSeconds], ['2023-11-14T22:12:42.500Z', 37]);
});

test('each packet has its UTC from the first leap seconds on', () => {
  const telemetry = new Telemetry([{ mediaTime: 0, pts90k: 0 }]);
  const flipped = (place: number): TimedPacket =>
    timed(2, [[2, stamp], [136, 99]], (bytes) => (bytes[bytes.length - place] = (bytes[bytes.length - place] ?? 0) ^ 1)); // prettier-ignore
  // A wrong sum; and a length in front of which everything can be read, but no sum any more.
  const told = [at(0), at(1, [136, 37]), flipped(5), flipped(6), at(60, [5, 90])].map((packet) => telemetry.add(packet).utcCorrected); // prettier-ignore
  assert.equal(told, [undefined, '2023-11-14T22:12:44Z', undefined, undefined, '2023-11-14T22:13:43Z']);
});

test('checksums, damage, lengths off the standard, and what nobody knows', () => {
  const bad = timed(0, [[2, stamp], [5, 90]], (bytes) => (bytes[bytes.length - 6] = (bytes[bytes.length - 6] ?? 0) ^ 1)); // prettier-ignore
  const found = reportOf(bad, at(1, [22, Buffer.from('000001c9', 'hex')], [6, Buffer.from('8000', 'hex')], [200, Buffer.from([1])], [65, 17])); // prettier-ignore
  assert.equal(found.checksums, { ok: 1, valueOnly: 0, bad: 1, missing: 0 });
  assert.is(found.items['22']?.unusualLength, 1);
  assert.is(found.items['6']?.noValue, 1);
  assert.equal(found.unknownItems, { '200': 1 });
  assert.equal(found.versions, { '17': 1 });
});

test('a flight over the antimeridian has an extent that goes on beyond 180 degrees', () => {
  const found = reportOf(...[179.5, 179.9, -179.8].map((longitude, index) => at(index, [13, -17], [14, longitude])));
  assert.ok(Math.abs((found.extent?.xmin ?? 0) - 179.5) < 1e-6, JSON.stringify(found.extent));
  assert.ok(Math.abs((found.extent?.xmax ?? 0) - 180.2) < 1e-6, JSON.stringify(found.extent));
});

test('items of one set are not taken for those of another, and a damaged packet tells nothing', () => {
  const bytes = encodePacket([[2, stamp], [5, 3], [8, 1920], [13, null]], kinds.vmti); // prettier-ignore
  const targets: TimedPacket = { packet: decodePacket(bytes), bytes, i: 0, pid: 256, pts: 0 };
  const bad = timed(1, [[13, 46], [14, 7]], (all) => (all[all.length - 6] = (all[all.length - 6] ?? 0) ^ 1)); // prettier-ignore
  const found = reportOf(targets, bad, at(2, [13, 46]));
  assert.equal(found.items['ST0903 VMTI LS 5']?.name, 'Total Number of Targets Detected');
  assert.is(found.items['5'], undefined);
  assert.ok(found.footprint.missing.includes('Platform Heading Angle'));
  assert.equal(found.map.missing, ['Sensor Longitude', 'Frame Center Latitude', 'Frame Center Longitude']);
});

test('what a map and a footprint need, and lack', () => {
  const little = reportOf(at(0, [13, 46], [14, 7]));
  assert.equal(little.map, { possible: false, missing: ['Frame Center Latitude', 'Frame Center Longitude'] });
  assert.is(little.footprint.possible, false);
  const attitude: Items = [[5, 0], [90, 0], [91, 0], [13, 46], [14, 7], [104, 2000], [16, 30], [18, 0], [19, -90], [20, 0]]; // prettier-ignore
  const enough = reportOf(at(0, ...attitude));
  assert.equal(enough.footprint, { possible: true, missing: [], corners: { computed: 1 } });
  // A field that only ever says "no value" is missing.
  assert.ok(reportOf(at(0, [13, Buffer.from('80000000', 'hex')])).map.missing.includes('Sensor Latitude'));
});

const marked = (classification: number): readonly [number, Encodable] => [48, [{ tag: 1, value: classification }]];
// prettier-ignore
const markings: readonly (readonly [name: string, packets: TimedPacket[], marking: string])[] = [
  ['all unclassified', every(1, 3, marked(1)), 'Unclassified'],
  ['none', every(1, 3), 'none found'],
  ['zero is no classification', every(1, 3, marked(0)), 'unknown'],
  ['a set without one', every(1, 3, [48, [{ tag: 3, value: '//US' }]]), 'unknown'],
  ['only late', [at(0), at(1, marked(1))], 'unknown'],
  ['held for a while', [at(0, marked(1)), at(20)], 'Unclassified'],
  ['too old', [at(0, marked(1)), at(31)], 'unknown'],
  ['the higher one counts', [at(0, marked(1)), at(1, marked(4))], 'Secret'],
  ['a set in two items', [at(0, [48, [{ tag: 1, value: 3 }]], [48, [{ tag: 3, value: '//US' }]])], 'Confidential'],
];
for (const [name, packets, marking] of markings)
  test(`the security marking: ${name}`, () => assert.is(reportOf(...packets).security.marking, marking));

/** Distance of a place from the straight way between two others, metres. */
function distanceFrom(place: Position, a: Position, b: Position): number {
  const [p, way] = [metersFrom(a, place), metersFrom(a, b)];
  const dot = (one: readonly number[], other: readonly number[]): number => one.reduce((sum, value, axis) => sum + value * (other[axis] ?? 0), 0); // prettier-ignore
  const share = Math.min(1, Math.max(0, dot(p, way) / (dot(way, way) || 1)));
  return Math.hypot(...p.map((value, axis) => value - share * (way[axis] ?? 0)));
}

test('a simplified line leaves no point farther away than it says', () => {
  const simplifier = new Simplifier(5);
  const points = Array.from({ length: 3000 }, (_, index) => ({
    position: [7 + index / 1e5 + Math.sin(index / 50) / 5e3, 46 + Math.cos(index / 70) / 5e3, 1000] as [number, number, number], // prettier-ignore
    time: index,
  }));
  for (const point of points) simplifier.add(point);
  const kept = simplifier.points;
  assert.ok(kept.length < points.length / 5, `${kept.length} points kept`);
  assert.equal([kept[0], kept.at(-1)], [points[0], points.at(-1)]);
  let segment = 0;
  for (const { position, time } of points) {
    while ((kept[segment + 1]?.time ?? Infinity) < time) segment++;
    const [a, b] = [kept[segment], kept[segment + 1] ?? kept[segment]];
    if (!a || !b) throw new Error('no segment');
    assert.ok(distanceFrom(position, a.position, b.position) <= 5 + 1e-9, `point ${time}`);
  }
  // Over the date line the way is short.
  assert.ok(distanceFrom([-179.9999, 0], [179.9999, 0], [-179.9998, 0]) < 1);
});

test('rings are closed and run against the clock, whatever way the corners came', () => {
  for (const corners of [
    [
      [0, 1],
      [1, 1],
      [1, 0],
      [0, 0],
    ],
    [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ],
  ] as [number, number][][]) {
    // prettier-ignore
    const [ring = []] = areaOf(corners).coordinates as number[][][];
    assert.equal(ring[0], ring.at(-1));
    const area = ring.slice(1).reduce((sum, [x = 0, y = 0], index) => sum + ((ring[index]?.[0] ?? 0) * y - x * (ring[index]?.[1] ?? 0)), 0); // prettier-ignore
    assert.ok(area > 0);
  }
});

test.run();
