// What the tests share: media made by Debian's ffmpeg in a folder that goes away, and plans for it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type EnginePlan, type EngineProgress, type EngineResult, type RungPlan } from '../index.js';

export const folder = mkdtempSync(join(tmpdir(), 'sortie-native-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

let made = 0;
/** A new path in the folder. */
export const fresh = (suffix: string): string => join(folder, `${made++}${suffix}`);

/** Makes a file with the ffmpeg command; the arguments are those between `ffmpeg` and the output. */
export function make(suffix: string, ...args: string[]): string {
  const path = fresh(suffix);
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args, path]);
  return path;
}

export const testPicture = (size: string, rate: string, duration: number): string[] => [
  '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${duration}`,
]; // prettier-ignore
export const tone = (duration: number): string[] => ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${duration}`];
export const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25'];

export interface Stream {
  index: number;
  codec_type: string;
  codec_name?: string;
  width?: number;
  height?: number;
  pix_fmt?: string;
  avg_frame_rate: string;
  r_frame_rate: string;
  profile?: string;
  sample_aspect_ratio?: string;
  color_space?: string;
  has_b_frames?: number;
}

export function probe(path: string): { demuxer: string; streams: Stream[] } {
  const text = execFileSync('ffprobe', [
    '-v', 'quiet', '-protocol_whitelist', 'file', '-of', 'json', '-show_streams', '-show_format', path,
  ]); // prettier-ignore
  const found = JSON.parse(text.toString()) as { streams?: Stream[]; format?: { format_name: string } };
  return { demuxer: found.format?.format_name.split(',')[0] ?? 'mov', streams: found.streams ?? [] };
}

/** The only stream of a file. */
export function streamOf(path: string): Stream {
  const [stream] = probe(path).streams;
  if (!stream) throw new Error(`${path} has no stream.`);
  return stream;
}

export const rung = (name: string, width: number, height: number): RungPlan => ({
  name,
  width,
  height,
  bitrate: width * height * 4,
  maxBitrate: width * height * 6,
  bufferSize: width * height * 8,
});

/** A plan for a file: all its sound, one rung, poster and previews; `changes` replace what differs. */
export function planFor(input: string, changes: Partial<EnginePlan> = {}): EnginePlan {
  const { demuxer, streams } = probe(input);
  const video = streams.find((stream) => stream.codec_type === 'video');
  const rate = (video?.avg_frame_rate ?? '0/0').split('/').map(Number);
  const known = (rate[0] ?? 0) > 0 && (rate[1] ?? 0) > 0;
  const outputDir = fresh('-out');
  mkdirSync(outputDir);
  return {
    input,
    demuxer,
    outputDir,
    videoStream: video?.index ?? 0,
    rotation: 0,
    mirror: false,
    deinterlace: false,
    frameRateNum: known ? (rate[0] ?? 25) : 25,
    frameRateDen: known ? (rate[1] ?? 1) : 1,
    steadyRate: known && video?.avg_frame_rate === video?.r_frame_rate,
    gopSeconds: 2,
    segmentSeconds: 4,
    rungs: [rung('sd', 160, 90)],
    audio: streams
      .filter((stream) => stream.codec_type === 'audio')
      .map((stream, index) => ({
        stream: stream.index,
        directory: `audio/${index}`,
        bitrate: 96_000,
        channels: 2,
        sampleRate: 48_000,
      })),
    codec: 'h264',
    bitDepth: 8,
    preset: 'ultrafast',
    device: null,
    gpuPreset: 'p5',
    threads: 2,
    lookahead: null,
    posterPath: 'poster.jpg',
    posterTime: 0,
    posterWidth: 160,
    posterHeight: 90,
    previewsPath: 'previews.jpg',
    previewWidth: 64,
    previewHeight: 36,
    previewColumns: 4,
    previewMax: 100,
    previewInterval: 1,
    maxPixels: 8192 * 8192,
    maxFrames: 100_000,
    ...changes,
  };
}

export const engine = (
  plan: EnginePlan,
  onProgress: (progress: EngineProgress) => void = () => undefined,
): Promise<EngineResult> => run(plan, onProgress).result;

/** All of one rendition as one file that tools can read. */
export function joined(plan: EnginePlan, rendition: { initPath: string; segments: { path: string }[] }): string {
  const path = fresh('.mp4');
  const parts = [rendition.initPath, ...rendition.segments.map((segment) => segment.path)];
  writeFileSync(path, Buffer.concat(parts.map((part) => readFileSync(join(plan.outputDir, part)))));
  return path;
}

/** Presentation times of the pictures of a file in order, counted from the first one, and which are key frames. */
export function pictures(path: string): { time: number; key: boolean }[] {
  const text = execFileSync('ffprobe', [
    '-v', 'error', '-select_streams', 'v:0', '-show_entries', 'packet=pts_time,flags', '-of', 'csv=p=0', path,
  ]); // prettier-ignore
  const all = text
    .toString()
    .trim()
    .split('\n')
    .map((line) => ({ time: Number(line.split(',')[0]), key: line.includes('K') }))
    .sort((a, b) => a.time - b.time);
  const first = all[0]?.time ?? 0;
  return all.map(({ time, key }) => ({ time: time - first, key }));
}

const picture = (path: string, format: string, filters: string[]): Buffer =>
  execFileSync('ffmpeg', ['-v', 'error', '-i', path, '-vf', filters.join(','), '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', format, '-'], {
    maxBuffer: 1 << 28,
  }); // prettier-ignore
/** The first decoded picture as packed 8-bit RGB. */
export const rgb = (path: string, ...filters: string[]): Buffer => picture(path, 'rgb24', ['format=gbrp', ...filters]);
/** The same as planes of 8-bit luma and chroma in standard range, without a detour over RGB, which clips. */
export const yuv = (path: string, ...filters: string[]): Buffer =>
  picture(path, 'yuv420p', ['format=yuv420p', ...filters]);

/** Two halves of 2 s one after the other in one stream: sizes, or aspects of a sample, that change in the middle. */
export function changing(first: string[], second: string[]): string {
  const path = fresh('.ts');
  const part = (args: string[], start: number): Buffer =>
    readFileSync(make('.ts', ...args, '-output_ts_offset', String(start)));
  writeFileSync(path, Buffer.concat([part(first, 10), part(second, 12)]));
  return path;
}

/** Sound of a file, one channel of floats. */
export function samples(path: string): Float32Array {
  const bytes = execFileSync('ffmpeg', ['-v', 'error', '-i', path, '-ac', '1', '-f', 'f32le', '-'], {
    maxBuffer: 1 << 28,
  });
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
