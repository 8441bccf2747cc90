// Several streams in one file: each has a state and a track of its own, and one of them speaks for the moment.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket, encodeUniversalPacket } from './encode.js';
import { decodePacket } from './packet.js';
import type { TimedPacket } from './read.js';
import { Telemetry } from './telemetry.js';

const timed = (bytes: Buffer, seconds: number, from: Partial<TimedPacket>): TimedPacket => ({ packet: decodePacket(bytes), bytes, i: 0, pts: Math.round(seconds * 90_000), ...from }); // prettier-ignore
const flight = (latitude: number): Buffer => encodePacket([[2, 1_700_000_000_000_000n], [13, latitude], [14, 7]]); // prettier-ignore
const leads = (telemetry: Telemetry, packet: TimedPacket): boolean | undefined => telemetry.add(packet).held?.leads;
const atZero = (): Telemetry => new Telemetry([{ mediaTime: 0, pts90k: 0 }]);

interface Feature {
  properties: { name: string; pid?: number; kind: string; packets: number };
}
const featuresOf = (telemetry: Telemetry): Feature[] =>
  (telemetry.tracks.geojson() as { features: Feature[] } | null)?.features ?? [];

test('two flights in one file are two tracks, and the first leads as long as it is heard', () => {
  const telemetry = atZero();
  const one = (seconds: number): TimedPacket => timed(flight(46), seconds, { pid: 300 });
  const other = (seconds: number): TimedPacket => timed(flight(-33), seconds, { pid: 301 });
  assert.equal([one(0), other(0.5), one(1), other(1.5), other(9), other(11.5), one(12)].map((packet) => leads(telemetry, packet)), [true, false, true, false, false, true, false]); // prettier-ignore
  assert.equal(featuresOf(telemetry).map(({ properties: { name, pid, packets } }) => [name, pid, packets]), [['sensor', 300, 3], ['sensor', 301, 4]]); // prettier-ignore
  assert.equal(telemetry.leader.changes.map(({ time, from, to }) => [time, from.pid, to.pid]), [[11.5, 300, 301]]); // prettier-ignore
});

test('two files of one kind beside the video are two sources, and a state holds what one of them said', () => {
  const telemetry = atZero();
  const from = (file: number, seconds: number, ...items: [number, number][]): TimedPacket => {
    const bytes = encodePacket(items);
    return { packet: decodePacket(bytes), bytes, i: 0, sidecar: 'csv', file, mediaTime: seconds };
  };
  telemetry.add(from(0, 0, [13, 46], [14, 7], [5, 90]));
  const other = telemetry.add(from(1, 1, [13, -33], [14, 151])).held;
  assert.equal([other?.leads, other?.state.number(5)], [false, null]);
  assert.is(new Set(featuresOf(telemetry)).size, 2);
});

test('one flight told by an old and a new set on one PID', () => {
  const telemetry = atZero();
  const old = encodeUniversalPacket([['Time Stamp', 1], ['Device Latitude', 46], ['Device Longitude', 7]]); // prettier-ignore
  assert.equal([timed(flight(46), 0, { pid: 300 }), timed(old, 0, { pid: 300 })].map((packet) => leads(telemetry, packet)), [true, false]); // prettier-ignore
  assert.equal(featuresOf(telemetry).map(({ properties }) => properties.kind), ['ST0601 UAS LS', 'EG0104 Predator US']); // prettier-ignore
});

test('damaged packets, and sets that tell of no sensor, are held by nobody', () => {
  const telemetry = atZero();
  const bad = flight(46);
  bad[30] = (bad[30] ?? 0) ^ 1;
  assert.is(telemetry.add(timed(bad, 0, { pid: 300 })).held, null);
  assert.is(telemetry.add({ packet: decodePacket(flight(46)), bytes: bad, i: 0 }).held?.time, 0);
  assert.equal(featuresOf(telemetry).length, 1);
});

test.run();
