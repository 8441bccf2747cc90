// What our own code costs for each picture when NVDEC, CUDA and NVENC do the work: CPU time of the process without what the
// driver stand-in computes in the device's place, for one to five rungs, beside ffmpeg with as many h264_nvenc on the same
// stand-in. Small pictures, because nothing of ours should depend on their size. `node dist/bench/gpu.js [frames]`
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { confinePath, run, type EnginePlan } from '../index.js';

const frames = Number(process.argv[2] ?? 3000);
/** Start and end of a run are taken off by a short run beside the long one. */
const fewer = Math.round(frames / 5);
const rate = 25;
const self = fileURLToPath(import.meta.url);
const standin = join(dirname(dirname(dirname(confinePath))), 'standin', 'run');
const size = { width: 160, height: 96 };

const plan = (input: string, outputDir: string, rungs: number): EnginePlan => ({
  input,
  demuxer: 'mov',
  outputDir,
  videoStream: 0,
  rotation: 0,
  mirror: false,
  deinterlace: false,
  frameRateNum: rate,
  frameRateDen: 1,
  steadyRate: true,
  gopSeconds: 2,
  segmentSeconds: 4,
  rungs: Array.from({ length: rungs }, (_, index) => ({
    name: `r${String(index)}`,
    ...size,
    bitrate: 1_000_000,
    maxBitrate: 1_500_000,
    bufferSize: 2_000_000,
  })),
  audio: [],
  codec: 'h264',
  bitDepth: 8,
  preset: 'fast',
  device: 0,
  gpuPreset: 'p5',
  threads: 0,
  lookahead: null,
  posterPath: null,
  posterTime: 0,
  posterWidth: 0,
  posterHeight: 0,
  previewsPath: null,
  previewWidth: 0,
  previewHeight: 0,
  previewColumns: 1,
  previewMax: 0,
  previewInterval: 1,
  maxPixels: 8192 * 8192,
  maxFrames: 10_000_000,
});

interface Cost {
  /** Microseconds of the process, without the device's. */
  own: number;
  copies: number;
}

/** Runs a command on the stand-in; the shell's `times` has the CPU time of what it ran, and its own, which is nothing. */
function cost(command: string[]): Cost {
  const child = spawnSync(standin, ['bash', '-c', '"$@" && times >&2', 'bench', ...command], {
    env: { ...process.env, STANDIN_DELAY_US: '0' },
    encoding: 'utf8',
  });
  const end = /end: 0 violations, 0 leaks(.*)/.exec(child.stderr)?.[1];
  if (child.status !== 0 || end === undefined) throw new Error(`${command.join(' ')}: ${child.stderr}`);
  const counted = (what: string): number => Number(new RegExp(`, (\\d+) ${what}`).exec(end)?.[1] ?? 0);
  // times, POSIX: the second line is user and system time of the children.
  const spent = [...(child.stderr.trim().split('\n').at(-1) ?? '').matchAll(/\b(\d{1,6})m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
  );
  const process_ = spent.reduce((sum, one) => sum + one, 0);
  return {
    own: process_ * 1e6 - counted('microseconds of the device'),
    copies: counted('planes copied to the host'),
  };
}

if (process.argv[2] === 'run') {
  const [, , , input = '', outputDir = '', rungs = '1'] = process.argv;
  const { result } = run(plan(input, outputDir, Number(rungs)), () => undefined);
  const { engine, gpuWarnings } = await result;
  if (engine !== 'gpu' || gpuWarnings.length > 0) throw new Error(`not all on the GPU: ${gpuWarnings.join(' ')}`);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'sortie-bench-gpu-'));
  try {
    const make = (count: number): string => {
      const path = join(folder, `${String(count)}.mp4`);
      const made = spawnSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=${String(size.width)}x${String(size.height)}:r=${String(rate)}`,
        '-frames:v', String(count), '-c:v', 'libx264', '-preset', 'veryfast', path], { stdio: 'inherit' }); // prettier-ignore
      if (made.status !== 0) throw new Error('ffmpeg could not make the clip.');
      return path;
    };
    const [short, long] = [make(fewer), make(frames)];
    let out = 0;
    const directory = (): string => {
      const path = join(folder, String(out++));
      mkdirSync(path);
      return path;
    };
    const ours = (input: string, rungs: number): Cost => cost([process.execPath, self, 'run', input, directory(), String(rungs)]); // prettier-ignore
    const theirs = (input: string, rungs: number): Cost => {
      const to = directory();
      const outputs = Array.from({ length: rungs }, (_, index) => ['-map', '0:v', '-c:v', 'h264_nvenc', '-preset', 'p5', '-rc-lookahead', '16', '-bf', '2',
        '-b:v', '1M', '-g', '50', '-forced-idr', '1', '-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_time', '4', '-hls_playlist_type', 'vod',
        '-hls_fmp4_init_filename', `init${String(index)}.mp4`, join(to, `${String(index)}.m3u8`)]); // prettier-ignore
      return cost(['ffmpeg', '-v', 'error', '-y', '-hwaccel', 'cuda', '-hwaccel_output_format', 'cuda', '-c:v', 'h264_cuvid', '-i', input, ...outputs.flat()]); // prettier-ignore
    };
    const each = (of: (input: string, rungs: number) => Cost, rungs: number): Cost => {
      const [few, many] = [of(short, rungs), of(long, rungs)];
      return { own: (many.own - few.own) / (frames - fewer), copies: many.copies };
    };
    console.log(`${String(cpus().length)} cores, ${String(frames)} pictures; CPU time a picture, without the device's`);
    console.log('| rungs | Sortie | of it a rung | ffmpeg | ratio | pictures copied to the host |');
    console.log('| ----: | -----: | -----------: | -----: | ----: | --------------------------: |');
    for (let rungs = 1; rungs <= 5; ++rungs) {
      const [a, b] = [each(ours, rungs), each(theirs, rungs)];
      console.log(`| ${String(rungs)} | ${a.own.toFixed(0)} µs | ${(a.own / rungs).toFixed(0)} µs | ${b.own.toFixed(0)} µs | ${(a.own / b.own).toFixed(2)} | ${String(a.copies)} |`); // prettier-ignore
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
