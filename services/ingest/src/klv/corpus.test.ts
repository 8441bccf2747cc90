// Packets of the corpus, where it lies beside the checkout, against what independent readers agreed on; and the sample
// flight, always.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateFlight } from '../sample/flight.js';
import { placesOf } from './geometry.js';
import { withoutPadding } from './padding.js';
import { klvLines } from './print.js';
import { KlvReader, readKlvFile } from './read.js';
import { State } from './state.js';

interface Expected {
  i: number;
  kind: string;
  bytes: number;
  pid?: number;
  pts?: number | null;
  timestamp_us?: number;
  checksum?: string;
  items?: { tag?: number; hex: string; value?: unknown }[];
}

type Printed = Required<Expected>;

const near = (a: unknown, b: unknown): boolean =>
  typeof a === 'number' && typeof b === 'number'
    ? Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b))
    : withoutPadding(String(a), '\0 ') === withoutPadding(String(b), '\0 ');

async function packetsOf(path: string): Promise<Printed[]> {
  const packets: Printed[] = [];
  for await (const line of klvLines(path)) packets.push(JSON.parse(line) as Printed);
  return packets;
}

test('the sample flight: every packet, its time, and corners that fit the frame centre', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-flight-'));
  try {
    const path = join(directory, 'flight.ts');
    await generateFlight(path, { seconds: 2, width: 320, height: 180, fps: 30 });
    const packets = [];
    for await (const packet of readKlvFile(path, new KlvReader('mpegts'))) packets.push(packet);
    assert.is(packets.length, 20);
    const [first] = packets;
    packets.forEach((timed, index) => {
      const { packet, pts } = timed;
      assert.is(packet.checksum, 'ok');
      assert.is((pts ?? 0) - (first?.pts ?? 0), index * 9000);
      const { corners, frameCenter } = placesOf(new State().update(packet, 0));
      for (const axis of [0, 1] as const) {
        const mean = (corners ?? []).reduce((sum, corner) => sum + corner[axis], 0) / 4;
        assert.ok(Math.abs(mean - (frameCenter?.[axis] ?? 0)) < 1e-6);
      }
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

const media = process.env['SORTIE_MEDIA'];
const files =
  media !== undefined && existsSync(media) ? readdirSync(media).filter((name) => name.endsWith('.expected.json')) : [];
for (const name of files) {
  test(name, async () => {
    const path = join(media ?? '', name);
    const { packets: expected, summary } = JSON.parse(readFileSync(path, 'utf8')) as {
      packets: Expected[];
      summary: { packets: number };
    };
    const packets = await packetsOf(path.replace(/\.expected\.json$/, ''));
    assert.is(packets.length, summary.packets);
    const byPid = new Map<number, Printed[]>();
    for (const packet of packets) byPid.set(packet.pid ?? 0, [...(byPid.get(packet.pid ?? 0) ?? []), packet]);
    const next = new Map<number, number>();
    for (const want of expected) {
      const pid = want.pid ?? 0;
      const index = next.get(pid) ?? 0;
      next.set(pid, index + 1);
      const got = byPid.get(pid)?.[index];
      const where = `packet ${want.i}`;
      assert.equal([got?.kind, got?.bytes, got?.checksum], [want.kind, want.bytes, want.checksum], where);
      if (want.pts != null) assert.is(got?.pts, want.pts, where);
      if (want.timestamp_us !== undefined) assert.ok(near(Number(got?.timestamp_us), want.timestamp_us), where);
      (want.items ?? []).forEach((item, at) => {
        assert.is(got?.items[at]?.hex, item.hex, `${where} item ${item.tag}`);
        if (item.value !== undefined && (item.value === null || typeof item.value !== 'object'))
          assert.ok(
            near(
              typeof item.value === 'number' ? Number(got?.items[at]?.value ?? NaN) : got?.items[at]?.value,
              item.value,
            ),
            `${where} item ${item.tag}`,
          );
      });
    }
  });
}

/** As kwiver prints them: values with their lengths, enumerations with their names, sets as lists. Leaves, in order. */
function leaves(value: unknown): (number | string)[] {
  if (typeof value === 'number' || typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(leaves);
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  if ('length' in fields && 'value' in fields) return leaves(fields['value']);
  if ('integer' in fields && 'string' in fields) return leaves(fields['integer']);
  if ('key' in fields && 'value' in fields) return leaves(fields['value']);
  return Object.values(fields).flatMap(leaves);
}

/** Ours without the names of what they hold. */
function ownLeaves(value: unknown): (number | string)[] {
  if (typeof value === 'number' || typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(ownLeaves);
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  if ('hex' in fields) return ownLeaves(fields['value']);
  if ('meaning' in fields && 'value' in fields) return ownLeaves(fields['value']);
  return Object.values(fields).flatMap(ownLeaves);
}

/** What kwiver shows of each thing that we show as it is: a number with its length, a value with its name, bits by their names. */
function* loose(value: unknown): Generator<readonly (number | string)[]> {
  if (typeof value === 'number') yield [value];
  // Identifiers with dashes of its own, text with the zeros of UTF-16.
  else if (typeof value === 'string') yield [value, value.replaceAll('\0', ''), value.replaceAll('-', '')];
  else if (Array.isArray(value) && value.length > 0 && value.every((one) => isNamed(one) && !('value' in one)))
    yield [value.reduce((sum: number, { integer }: { integer: number }) => sum + 2 ** integer, 0), ...(value as { string: string }[]).map((one) => one.string)]; // prettier-ignore
  else if (Array.isArray(value)) for (const one of value) yield* loose(one);
  else if (isNamed(value)) yield [value.integer, value.string];
  else if (typeof value === 'object' && value !== null) {
    const fields = value as Record<string, unknown>;
    const told = 'value' in fields ? ['value'] : 'hex' in fields ? ['hex'] : Object.keys(fields);
    for (const name of told) if (!ofTheFormat.includes(name)) yield* loose(fields[name]);
  }
}

const isNamed = (value: unknown): value is { integer: number; string: string } =>
  typeof value === 'object' && value !== null && 'integer' in value && 'string' in value;

/** How many bytes things took, and which items a matrix is about: it stands in another form, or nowhere, with us. */
const ofTheFormat = ['apa-params-length', 'apa', 'imap-params', 'rho-length', 'sigma-length', 'members', 'semi-length'];

/** Ours with the names of what they hold. */
const everyLeaf = (value: unknown): (number | string)[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, one]) => (key === 'hex' || key === 'units' ? [] : everyLeaf(one)))
    : typeof value === 'number' || typeof value === 'string' ? [value] : []; // prettier-ignore

/** Numbers beyond 2^53 are text with us. */
const sameLeaf = (leaf: number | string, form: number | string): boolean =>
  typeof form === 'number' ? leaf !== '' && near(Number(leaf), form) : near(leaf, form.replaceAll('-', ''));

/** Of item 73 it shows the bytes of user data in base 64. */
const userData = 'VEVTVA==';

/** Sets and packs that kwiver's file shows in a shape near enough to ours to be compared leaf by leaf. */
const alike = [34, 63, 77, 81, 99, 115, 116, 121, 125, 126, 127, 128, 130, 139];
const gold = media === undefined ? '' : join(media, 'klv_real_kwiver_h264_klv.ts.kwiver-gold.json');
if (existsSync(gold)) {
  test('every value of kwiver’s gold file, also inside of sets and packs', async () => {
    const packets = JSON.parse(readFileSync(gold, 'utf8')) as {
      frame: number;
      value: { key: { integer: number }; value: unknown }[];
    }[];
    const own = await packetsOf(gold.replace(/\.kwiver-gold\.json$/, ''));
    let compared = 0;
    packets.forEach(({ frame, value: items }) => {
      const index = frame - 1;
      for (const { key, value } of items) {
        const tag = key.integer;
        const scalar = typeof value !== 'object' || (value !== null && !Array.isArray(value) && 'length' in value);
        const item = own[index]?.items.find((one) => one.tag === tag);
        if (!scalar && !alike.includes(tag)) {
          // Each thing once, in whatever order.
          const left = everyLeaf(item?.value).map((leaf) =>
            typeof leaf === 'string' ? leaf.replaceAll('-', '') : leaf,
          );
          for (const forms of loose(value)) {
            if (forms[0] === userData) continue;
            const found = left.findIndex((leaf) => forms.some((form) => sameLeaf(leaf, form)));
            assert.ok(found >= 0, `packet ${index} item ${tag}: ${forms.join(' or ')}, have ${left.join(', ')}`);
            left.splice(found, 1);
            compared++;
          }
          continue;
        }
        const expected = leaves(value);
        const seen = ownLeaves(item?.value);
        assert.is(seen.length, expected.length, `packet ${index} item ${tag}`);
        expected.forEach((leaf, at) => {
          compared++;
          assert.ok(
            near(typeof leaf === 'number' ? Number(seen[at]) : seen[at], leaf),
            `packet ${index} item ${tag}: ${String(seen[at])} for ${leaf}`,
          );
        });
      }
    });
    assert.ok(compared > 600, `${compared} values`);
  });
}

test.run();
