// Telemetry where people use it: in a page with hls.js, from the cues beside the picture and from the events in it.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { encodePacket } from '@sortie/ingest/klv/encode';
import { decodePacket } from '@sortie/ingest/klv/packet';
import { generateFlight } from '@sortie/ingest/sample/flight';
import type { Browser } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBrowser } from './testing/browser.js';
import { layerFolder, publish, startSortie, type TestSortie } from './testing/sortie.js';

interface Context {
  sortie: TestSortie;
  browser: Browser;
}

const it = suite<Context>('telemetry');
const media = process.env['SORTIE_MEDIA'];

it.before(async (context) => {
  context.sortie = await startSortie({ SORTIE_PRESET: 'ultrafast' });
  context.browser = await startBrowser();
});
// What did not come up need not be stopped, and must not hide why.
it.after(async ({ sortie, browser }: Partial<Context>) => {
  await browser?.close();
  await sortie?.stop();
});

/** What the page keeps: packets of the events, base64, by their time, and the cues' text at the moments asked for. */
interface Page {
  events: { time: number; bytes: string }[];
  cues: string[];
}

/** In the page: plays the layer with another hls.js, and stops at each moment. */
const watch = `async (moments) => {
  const url = document.getElementById('video').dataset.source;
  sortiePlayer.destroy();
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const hls = new Hls({ enableEmsgKLVMetadata: true, enableWorker: false });
  const events = [];
  const errors = [];
  hls.on(Hls.Events.ERROR, (_, { details, error }) => errors.push(details + ' ' + error));
  video.textTracks.addEventListener('addtrack', ({ track }) => { track.mode = 'hidden'; });
  hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, { samples }) => {
    for (const { type, pts, data } of samples)
      if (type === 'urn:misb:KLV:bin:1910.1') events.push({ time: pts, bytes: btoa(String.fromCharCode(...data)) });
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  const until = async (what) => {
    for (let round = 0; round < 1200; round++) {
      const value = what();
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('never came about: ' + what + ' ' + errors.join(', '));
  };
  await until(() => video.readyState >= 1);
  const cues = [];
  for (const moment of moments) {
    video.currentTime = moment;
    await until(() => !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - moment) < 0.05);
    cues.push(await until(() => {
      for (const track of video.textTracks) {
        if (track.kind === 'metadata' || track.mode === 'disabled') continue;
        const cue = track.activeCues && track.activeCues[0];
        if (cue && cue.startTime <= moment && cue.endTime > moment) return cue.text;
      }
      return null;
    }));
    await until(() => events.some(({ time }) => time >= moment - 1));
  }
  return { events, cues };
}`;

interface Told {
  time: number;
  items: { tag: number; value: number }[];
}

async function compare({ sortie, browser }: Context, path: string, service: string, moments: number[]): Promise<void> {
  const jobId = await publish(sortie, path, service);
  const job = await sortie.rest.watch(jobId, () => undefined);
  assert.is(job.status, 'COMPLETED', JSON.stringify(job));
  const stored = join(layerFolder(sortie, service), 'telemetry/packets.ndjson');
  const told = (await readFile(stored, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Told); // prettier-ignore
  // The page's own policy allows the product's scripts alone.
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(sortie.rest.layerPage(service, 0));
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve('hls.js/dist/hls.js') });
  const { events, cues } = await page.evaluate<Page>(`(${watch})(${JSON.stringify(moments)})`);
  const valueOf = (packet: Told | undefined, tag: number): number | undefined =>
    packet?.items.find((item) => item.tag === tag)?.value;
  moments.forEach((moment, index) => {
    const packet = told.findLast(({ time }) => time <= moment);
    const { data } = JSON.parse(cues[index] ?? '') as { data: { value: { tagId: number; value: number }[] }[] };
    const event = events.filter(({ time }) => time <= moment + 1e-3).sort((a, b) => a.time - b.time).at(-1); // prettier-ignore
    assert.ok(event && Math.abs(event.time - (packet?.time ?? -1)) < 1e-3, `the event at ${moment} s`);
    const decoded = decodePacket(Buffer.from(event.bytes, 'base64'));
    assert.is(decoded.checksum, 'ok');
    for (const tag of [13, 14]) {
      const expected = valueOf(packet, tag);
      assert.type(expected, 'number');
      assert.is(decoded.item(tag)?.value, expected, `item ${tag} of the event at ${moment} s`);
      assert.is(data[0]?.value.find((entry) => entry.tagId === 10_000 + tag)?.value, expected, `item ${tag} of the cue at ${moment} s`); // prettier-ignore
    }
  });
  await page.close();
}

