// The pages in a real browser: the job as it runs, and the layer as it plays.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFlight } from '@sortie/ingest/sample/flight';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBrowser } from './testing/browser.js';
import { layerFolder, publish, startSortie, type TestSortie } from './testing/sortie.js';

interface Context {
  sortie: TestSortie;
  browser: Browser;
  page: Page;
  /** What the browser complained about: errors of scripts, refusals of the content policy. */
  complaints: string[];
}

const it = suite<Context>('pages');
/** Where pictures of the pages go, when somebody wants to look at them. */
const pictures = process.env['SORTIE_PICTURES'];

it.before(async (context) => {
  context.sortie = await startSortie({ SORTIE_PRESET: 'slow' });
  context.browser = await startBrowser();
  context.page = await context.browser.newPage({ viewport: { width: 1100, height: 1000 } });
  context.complaints = [];
  context.page.on('pageerror', (error) => context.complaints.push(error.message));
  context.page.on('console', (message) => {
    if (message.type() === 'error') context.complaints.push(message.text());
  });
});
// What did not come up need not be stopped, and must not hide why.
it.after(async ({ sortie, browser }: Partial<Context>) => {
  await browser?.close();
  await sortie?.stop();
});

const shoot = async (page: Page, name: string): Promise<void> => {
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
};

/** Waits until the expression is truthy; the page's own policy forbids the browser driver's way of waiting. */
async function until(page: Page, expression: string): Promise<unknown> {
  for (let round = 0; round < 600; round++) {
    const value = await page.evaluate(expression);
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never came about: ${expression}`);
}

it('the job page shows the steps as they come, without a reload', async ({ sortie, page, complaints }) => {
  const flight = join(sortie.directory, 'flight.ts');
  await generateFlight(flight, { seconds: 12, width: 640, height: 360, fps: 30 });
  const jobId = await publish(sortie, flight, 'Shown', 'sd');
  await page.goto(sortie.rest.jobPage(jobId));
  await page.evaluate('window.loadedOnce = true');
  await page.waitForSelector('.step.running:has-text("Transcoding with CPU")');
  await shoot(page, 'job-running');
  await page.waitForSelector('#status[data-status="COMPLETED"]', { timeout: 120_000 });
  assert.is(await page.evaluate('window.loadedOnce'), true, 'the page was not loaded again');
  assert.is(await page.locator('.step.succeeded').count(), 16);
  assert.is(await page.locator('#messages li').count(), 16);
  await shoot(page, 'job');
  await page.click('#layer a');
  await page.waitForSelector('#video');
  assert.equal(complaints, []);
});

it('the job page goes on by itself after an outage of the gateway and the Job service', async ({ sortie, browser }) => {
  const page = await browser.newPage();
  const jobId = await publish(sortie, join(sortie.directory, 'flight.ts'), 'Outage', 'sd');
  await page.goto(sortie.rest.jobPage(jobId));
  await page.evaluate('window.loadedOnce = true');
  await page.waitForSelector('.step.running:has-text("Transcoding with CPU")');
  // They are started again; meanwhile nobody answers, then only errors do.
  const { gateway = 0, job = 0 } = sortie.local.pids();
  for (const pid of [job, gateway]) process.kill(pid, 'SIGKILL');
  await page.waitForSelector('#status[data-status="COMPLETED"]', { timeout: 240_000 });
  assert.is(await page.evaluate('window.loadedOnce'), true, 'the page was not loaded again');
  await page.close();
});

it('the layer plays, with its telemetry of the moment', async ({ sortie, page, complaints }) => {
  await page.goto(sortie.rest.layerPage('Shown', 0));
  const packets = (await readFile(join(layerFolder(sortie, 'Shown'), 'telemetry/packets.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { time: number; items: { tag: number; value: number }[] });
  // Three moments, the last in the third segment.
  for (const moment of [1.05, 5.55, 9.25]) {
    await page.evaluate(
      `(() => { const video = document.getElementById('video'); video.pause(); video.currentTime = ${moment}; })()`,
    );
    await until(
      page,
      `(() => { const video = document.getElementById('video'); return !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - ${moment}) < 0.05; })()`,
    );
    const cue = (await until(
      page,
      `(() => { for (const track of document.getElementById('video').textTracks) { const cue = track.activeCues && track.activeCues[0]; if (cue) return cue.text; } return null; })()`,
    )) as string;
    const { source, data } = JSON.parse(cue) as {
      source: string;
      data: { tagId: number; value: { tagId: number; value: number }[] }[];
    };
    assert.is(source, 'EsriVideoServer');
    const packet = packets.findLast(({ time }) => time <= moment);
    for (const tag of [13, 14]) {
      const shown = data[0]?.value.find((entry) => entry.tagId === 10_000 + tag)?.value;
      assert.is(shown, packet?.items.find((item) => item.tag === tag)?.value, `item ${tag} at ${moment} s`);
    }
  }
  await page.evaluate(
    `(() => { const video = document.getElementById('video'); video.muted = true; video.currentTime = 0; return video.play(); })()`,
  );
  await until(page, `document.getElementById('video').currentTime > 1.5`);
  const played = await page.evaluate<{ width: number; height: number; frames: number; duration: number }>(
    `(() => { const video = document.getElementById('video'); return { width: video.videoWidth, height: video.videoHeight, frames: video.getVideoPlaybackQuality().totalVideoFrames, duration: video.duration }; })()`,
  );
  assert.equal([played.width, played.height], [640, 360]);
  assert.ok(played.frames > 20);
  assert.ok(Math.abs(played.duration - 12) < 0.1, `duration ${played.duration}`);
  assert.ok((await page.locator('#telemetry dt').count()) > 20);
  assert.equal((await page.locator('#telemetry > *').allTextContents()).slice(0, 3), [
    'Security Classification',
    'Unclassified',
    'Precision Time Stamp',
  ]);
  for (const [name, form] of [
    ['Sensor Latitude', /^-?\d+\.\d{1,6}°$/],
    ['Sensor True Altitude', /^\d+(\.\d{1,2})? m$/],
  ] as const)
    assert.match((await page.locator(`#telemetry dt:text-is("${name}") + dd`).textContent()) ?? '', form);
  for (const name of ['Packets', 'Table', 'Track', 'Health report']) {
    const link = await page.getByRole('link', { name, exact: true }).getAttribute('href');
    assert.is((await page.request.get(new URL(link ?? '', page.url()).href)).status(), 200, name);
  }
  await page.hover('#seek');
  await page.waitForSelector('#preview:not([hidden])');
  await shoot(page, 'player');
  assert.equal(complaints, []);
});

it('a failed job shows its failing step at a glance', async ({ sortie, page, complaints }) => {
  const path = join(sortie.directory, 'words.mp4');
  await writeFile(path, 'these are only words '.repeat(100));
  const jobId = await publish(sortie, path, 'Broken');
  await page.goto(sortie.rest.jobPage(jobId));
  await page.waitForSelector('#status[data-status="FAILED"]');
  assert.match((await page.locator('.step.failed .text').textContent()) ?? '', 'Probing Video Codec');
  assert.match((await page.locator('#failure').textContent()) ?? '', 'not a video');
  await shoot(page, 'job-failed');
  assert.equal(complaints, []);
});

it.run();
