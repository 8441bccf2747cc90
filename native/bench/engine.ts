// One run of the engine against one ffmpeg command that makes the same renditions with the same x264 settings from the
// same file, in turns: wall time and peak memory. `node dist/bench/engine.js [seconds] [rounds]`
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, verify, type EnginePlan, type RungPlan } from '../index.js';

const seconds = Number(process.argv[2] ?? 60);
const rounds = Number(process.argv[3] ?? 3);
const self = fileURLToPath(import.meta.url);
const rate = 30;
const gop = 2;
const segment = 4;
const preset = 'fast';
const rungs: RungPlan[] = [
  { name: 'sd', width: 720, height: 404, bitrate: 1_200_000, maxBitrate: 1_800_000, bufferSize: 2_400_000 },
  { name: 'hd', width: 1280, height: 720, bitrate: 3_000_000, maxBitrate: 4_500_000, bufferSize: 6_000_000 },
  { name: 'fhd', width: 1920, height: 1080, bitrate: 5_500_000, maxBitrate: 8_250_000, bufferSize: 11_000_000 },
];

interface Measured {
  wall: number;
  /** User and system time; hardly moved by what else the machine does. */
  cpu: number;
  peak: number;
}

const clockTicks = 100;

/** Runs a command; its memory and time are read from the kernel while it lives, since they are gone afterwards. */
function measure(command: string, args: string[]): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    let peak = 0;
    let cpu = 0;
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const timer = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${String(child.pid)}/status`, 'utf8');
        const stat = readFileSync(`/proc/${String(child.pid)}/stat`, 'utf8');
        const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number);
        cpu = Math.max(cpu, ((user ?? 0) + (system ?? 0)) / clockTicks);
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        // it has just ended
      }
    }, 50);
    child.on('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ wall: (performance.now() - begun) / 1000, cpu, peak });
      else reject(new Error(`${command} ended with ${String(code)}.`));
    });
  });
}

async function source(): Promise<string> {
  const path = join(tmpdir(), `sortie-bench-1080p-${seconds}s.mp4`);
  if (existsSync(path)) return path;
  console.log(`Making ${path} ...`);
  // A drifting, detailed ground with a burnt-in scale: moves everywhere, as pictures from the air do.
  await measure('ffmpeg', [
    '-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=s=1920x1080:r=${rate}`,
    '-f', 'lavfi', '-i', `mandelbrot=s=1920x1080:r=${rate}`, '-f', 'lavfi', '-i', 'sine=frequency=440',
    '-filter_complex', '[1][0]blend=all_expr=A*0.8+B*0.2[v]', '-map', '[v]', '-map', '2:a', '-t', String(seconds),
    '-c:v', 'libx264', '-preset', 'veryfast', '-b:v', '12M', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'mp4', `${path}.part`,
  ]); // prettier-ignore
  renameSync(`${path}.part`, path);
  return path;
}

function plan(input: string, outputDir: string): EnginePlan {
  return {
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
    gopSeconds: gop,
    segmentSeconds: segment,
    rungs,
    audio: [{ stream: 1, directory: 'audio/0', bitrate: 128_000, channels: 2, sampleRate: 48_000 }],
    codec: 'h264',
    bitDepth: 8,
    preset,
    device: null,
    gpuPreset: 'p5',
    threads: 0,
    lookahead: null,
    posterPath: 'poster.jpg',
    posterTime: 5,
    posterWidth: 1280,
    posterHeight: 720,
    previewsPath: 'previews.jpg',
    previewWidth: 160,
    previewHeight: 90,
    previewColumns: 10,
    previewMax: 100,
    previewInterval: 1,
    maxPixels: 8192 * 8192,
    maxFrames: 1_000_000,
  };
}

