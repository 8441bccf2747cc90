// The complete job beside one ffmpeg command that makes the same renditions with the same x264 settings, in the same run;
// how soon a job speaks; memory of a large upload.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ladderFor, ratesFor } from '@sortie/ingest/media/geometry';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { startSortie, type TestSortie } from '../testing/sortie.js';

const seconds = Number(process.argv[2] ?? 60);
const rounds = Number(process.argv[3] ?? 3);
const uploadGigabytes = Number(process.argv[4] ?? 4);
const cache = join(tmpdir(), 'sortie-bench');

async function flight(): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const path = join(cache, `flight-${seconds}.ts`);
  if (!existsSync(path)) await generateFlight(path, { seconds, width: 1920, height: 1080, fps: 30 });
  return path;
}

/** Seconds that the peer takes. */
function runFfmpeg(input: string): Promise<number> {
  const output = join(cache, 'peer');
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const { rungs } = ladderFor({ width: 1920, height: 1080 }, ['sd', 'hd', 'fhd']);
  const split = `[0:v]split=${rungs.length}${rungs.map(({ name }) => `[in_${name}]`).join('')}`;
  const scale = rungs.map(
    ({ name, width, height }) => `[in_${name}]scale=${width}:${height}:flags=bicubic,format=yuv420p[${name}]`,
  );
  const parameters = ['-v', 'error', '-y', '-i', input, '-filter_complex', [split, ...scale].join(';')];
  for (const rung of rungs) {
    const { bitrate, maxBitrate, bufferSize } = ratesFor(rung, 30);
    parameters.push(
      '-map', `[${rung.name}]`, '-c:v', 'libx264', '-preset', 'fast', '-profile:v', 'high',
      '-b:v', String(bitrate), '-maxrate', String(maxBitrate), '-bufsize', String(bufferSize),
      '-x264-params', 'scenecut=0:open-gop=0:bframes=3:b-pyramid=normal:aq-mode=1:rc-lookahead=40:keyint=240',
      '-force_key_frames', 'expr:gte(t,n_forced*2)', '-forced-idr', '1', '-an',
      '-f', 'hls', '-hls_time', '4', '-hls_playlist_type', 'vod', '-hls_segment_type', 'fmp4',
      '-hls_fmp4_init_filename', `${rung.name}.mp4`, join(output, `${rung.name}.m3u8`),
    ); // prettier-ignore
  }
  parameters.push('-map', '0:a', '-c:a', 'aac', '-b:a', '96k', join(output, 'sound.m4a'));
  const began = performance.now();
  return new Promise((resolve, reject) => {
    spawn('ffmpeg', parameters, { stdio: 'inherit', cwd: output }).on('exit', (code) =>
      code === 0 ? resolve((performance.now() - began) / 1000) : reject(new Error('ffmpeg failed')),
    );
  });
}

/** Seconds from addLayer to COMPLETED. */
async function runJob(sortie: TestSortie, input: string, service: string): Promise<number> {
  const { rest } = sortie;
  await rest.createService(service);
  const fileId = await rest.upload(input, () => undefined);
  const began = performance.now();
  const jobId = await rest.addLayer(service, 'Bench', [fileId], 'sd,hd,fhd');
  const job = await rest.watch(jobId, () => undefined);
  if (job.status !== 'COMPLETED') throw new Error(`the job ended ${job.status}`);
  return (performance.now() - began) / 1000;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Milliseconds from publishing to the first message that can be read. */
async function firstMessage(sortie: TestSortie): Promise<number[]> {
  const path = join(cache, 'words.mp4');
  writeFileSync(path, 'no video');
  const { rest } = sortie;
  await rest.createService('First');
  const fileId = await rest.upload(path, () => undefined);
  const times: number[] = [];
  for (let round = 0; round < 20; round++) {
    const began = performance.now();
    const jobId = await rest.addLayer('First', 'Bench', [fileId], 'sd');
    while ((JSON.parse(await rest.jobText(jobId, false)) as { messages: string[] }).messages.length === 0);
    times.push(performance.now() - began);
    await rest.watch(jobId, () => undefined);
  }
  return times;
}

/** Requests per second with 50 at a time. */
function peakMemory(program: string, data: string): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const ours = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(data);
      if (command.includes(program) && ours) {
        return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
      }
    } catch {
      // It has just ended.
    }
  }
  return NaN;
}

const say = (what: string, value: string): void => void process.stdout.write(`${what.padEnd(58)} ${value}\n`);

say('machine', `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`);
const input = await flight();
const sortie = await startSortie();
try {
  const first = await firstMessage(sortie);
  say(
    'publish to first message, median and worst of 20',
    `${median(first).toFixed(0)} ms, ${Math.max(...first).toFixed(0)} ms`,
  );

  if (uploadGigabytes > 0) {
    const large = join(sortie.directory, 'large.ts');
    writeFileSync(large, '');
    truncateSync(large, uploadGigabytes * 1024 ** 3);
    const began = performance.now();
    await sortie.rest.upload(large, () => undefined);
    const took = (performance.now() - began) / 1000;
    say(
      `upload of ${uploadGigabytes} GiB, peak RSS of Ingest API and gateway`,
      `${peakMemory('ingest/dist/api-main.js', sortie.data.root).toFixed(0)} MiB, ${peakMemory('gateway/dist/main.js', sortie.data.root).toFixed(0)} MiB (${((uploadGigabytes * 1024) / took).toFixed(0)} MiB/s)`,
    );
  }

  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const peer = await runFfmpeg(input);
    const own = await runJob(sortie, input, `Bench${round}`);
    ratios.push(own / peer);
    say(
      `complete job, ${seconds} s of 1080p to sd+hd+fhd, by ffmpeg`,
      `${(own / peer).toFixed(3)} (${own.toFixed(1)} s, ${peer.toFixed(1)} s)`,
    );
  }
  say('complete job by ffmpeg, median', `${median(ratios).toFixed(3)} x`);
} finally {
  await sortie.stop();
}
