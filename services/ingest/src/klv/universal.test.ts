// Universal sets: what is written is read, and counts as what ST 0601 says.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { csvHeader, csvLine } from './csv.js';
import { cueText } from './cues.js';
import { encodeUniversalPacket, type Encodable } from './encode.js';
import { placesOf } from './geometry.js';
import { kinds } from './labels.js';
import { decodePacket } from './packet.js';
import { markingOf } from './health.js';
import { State } from './state.js';

const stamp = 1_200_000_000_000_000;
const flight: readonly (readonly [string, Encodable])[] = [
  ['Time Stamp', stamp],
  ['Device Designation', 'PREDATOR'],
  ['Platform Heading Angle', -90.5],
  ['Platform Pitch Angle', 25.5],
  ['Device Latitude', 46.123456789],
  ['Device Longitude', 7.5],
  ['Device Altitude', 3000],
  ['Frame Center Latitude', 46.2],
  ['Frame Center Longitude', 7.6],
  ['Angle to North', 12.25],
  ...[1, 2, 3, 4].flatMap((point) => [[`Corner Latitude Point ${point}`, 46 + point / 100], [`Corner Longitude Point ${point}`, 7 + point / 100]] as const),
  ['Security Local Set', [{ tag: 1, value: 3 }]],
]; // prettier-ignore

test('an EG 0104 packet, there and back, with numbers of the sizes that it prescribes', () => {
  const bytes = encodeUniversalPacket(flight);
  const packet = decodePacket(bytes);
  assert.is(packet.kind, 'EG0104 Predator US');
  assert.equal([packet.error, packet.checksum, packet.timestamp], [undefined, undefined, stamp]);
  assert.equal(packet.items.slice(0, 10).map(({ name, value }) => [name, value]), flight.slice(0, 10)); // prettier-ignore
  assert.is(packet.items[4]?.length, 8);
  assert.is(packet.items[2]?.length, 4);
  assert.is(packet.items[2]?.ul, '060e2b34010101070701100106000000');
});

test('it tells the same things as ST 0601, in cues, tables and places', () => {
  const packet = decodePacket(encodeUniversalPacket(flight));
  const state = new State().update(packet, 0);
  const places = placesOf(state);
  assert.equal(places.sensor, [7.5, 46.123456789, 3000]);
  assert.is(places.cornersRule, 'full');
  assert.equal(places.corners?.[2], [7.03, 46.03]);
  assert.is(markingOf(state.security), 'Confidential');
  const { data } = JSON.parse(cueText(state, places)) as { data: { value: { tagId: number; name: string; value: unknown }[] }[] }; // prettier-ignore
  const entry = (tagId: number): unknown[] => (data[0]?.value ?? []).filter((one) => one.tagId === tagId).map(({ name, value }) => [name, value]); // prettier-ignore
  assert.equal(entry(10_002), [['PrecisionTimeStamp', stamp]]);
  assert.equal(entry(10_005), [['PlatformHeadingAngle', 269.5]]);
  assert.equal(entry(10_013), [['SensorLatitude', 46.123456789]]);
  const cells = csvLine(0, packet.utc, state, places).split(',');
  const cell = (name: string): string | undefined => cells[csvHeader.trim().split(',').indexOf(name)];
  assert.equal(['Precision Time Stamp', 'Platform Designation', 'Platform Pitch Angle', 'Sensor True Altitude'].map(cell), [String(stamp), 'PREDATOR', '25.5', '3000']); // prettier-ignore
});

test('a security set of its own, and what cannot be written', () => {
  const packet = decodePacket(encodeUniversalPacket([['Security Classification', 'SECRET//'], ['Object Country Codes', 'US'], ['Version', 12]], kinds.securityUniversal)); // prettier-ignore
  assert.equal(packet.items.map(({ value }) => value), ['SECRET//', 'US', 12]); // prettier-ignore
  assert.throws(() => encodeUniversalPacket([['No Such Item', 1]]), /EG 0104 has no item No Such Item/);
  assert.throws(() => encodeUniversalPacket([], kinds.uas), /not a universal set/);
});

test('a set that ends in the middle keeps what came before', () => {
  const bytes = encodeUniversalPacket(flight.slice(0, 5));
  const cut = Buffer.concat([bytes.subarray(0, 16), Buffer.from([bytes.length - 17 - 3]), bytes.subarray(17, -3)]);
  const packet = decodePacket(cut);
  assert.is(packet.error, 'unreadable after 4 items');
  assert.ok(packet.damaged);
});

test.run();