function command(input: string, outputDir: string): string[] {
  const x264 =
    'scenecut=0:open-gop=0:bframes=3:b-pyramid=normal:aq-mode=1:rc-lookahead=40:nal-hrd=none:keyint=250:min-keyint=1';
  const args = ['-v', 'error', '-y', '-i', input, '-sws_flags', 'bicubic+accurate_rnd', '-filter_complex'];
  args.push(`[0:v]split=${rungs.length}${rungs.map((rung) => `[s${rung.name}]`).join('')};${rungs.map((rung) => `[s${rung.name}]scale=${rung.width}:${rung.height}:flags=bicubic+accurate_rnd[${rung.name}]`).join(';')}`); // prettier-ignore
  for (const [index, rung] of rungs.entries()) {
    args.push('-map', `[${rung.name}]`, `-c:v:${index}`, 'libx264', `-preset:v:${index}`, preset, `-profile:v:${index}`, 'high',
      `-b:v:${index}`, String(rung.bitrate), `-maxrate:v:${index}`, String(rung.maxBitrate),
      `-bufsize:v:${index}`, String(rung.bufferSize), `-x264-params:v:${index}`, x264); // prettier-ignore
  }
  args.push('-force_key_frames', `expr:gte(t,n_forced*${gop})`, '-forced-idr', '1', '-map', '0:a', '-c:a', 'aac', '-b:a', '128k',
    '-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_time', String(segment), '-hls_playlist_type', 'vod',
    '-hls_fmp4_init_filename', 'init.mp4', '-master_pl_name', 'main.m3u8',
    '-var_stream_map', [...rungs.map((_, index) => `v:${index},agroup:a`), 'a:0,agroup:a'].join(' '), join(outputDir, '%v', 'index.m3u8')); // prettier-ignore
  return args;
}

if (process.argv[2] === 'run') {
  const [, , , input = '', outputDir = ''] = process.argv;
  await run(plan(input, outputDir), () => undefined).result;
} else {
  const input = await source();
  const folder = mkdtempSync(join(tmpdir(), 'sortie-bench-'));
  const engine: Measured[] = [];
  const ffmpeg: Measured[] = [];
  try {
    for (let round = 0; round < rounds; ++round) {
      const ours = join(folder, `engine${round}`);
      const theirs = join(folder, `ffmpeg${round}`);
      mkdirSync(ours);
      mkdirSync(theirs);
      const turns = [
        async () => engine.push(await measure(process.execPath, [self, 'run', input, ours])),
        async () => ffmpeg.push(await measure('ffmpeg', command(input, theirs))),
      ];
      if (round % 2 === 1) turns.reverse();
      for (const turn of turns) await turn();
      const [a, b] = [engine[round], ffmpeg[round]];
      if (!a || !b) throw new Error('A round gave no figures.');
      console.log(`round ${round + 1}: engine ${a.wall.toFixed(2)} s (CPU ${a.cpu.toFixed(2)} s) ${a.peak.toFixed(0)} MiB, ffmpeg ${b.wall.toFixed(2)} s (CPU ${b.cpu.toFixed(2)} s) ${b.peak.toFixed(0)} MiB`); // prettier-ignore
    }
    const begun = performance.now();
    for (const rung of rungs) {
      const segments = Array.from({ length: Math.ceil(seconds / segment) }, (_, index) => `video/${rung.name}/${String(index + 1).padStart(5, '0')}.m4s`); // prettier-ignore
      const checked = await verify({ outputDir: join(folder, 'engine0'), initPath: `video/${rung.name}/init.mp4`, segments, threads: 0 }); // prettier-ignore
      for (const { error } of checked) if (error !== null) throw new Error(error);
    }
    const verifying = (performance.now() - begun) / 1000;
    const best = (all: Measured[], of: keyof Measured): number => Math.min(...all.map((one) => one[of]));
    const sum = (all: Measured[]): number => all.reduce((total, one) => total + one.wall, 0);
    console.log(`${cpus().length} cores, ${seconds} s of 1080p${rate}, ${rounds} round(s)`);
    console.log(`wall ratio ${(best(engine, 'wall') / best(ffmpeg, 'wall')).toFixed(3)} (best), ${(sum(engine) / sum(ffmpeg)).toFixed(3)} (sum); CPU ratio ${(best(engine, 'cpu') / best(ffmpeg, 'cpu')).toFixed(3)}; memory ratio ${(best(engine, 'peak') / best(ffmpeg, 'peak')).toFixed(3)}`); // prettier-ignore
    console.log(
      `verify: ${verifying.toFixed(2)} s, ${((100 * verifying) / best(engine, 'wall')).toFixed(1)} % of the run`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
