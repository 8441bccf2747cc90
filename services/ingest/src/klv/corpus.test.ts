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
    : String(a).replace(/[\0 ]+$/, '') === String(b).replace(/[\0 ]+$/, '');

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
      const { corners, frameCenter } = placesOf(packet.kind, new State().update(packet, 0));
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

test.run();
