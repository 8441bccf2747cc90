// Whatever the bytes, nothing is thrown, nothing grows, and everything ends: with the same seed in every run, or for as long
// as SORTIE_FUZZ_SECONDS says with a seed of its own (npm run fuzz). What is written is read again.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Coding } from './coding.js';
import { encodePacket } from './encode.js';
import { Item } from './item.js';
import { labelStart } from './label.js';
import { kinds, type PacketKind } from './labels.js';
import { decodePacket } from './packet.js';
import { printed } from './print.js';
import { KlvReader, type KlvContainer, type TimedPacket } from './read.js';
import { Telemetry } from './telemetry.js';
import { definitionsOf } from './table.js';
import { writeValue, type Writable } from './write.js';

const seconds = Number(process.env['SORTIE_FUZZ_SECONDS'] ?? 0);
const settings: fc.Parameters<unknown> =
  seconds > 0
    ? { numRuns: Infinity, plugins: [fc.interruptAfterTimeLimit((seconds * 1000) / 4)] }
    : { seed: 601, numRuns: 300 };
const media = process.env['SORTIE_MEDIA'];

const localKinds = Object.values<PacketKind>(kinds).filter(({ table }) => table !== null);

/** A value that the coding can hold; null for codings whose values only their own tests know. */
function valueFor(coding: Coding): fc.Arbitrary<Writable> | null {
  switch (coding.kind) {
    case 'unsigned':
      return fc.nat({ max: Math.min(2 ** (8 * coding.longest) - 1, Number.MAX_SAFE_INTEGER) });
    case 'signed': {
      const half = 2 ** Math.min(8 * coding.longest - 1, 52);
      return fc.integer({
        min: Math.max(-half, Number.MIN_SAFE_INTEGER),
        max: Math.min(half - 1, Number.MAX_SAFE_INTEGER),
      });
    }
    case 'linear':
    case 'imapb':
      return fc.double({ min: coding.low, max: coding.high, noNaN: true });
    case 'symmetric':
      return fc.double({ min: -coding.limit, max: coding.limit, noNaN: true });
    case 'float':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'text':
      return fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !text.endsWith('\0'));
    case 'uuid':
      return fc.uuid();
    default:
      return null;
  }
}

/** Half a step of the item's scale, or less. */
function stepOf(coding: Coding, bytes: number): number {
  if (coding.kind === 'linear') return (coding.high - coding.low) / (2 ** (8 * bytes) - 1);
  if (coding.kind === 'symmetric') return coding.limit / (2 ** (8 * bytes - 1) - 1);
  if (coding.kind === 'imapb') return 2 ** (Math.ceil(Math.log2(coding.high - coding.low)) - 8 * bytes + 1);
  return 0;
}

for (const { name, table } of localKinds) {
  test(`${name}: every scalar goes there and back within half a step`, () => {
    const codings = definitionsOf(table ?? { standard: '', items: [] }).flatMap((definition) => {
      const values = valueFor(definition.coding);
      return values ? [values.map((value) => ({ definition, value }))] : [];
    });
    fc.assert(
      fc.property(fc.oneof(...codings), ({ definition, value }) => {
        const bytes = writeValue(definition.coding, value);
        const item = new Item(definition.tag, definition, bytes, 0, bytes.length);
        definition.read(item, bytes, 0, bytes.length, 0);
        if (typeof value !== 'number') return item.value === value;
        const step = stepOf(definition.coding, bytes.length);
        const rounding = definition.coding.kind === 'imapb' ? step : step / 2;
        return (
          typeof item.value === 'number' &&
          Math.abs(item.value - value) <= rounding * (1 + 1e-9) + Math.abs(value) * 1e-15
        );
      }),
      settings as fc.Parameters<[unknown]>,
    );
  });
}

const seeds: Buffer[] = [
  encodePacket([
    [2, 1_700_000_000_000_000n],
    [3, 'Mission'],
    [5, 90],
    [13, 46.5],
    [14, 7.8],
    [15, 2000],
    [48, [{ tag: 1, value: 1 }, { tag: 3, value: '//CH' }]],
    [74, [{ tag: 8, value: 1920 }, { tag: 101, value: [{ id: 1, items: [{ tag: 1, value: 409600 }] }] }]],
    [94, { version: 1, sensor: null, platform: null, window: null, minor: null }],
    [96, 10],
    [100, [{ tag: 3, value: 'inner' }]],
    [142, { azimuth: { start: 1, range: 2, bytes: 3 }, elevation: null, roll: null }],
  ]),
  encodePacket([[2, 1n], [101, [{ id: 9, items: [{ tag: 104, value: [{ tag: 2, value: 1 }] }] }]]], kinds.vmti),
  encodePacket([[2, 1n], [12, [{ tag: 2, value: 46 }]]], kinds.rvt),
]; // prettier-ignore
if (media !== undefined) {
  for (const name of readdirSync(media))
    if (name.endsWith('.klv')) seeds.push(readFileSync(join(media, name)).subarray(0, 16_384));
}

