// Telemetry: packets a second, in full, with their checksums, beside the one other decoder that npm has (stanag), in turns in
// the same run; and transport streams to decoded packets beside the plain reading of the file. One thread, CPU time.
// `node dist/bench/klv.js [rounds]`; real recordings where SORTIE_MEDIA says, else the generated flight.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Framer } from '../klv/framing.js';
import { decodePacket } from '../klv/packet.js';
import { KlvReader, readKlvFile } from '../klv/read.js';
import { generateFlight } from '../sample/flight.js';

const rounds = Number(process.argv[2] ?? 5);
const media = process.env['SORTIE_MEDIA'] ?? '';
const stanag = createRequire(import.meta.url)('stanag') as (bytes: Buffer) => unknown[];
const folder = mkdtempSync(join(tmpdir(), 'sortie-bench-klv-'));

/** CPU seconds of the work. */
async function cost(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** The best of the rounds, after one that warms up. */
async function best(...works: (() => Promise<void> | void)[]): Promise<number[]> {
  const least = works.map(() => Infinity);
  for (let round = 0; round <= rounds; round++)
    for (const [index, work] of works.entries()) {
      const seconds = await cost(work);
      if (round > 0) least[index] = Math.min(least[index] ?? Infinity, seconds);
    }
  return least;
}

/** What is measured: each row bears the name of what it was measured on. */
interface Input {
  name: string;
  path: string;
}

async function inputs(...names: string[]): Promise<Input[]> {
  const recordings = media === '' ? [] : names.map((name) => ({ name: `\`${name}\``, path: join(media, name) }));
  const there = recordings.filter(({ path }) => existsSync(path));
  if (there.length > 0) return there;
  const path = join(folder, 'flight.ts');
  if (!existsSync(path)) await generateFlight(path, { seconds: 20, width: 640, height: 360, fps: 30 });
  return [{ name: 'generated flight', path }];
}

async function rawPackets(path: string): Promise<Buffer> {
  if (path.endsWith('.klv')) return readFileSync(path);
  const packets: Buffer[] = [];
  for await (const { bytes } of readKlvFile(path, new KlvReader('mpegts'))) packets.push(Buffer.from(bytes));
  return Buffer.concat(packets);
}

const thousands = (value: number): string => Math.round(value).toLocaleString('en');

try {
  console.log(`${cpus().length} cores, ${rounds} rounds each; CPU time of one thread`);
  console.log('| packets | Sortie | stanag | ratio |\n| --- | ---: | ---: | ---: |');
  for (const { name, path } of await inputs('raw_cheyenne.klv', 'klv_sync_jitc0601_frag3.ts')) {
    const bytes = await rawPackets(path);
    const count = new Framer().push(bytes).length;
    const repeats = Math.ceil(40_000 / count);
    const [ours = 1, theirs = 1] = await best(
      () => {
        for (let repeat = 0; repeat < repeats * 8; repeat++)
          for (const packet of new Framer().push(bytes)) decodePacket(packet);
      },
      () => {
        for (let repeat = 0; repeat < repeats; repeat++) stanag(bytes);
      },
    );
    const [sortie, peer] = [(count * repeats * 8) / ours, (count * repeats) / theirs];
    console.log(`| ${name}, ${(bytes.length / count).toFixed(0)} bytes each | ${thousands(sortie)}/s | ${thousands(peer)}/s | ${(sortie / peer).toFixed(1)} |`); // prettier-ignore
  }
  console.log('| transport stream | decoded | only read | packets |\n| --- | ---: | ---: | ---: |');
  for (const { name, path } of await inputs('klv_sync_cheyenne_h264.ts', 'klv_sync_jitc0601_frag3.ts')) {
    const megabytes = statSync(path).size / 1e6;
    const repeats = Math.ceil(200 / megabytes);
    let packets = 0;
    const [decoded = 1, read = 1] = await best(
      async () => {
        packets = 0;
        for (let repeat = 0; repeat < repeats; repeat++)
          for await (const _ of readKlvFile(path, new KlvReader('mpegts'))) packets++;
      },
      () => {
        for (let repeat = 0; repeat < repeats; repeat++) readFileSync(path);
      },
    );
    console.log(`| ${name}, ${megabytes.toFixed(1)} MB | ${thousands((megabytes * repeats) / decoded)} MB/s | ${thousands((megabytes * repeats) / read)} MB/s | ${thousands(packets / decoded)}/s |`); // prettier-ignore
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
