// A layer as a job makes it, without the servers, and what is seen, heard and told in it at a moment.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type EngineResult } from '@sortie/native';
import { containerOf } from '../klv/source.js';
import { findFfprobe } from '../media/ffprobe.js';
import { probe } from '../media/probe.js';
import { needsCount, selectStreams } from '../media/select.js';
import { sniff, sniffBytes } from '../media/sniff.js';
import { streamInfo, videoPlan } from '../plan.js';
import { extractOrder } from '../steps/extract-klv.js';
import { extract } from '../telemetry/extract.js';
import { bits, gray, secondAt, type Source } from './make.js';
import { rate } from './recipe.js';
import { secondOf, soundRate } from './pitch.js';

export interface Shown {
  /** Media time. */
  time: number;
  /** Its number. */
  picture: number;
}

export interface Told {
  start: number;
  end: number;
  /** Source second. */
  second: number;
}

export interface Layer {
  made: EngineResult;
  shown: Shown[];
  cues: Told[];
  /** Rows of the table. */
  rows: { start: number; second: number }[];
  /** Source second of the sound around a media time; null for silence, and where the pitch leaps. */
  heard: (time: number) => number | null;
  /** What the owner is told. */
  warnings: string[];
}

function headOf(path: string): Buffer {
  const file = openSync(path, 'r');
  const head = Buffer.alloc(sniffBytes);
  const size = readSync(file, head);
  closeSync(file);
  return head.subarray(0, size);
}

export async function makeLayer(source: Source, outputDir: string, preset: string): Promise<Layer> {
  mkdirSync(outputDir);
  const sniffed = sniff(headOf(source.path));
  if (sniffed.kind !== 'video') throw new Error(`The source is taken for ${sniffed.kind}.`);
  const { container } = sniffed;
  const ffprobe = await findFfprobe();
  const ask = (count: boolean): ReturnType<typeof probe> => probe(ffprobe, source.path, container.demuxer, new AbortController().signal, count); // prettier-ignore
  const first = await ask(false);
  const probed = needsCount(first) ? await ask(true) : first;
  const { video, audio, program, leftOut } = selectStreams(probed);
  const settings = { preset, gpuPreset: 'p5', codec: 'h264', threads: 2 } as const;
  const plan = videoPlan({ info: streamInfo(container, probed, video), tracks: audio, words: [], input: source.path, outputDir, settings }); // prettier-ignore
  const made = await run(plan.engine, () => undefined).result;
  const found = { container: containerOf(container.demuxer), program, creationTime: probed.creationTime };
  const order = extractOrder({ ...source, sizeBytes: statSync(source.path).size }, found, made, outputDir);
  const told = order && (await extract(order));
  const warnings = [...leftOut, ...plan.warnings, ...made.warnings, ...(told?.notes ?? []).map(({ text }) => text)];
  const hasTelemetry = (told?.packets ?? 0) > 0;
  return {
    made,
    warnings,
    shown: shownIn(outputDir, made),
    heard: hearing(outputDir, made),
    cues: hasTelemetry ? cuesIn(outputDir, made.rungs[0]?.segments.length ?? 0) : [],
    rows: hasTelemetry ? rowsIn(outputDir) : [],
  };
}

/** All of a rendition in one file. */
function joined(
  outputDir: string,
  { initPath, segments }: Pick<EngineResult['audio'][0], 'initPath' | 'segments'>,
): string {
  const path = join(outputDir, 'joined.mp4');
  writeFileSync(path, Buffer.concat([initPath, ...segments.map((segment) => segment.path)].map((part) => readFileSync(join(outputDir, part))))); // prettier-ignore
  return path;
}

const tool = (command: string, ...parameters: string[]): Buffer => execFileSync(command, ['-v', 'error', ...parameters], { maxBuffer: 1 << 28 }); // prettier-ignore

function shownIn(outputDir: string, { rungs: [rung] }: EngineResult): Shown[] {
  if (!rung) return [];
  const path = joined(outputDir, rung);
  const times = tool('ffprobe', '-select_streams', 'v', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0', path)
    .toString()
    .trim()
    .split('\n')
    .map(parseFloat)
    .sort((a, b) => a - b);
  const pixels = tool('ffmpeg', '-i', path, '-fps_mode', 'passthrough', '-vf', `setpts=N/25/TB,scale=${bits}:1:flags=area`, '-pix_fmt', 'gray', '-f', 'rawvideo', '-'); // prettier-ignore
  if (pixels.length !== times.length * bits) throw new Error(`${times.length} packets give ${pixels.length / bits} pictures.`); // prettier-ignore
  return times.map((time, index) => {
    let code = 0;
    for (let bit = 0; bit < bits; bit++) if ((pixels[index * bits + bit] ?? 0) > 128) code |= 1 << bit;
    return { time, picture: numbers.get(code) ?? -1 };
  });
}

/** From their codes to the numbers. */
const numbers = new Map(Array.from({ length: 1 << bits }, (_, number) => [gray(number), number]));

function hearing(outputDir: string, { audio: [track] }: EngineResult): Layer['heard'] {
  if (!track) return () => null;
  const bytes = tool('ffmpeg', '-i', joined(outputDir, track), '-ac', '1', '-ar', String(soundRate), '-f', 's16le', '-'); // prettier-ignore
  const samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1)));
  return (time) => secondOf(samples, time);
}

const secondsOf = (text: string): number => {
  const [hours = 0, minutes = 0, seconds = 0] = text.split(':').map(Number);
  return hours * 3600 + minutes * 60 + seconds;
};

interface CueData {
  data: { value: { tagId: number; value: number }[] }[];
}

/** Each cue once, from the segments that it reaches into. */
function cuesIn(outputDir: string, segments: number): Told[] {
  const cues = new Map<number, Told>();
  for (let index = 1; index <= segments; index++) {
    const text = readFileSync(join(outputDir, `telemetry/cues/${String(index).padStart(5, '0')}.vtt`), 'utf8');
    for (const [, start = '', end = '', json = ''] of text.matchAll(/^([\d:.]{12,}) --> ([\d:.]{12,})\n(.*)$/gm)) {
      const { data } = JSON.parse(json) as CueData;
      const latitude = data[0]?.value.find(({ tagId }) => tagId === 10_013)?.value ?? 0;
      cues.set(secondsOf(start), { start: secondsOf(start), end: secondsOf(end), second: secondAt(latitude) });
    }
  }
  return [...cues.values()].sort((a, b) => a.start - b.start);
}

function rowsIn(outputDir: string): Layer['rows'] {
  const [header = '', ...lines] = readFileSync(join(outputDir, 'telemetry/telemetry.csv'), 'utf8').trim().split('\r\n');
  const at = header.split(',').indexOf('Sensor Latitude');
  return lines
    .map((line) => line.split(',').map(Number))
    .map((cells) => ({ start: cells[0] ?? 0, second: secondAt(cells[at] ?? 0) }));
}

export const pictureSecond = (picture: number): number => picture / rate;
