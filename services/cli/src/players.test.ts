// The frame that a player shows at a media time is the frame of that time, with frames that are decoded before they are shown: in
// Chromium with hls.js, and in what is built on libavformat (ffplay, mpv, VLC's fallback).
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, extname, join, normalize, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mediaPlaylist } from '@sortie/ingest/hls/media-playlist';
import { multivariantPlaylist } from '@sortie/ingest/hls/multivariant';
import { makeLayer, type Layer } from '@sortie/ingest/property/layer';
import { bits, gray, makeSource } from '@sortie/ingest/property/make';
import { rate, type Recipe } from '@sortie/ingest/property/recipe';
import type { Browser } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBrowser } from './testing/browser.js';

interface Context {
  directory: string;
  /** Folder of the layer. */
  folder: string;
  server: Server;
  browser: Browser;
}

const seconds = 10;
const recipe: Recipe = {
  container: 'mp4',
  fragmented: false,
  pieces: [{ from: 0, to: seconds, gaps: [], jump: 0 }],
  start: 0,
  bFrames: 3,
  sparse: 0,
  audio: true,
  klv: null,
  other: null,
  sidecar: null,
};

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.m3u8': 'application/vnd.apple.mpegurl',
};
const hls = fileURLToPath(import.meta.resolve('hls.js/dist/hls.mjs'));

const page = `<!doctype html><video id="video" muted playsinline></video><script type="module">
import Hls from './hls.mjs';
const video = document.getElementById('video');
const hls = new Hls({ enableWorker: false });
hls.loadSource('ABR.m3u8');
hls.attachMedia(video);
const canvas = new OffscreenCanvas(192, 64).getContext('2d', { willReadFrequently: true });
// Sets the position and tells which frame came: its media time, and its columns that are white.
window.frameAt = (time) => new Promise((resolve) => {
  video.requestVideoFrameCallback((_, { mediaTime }) => {
    canvas.drawImage(video, 0, 0, 192, 64);
    let code = 0;
    for (let bit = 0; bit < ${bits}; bit++)
      if (canvas.getImageData(bit * 16 + 8, 32, 1, 1).data[0] > 128) code |= 1 << bit;
    resolve({ mediaTime, code });
  });
  video.currentTime = time;
});
</script>`;

const it = suite<Context>('players');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-players-'));
  context.folder = join(context.directory, 'layer');
  const layer = await makeLayer(makeSource(context.directory, recipe), context.folder, 'fast');
  await writePlaylists(context.folder, layer);
  context.server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const content = path === '/' ? Promise.resolve(page) : readFile(basename(path) === 'hls.mjs' ? hls : join(context.folder, path)); // prettier-ignore
    content.then(
      (data) => response.writeHead(200, { 'content-type': types[extname(path)] ?? (path === '/' ? 'text/html' : 'video/mp4') }).end(data),
      () => response.writeHead(404).end(),
    ); // prettier-ignore
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  context.browser = await startBrowser();
});
// What did not come up need not be stopped, and must not hide why.
it.after(async ({ directory, server, browser }: Partial<Context>) => {
  await browser?.close();
  server?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

async function writePlaylists(folder: string, { made }: Layer): Promise<void> {
  const bandwidth = { peak: 200_000, average: 100_000 };
  const beside = (path: string): string => posix.join(posix.dirname(path), 'index.m3u8');
  for (const { initPath, segments } of [...made.rungs, ...made.audio])
    await writeFile(join(folder, beside(initPath)), mediaPlaylist(initPath, segments));
  const video = made.rungs.map((rung) => ({ ...rung, path: beside(rung.initPath), frameRate: rate, bandwidth }));
  const audio = made.audio.map((track) => ({ ...track, path: beside(track.initPath), name: 'Sound', language: '', bandwidth })); // prettier-ignore
  await writeFile(join(folder, 'ABR.m3u8'), multivariantPlaylist(video, audio, null));
}

it('Chromium shows the frame of the time at which it stands', async ({ server, browser }) => {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${address.port}/`);
  await tab.waitForFunction(`document.getElementById('video').readyState >= 2`, undefined, { timeout: 120_000 });
  // Each frame of a group by which frames are reordered, and around the edges of segments.
  const pictures = [50, 51, 52, 53, 54, 55, 99, 100, 101, 1, 0, 199, 200, 203, 249];
  for (const picture of pictures) {
    const shown = await tab.evaluate<{ mediaTime: number; code: number }>(`frameAt(${(picture + 0.5) / rate})`);
    assert.is(shown.code, gray(picture), `the columns of frame ${picture}`);
    assert.ok(Math.abs(shown.mediaTime - picture / rate) < 0.001, `frame ${picture} has the media time ${shown.mediaTime}`); // prettier-ignore
  }
});

for (const [name, select] of [
  ['the multivariant playlist', 'ABR.m3u8'],
  ['the video alone', 'video'],
] as const) {
  it(`libavformat finds picture and sound at 0: ${name}`, ({ folder }) => {
    const path = select === 'video' ? execFileSync('find', [join(folder, 'video'), '-name', 'index.m3u8']).toString().trim() : join(folder, select); // prettier-ignore
    const told = execFileSync('ffprobe', ['-v', 'error', '-of', 'json', '-show_entries', 'packet=codec_type,pts_time:stream=codec_type,has_b_frames', path], { encoding: 'utf8', maxBuffer: 1 << 26 }); // prettier-ignore
    const { packets, streams } = JSON.parse(told) as {
      packets: { codec_type: string; pts_time: string }[];
      streams: { codec_type: string; has_b_frames?: number }[];
    };
    const video = streams.find(({ codec_type }) => codec_type === 'video');
    assert.ok((video?.has_b_frames ?? 0) > 0, 'frames are reordered');
    for (const { codec_type } of streams)
      assert.is(Number(packets.find((packet) => packet.codec_type === codec_type)?.pts_time), 0, codec_type);
  });
}

it.run();