/** Real bytes with flips, cuts, doubled parts and lengths that lie. */
const mutated = fc
  .tuple(
    fc.nat({ max: seeds.length - 1 }),
    fc.array(fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), how: fc.integer({ min: 0, max: 4 }) }), { maxLength: 12 }), // prettier-ignore
  )
  .map(([seed, changes]) => {
    let bytes = Buffer.from(seeds[seed] ?? Buffer.alloc(0));
    for (const { at, byte, how } of changes) {
      if (bytes.length === 0) break;
      const place = at % bytes.length;
      if (how === 0) bytes = bytes.subarray(0, place);
      else if (how === 1) bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(place >> 1)]);
      else if (how === 2) bytes = Buffer.concat([bytes.subarray(0, place), labelStart, bytes.subarray(place)]);
      else bytes[place] = how === 3 ? byte : (bytes[place] ?? 0) ^ (1 << (byte & 7));
    }
    return bytes;
  });

test('a packet of any bytes is decoded without an exception, and can be printed', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        mutated,
        fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        const packet = decodePacket(bytes);
        JSON.parse(JSON.stringify(packet));
        return packet.bytes === bytes.length;
      },
    ),
    settings as fc.Parameters<[Buffer]>,
  );
});

/** All packets of bytes that come in pieces, through everything that is made of them. */
function through(container: KlvContainer, bytes: Buffer, piece: number): TimedPacket[] {
  const reader = new KlvReader(container);
  const telemetry = new Telemetry(null);
  const packets: TimedPacket[] = [];
  for (let at = 0; at < bytes.length; at += piece) packets.push(...reader.push(bytes.subarray(at, at + piece)));
  packets.push(...reader.end());
  for (const packet of packets) {
    telemetry.add(packet);
    printed(packet);
  }
  telemetry.health.report(reader.report);
  telemetry.tracks.geojson();
  return packets;
}

test('a stream of any bytes, in pieces of any size, gives the same packets and no more than there are', () => {
  fc.assert(
    fc.property(mutated, fc.integer({ min: 1, max: 500 }), (bytes, piece) => {
      const whole = through('klv', bytes, Math.max(1, bytes.length));
      const pieces = through('klv', bytes, piece);
      assert.equal(pieces.map(({ packet }) => packet.bytes), whole.map(({ packet }) => packet.bytes)); // prettier-ignore
      assert.ok(whole.reduce((sum, { packet }) => sum + packet.bytes, 0) <= bytes.length);
    }),
    settings as fc.Parameters<[Buffer, number]>,
  );
});

const transports =
  media === undefined
    ? []
    : readdirSync(media)
        .filter((name) => /klv.*\.ts$/.test(name))
        .map((name) => readFileSync(join(media, name)).subarray(0, 188 * 400));
if (transports.length > 0) {
  test('transport streams with damage anywhere', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...transports),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 60 }),
        fc.integer({ min: 50, max: 70_000 }),
        (stream, changes, piece) => {
          const bytes = Buffer.from(stream);
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
          through('mpegts', bytes, piece);
        },
      ),
      { ...settings, numRuns: seconds > 0 ? Infinity : 60 } as fc.Parameters<[Buffer, [number, number][], number]>,
    );
  });
}

test('labels without end, and packets that promise more than comes, cost no memory', () => {
  const labels = Buffer.alloc(1024 * 1024, labelStart);
  // Each is read as a set of six bytes of an unknown kind.
  const found = new KlvReader('klv').push(labels);
  assert.ok(found.length > 0 && found.every(({ packet }) => packet.kind === 'unknown'));
  const promising = Buffer.concat([Buffer.from('060e2b34020b01010e01030101000000830100ff', 'hex'), Buffer.alloc(100)]);
  const many = Buffer.concat(Array.from({ length: 20_000 }, () => promising));
  const reader = new KlvReader('klv');
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < many.length; at += 4096) reader.push(many.subarray(at, at + 4096));
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
});

test.run();
