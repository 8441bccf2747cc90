// The sample flight as a file: a real transport stream with moving picture, sound, and telemetry that fits the picture.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePes } from '../mpegts/pes.js';
import { clockPicture, clockSize } from './clock.js';
import { addKlv, type TimedKlv } from './mux.js';
import { groundWidth, orbitExpressions, reach, startTime } from './orbit.js';
import { packetAt } from './telemetry.js';
import { terrainPpm } from './terrain.js';

export interface Flight {
  seconds: number;
  /** Pixels, even. */
  width: number;
  height: number;
  fps: number;
}

const packetsPerSecond = 10;
const clockRate = 90_000;

const clockText = (seconds: number): string => new Date(startTime + Math.round(seconds * 1000)).toISOString();

function ffmpegArguments(
  { seconds, width, height, fps }: Flight,
  scale: number,
  terrain: string,
  output: string,
): string[] {
  const perMetre = width / groundWidth;
  const window = 2 * Math.ceil(Math.hypot(width, height) / 2) + 2;
  const clock = clockSize(clockText(0).length, scale);
  const { east, north, headingRadians } = orbitExpressions;
  const cross = Math.round(height / 20);
  const picture = [
    `[0:v]crop=${window}:${window}:'iw/2+(${east})*${perMetre}-${window}/2':'ih/2-(${north})*${perMetre}-${window}/2'`,
    `rotate='-(${headingRadians})':ow=${width}:oh=${height}`,
    `drawbox=x=iw/2-${cross}:y=ih/2:w=${2 * cross}:h=2:color=white@0.8:t=fill`,
    `drawbox=x=iw/2:y=ih/2-${cross}:w=2:h=${2 * cross}:color=white@0.8:t=fill[ground]`,
  ].join(',');
  return [
    '-v', 'error', '-y',
    '-loop', '1', '-framerate', String(fps), '-i', terrain,
    '-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${clock.width}x${clock.height}`, '-framerate', String(fps), '-i', '-',
    '-f', 'lavfi', '-i', 'aevalsrc=0.15*sin(2*PI*92*t)*(0.7+0.3*sin(2*PI*13*t))+0.03*(random(0)-0.5):s=48000',
    '-filter_complex', `${picture};[ground][1:v]overlay=x=${4 * scale}:y=${4 * scale}:shortest=1,format=yuv420p[v]`,
    '-map', '[v]', '-map', '2:a', '-t', String(seconds),
    '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-g', String(fps * 2), '-bf', '2',
    '-c:a', 'aac', '-b:a', '96k', '-ac', '1',
    '-mpegts_start_pid', '0x100', '-f', 'mpegts', output,
  ]; // prettier-ignore
}

/** Feeds the clock and waits; rejects with ffmpeg's own words. */
function runFfmpeg(parameters: string[], frames: Iterable<Buffer>): Promise<void> {
  const child = spawn('ffmpeg', parameters, { stdio: ['pipe', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`ffmpeg could not make the sample flight: ${stderr}`)),
    );
    // ffmpeg closes its input when it has enough.
    child.stdin.on('error', () => undefined);
    const closed = once(child.stdin, 'close');
    closed.catch(() => undefined); // its early end is told by the exit code
    void (async () => {
      for (const frame of frames) {
        if (!child.stdin.writable) break;
        if (!child.stdin.write(frame)) await Promise.race([once(child.stdin, 'drain'), closed]);
      }
      child.stdin.end();
    })().catch(() => undefined);
  });
}

/** PTS of the first picture shown. */
function firstPts(stream: Buffer): number {
  let first = Infinity;
  for (let at = 0; at + 188 <= Math.min(stream.length, 2_000_000); at += 188) {
    const packet = stream.subarray(at, at + 188);
    if ((packet.readUInt16BE(1) & 0x5fff) !== 0x4100) continue;
    const start = ((packet[3] ?? 0) & 0x20) !== 0 ? 5 + (packet[4] ?? 0) : 4;
    first = Math.min(first, parsePes(packet.subarray(start))?.pts ?? Infinity);
  }
  return Number.isFinite(first) ? first : 0;
}

/** Writes the flight to `path`; the same parameters give the same flight. Needs the `ffmpeg` command. */
export async function generateFlight(path: string, flight: Flight): Promise<void> {
  const { seconds, width, height, fps } = flight;
  const aspect = width / height;
  const scale = Math.max(1, Math.round(height / 300));
  const directory = await mkdtemp(join(tmpdir(), 'sortie-sample-'));
  try {
    const terrain = join(directory, 'terrain.ppm');
    const pixelsPerMetre = width / groundWidth;
    await writeFile(terrain, terrainPpm(2 * Math.ceil(reach(aspect) * pixelsPerMetre), 1 / pixelsPerMetre));
    const plain = join(directory, 'plain.ts');
    const frames = function* (): Generator<Buffer> {
      for (let frame = 0; frame < seconds * fps + fps; frame++) yield clockPicture(clockText(frame / fps), scale);
    };
    await runFfmpeg(ffmpegArguments(flight, scale, terrain, plain), frames());
    const stream = await readFile(plain);
    const origin = firstPts(stream);
    const telemetry: TimedKlv[] = [];
    for (let index = 0; index < seconds * packetsPerSecond; index++) {
      const time = index / packetsPerSecond;
      telemetry.push({ pts: (origin + Math.round(time * clockRate)) % 2 ** 33, bytes: packetAt(time, aspect) });
    }
    await writeFile(`${path}.part`, addKlv(stream, telemetry));
    await rename(`${path}.part`, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