it('a page reads the position from the cues and from the events', async (context) => {
  const flight = join(context.sortie.directory, 'flight.ts');
  await generateFlight(flight, { seconds: 14, width: 320, height: 180, fps: 30 });
  await compare(context, flight, 'Flown', [1.05, 5.55, 12.25]);
});

it('a table beside a video without telemetry becomes its telemetry, and one with wrong units is told apart', async ({
  sortie,
}) => {
  const video = join(sortie.directory, 'plain.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=6', '-c:v', 'libx264', '-preset', 'ultrafast', video]); // prettier-ignore
  const table = join(sortie.directory, 'plain.csv');
  const lines = Array.from({ length: 6 }, (_, second) => `${1_700_000_000_000_000 + second * 1e6},46.${second},7.5,1200,${second * 10}`); // prettier-ignore
  const header = 'Precision Timestamp,Sensor Latitude,Sensor Longitude,Sensor True Altitude';
  await writeFile(table, `${header},Platform Heading Angle\n${lines.join('\n')}\n`);
  const job = await sortie.rest.watch(await publish(sortie, video, 'Plain', 'sd', [table]), () => undefined);
  assert.is(job.status, 'COMPLETED');
  const folder = join(layerFolder(sortie, 'Plain'), 'telemetry');
  const packets = (await readFile(join(folder, 'packets.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Told & { converted: string }); // prettier-ignore
  assert.equal(packets.map(({ time, converted }) => [time, converted]), [0, 1, 2, 3, 4, 5].map((time) => [time, 'csv'])); // prettier-ignore
  assert.ok(Math.abs((packets[3]?.items.find(({ tag }) => tag === 13)?.value ?? 0) - 46.3) < 1e-6);
  assert.match(await readFile(join(folder, 'cues/00001.vtt'), 'utf8'), /"tagId":10013/);
  const report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')) as { converted: object };
  assert.equal(report.converted, { csv: 6 });

  const feet = join(sortie.directory, 'feet.csv');
  await writeFile(feet, `${header} (ft)\n${lines.map((line) => line.replace(/,\d+$/, '')).join('\n')}\n`);
  const refused = await sortie.rest.watch(await publish(sortie, video, 'Feet', 'sd', [feet]), () => undefined);
  assert.is(refused.status, 'FAILED');
  assert.match(
    refused.customAttributes.sortie?.error?.message ?? '',
    /feet\.csv, column "Sensor True Altitude \(ft\)"/,
  );
});

it('packets of KLV beside a video are its telemetry, as they are', async ({ sortie }) => {
  const video = join(sortie.directory, 'bare.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=3', '-c:v', 'libx264', '-preset', 'ultrafast', video]); // prettier-ignore
  const packets = [0, 1, 2].map((second) => encodePacket([[2, BigInt(1_700_000_000_000_000 + second * 1e6)], [13, 46 + second], [14, 7.5]])); // prettier-ignore
  const klv = join(sortie.directory, 'bare.klv');
  await writeFile(klv, Buffer.concat(packets));
  const job = await sortie.rest.watch(await publish(sortie, video, 'Bare', 'sd', [klv]), () => undefined);
  assert.is(job.status, 'COMPLETED', JSON.stringify(job));
  const folder = join(layerFolder(sortie, 'Bare'), 'telemetry');
  const told = (await readFile(join(folder, 'packets.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Told & { timeRule: string; checksum: string; converted?: string }); // prettier-ignore
  assert.equal(told.map(({ time, timeRule, checksum, converted }) => [time, timeRule, checksum, converted]), [0, 1, 2].map((time) => [time, 'timestamp', 'ok', undefined])); // prettier-ignore
  assert.match(await readFile(join(folder, 'cues/00001.vtt'), 'utf8'), /"tagId":10013/);
});

if (media !== undefined) {
  it('so it does of a real flight', (context) =>
    compare(context, join(media, 'klv_sync_cheyenne_h264.ts'), 'Cheyenne', [2.1, 30.25, 61.8]));
}

it.run();
