// Makes a source: the picture carries its number as columns, black or white, the sound rises by a fiftieth each second and falls silent
// for a moment at each whole one, and the position goes north by a thousandth of a degree each second.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePacket } from '../klv/encode.js';
import { parsePes, ptsDifference, ptsWrap } from '../mpegts/pes.js';
import { addKlv, type TimedKlv } from '../sample/mux.js';
import type { Sidecar } from '../sidecar/row.js';
import { rate, type Piece, type Recipe, type Silence } from './recipe.js';
import { addToClocks } from './transport.js';

/** So many columns; the number is a Gray code, so that one of them changes from picture to picture. */
export const bits = 12;
export const gray = (number: number): number => number ^ (number >> 1);
/** Hertz at the beginning, and how its logarithm rises each second. */
export const lowest = 200;
export const rise = Math.log(1.02);
/** So long is it still around each whole second. */
export const stillSeconds = 0.04;
export const latitudeAt = (second: number): number => 46 + second / 1000;
export const secondAt = (latitude: number): number => (latitude - 46) * 1000;

const base = Date.UTC(2026, 5, 1, 10);
const clockRate = 90_000;
const pids = { main: { video: 0x100, audio: 0x101, klv: 0x1f1 }, other: { video: 0x110, audio: 0x111, klv: 0x1f2 } };
type Pids = typeof pids.main;

export interface Source {
  path: string;
  sidecars: Sidecar[];
  /** Numbers of the pictures that it holds. */
  pictures: number[];
}

const isSilent = ({ gaps }: Piece, second: number, what: Silence): boolean =>
  gaps.some(({ from, to, silent }) => silent.includes(what) && second >= from && second < to);

/** What no camera's picture lacks: of pictures that are all but empty an encoder's rate control knows nothing. */
const grain = 'noise=alls=24:allf=t';

const multiplier = 37;
/** Whether the picture is there, by its place in the piece: of a variable rate some are not. */
const isKept = (index: number, sparse: number): boolean => index === 0 || (index * multiplier) % 100 >= sparse;

const count = ({ from, to }: Piece): number => Math.round((to - from) * rate);
const firstNumber = ({ from }: Piece): number => Math.round(from * rate);

const picturesOf = (piece: Piece, sparse: number): number[] =>
  Array.from({ length: count(piece) }, (_, index) => index)
    .filter((index) => isKept(index, sparse) && !isSilent(piece, (firstNumber(piece) + index) / rate, 'video'))
    .map((index) => firstNumber(piece) + index);

/** Between which times of the piece there is nothing. */
const without = ({ from, gaps }: Piece, what: Silence): string =>
  gaps
    .filter(({ silent }) => silent.includes(what))
    .map((gap) => `*not(between(t,${gap.from - from},${gap.to - from}))`)
    .join('');

interface Stream {
  inputs: string[];
  video: string;
  audio: string;
}

/** Inputs of ffmpeg, and what it is to do with them. */
function streamOf(directory: string, name: string, recipe: Recipe, piece: Piece, size: string, ahead: number): Stream {
  const raw = join(directory, `${name}.gray`);
  const pixels = Buffer.alloc(count(piece) * bits);
  for (let index = 0; index < count(piece); index++) {
    const number = gray(firstNumber(piece) + Math.round(ahead * rate) + index);
    for (let bit = 0; bit < bits; bit++) pixels[index * bits + bit] = (number >> bit) & 1 ? 235 : 16;
  }
  writeFileSync(raw, pixels);
  const from = piece.from + ahead;
  const still = `lt(abs(mod(t+${from}+0.5,1)-0.5),${stillSeconds / 2})`;
  const sound = `aevalsrc='0.5*not(${still})*sin(2*PI*${lowest / rise}*(exp(${rise}*(t+${from}))-1))':s=16000:d=${piece.to - piece.from}`;
  const cut = ahead > 0 ? { ...piece, gaps: [] } : piece;
  const kept = `eq(n,0)+gte(mod(n*${multiplier},100),${recipe.sparse})`;
  return {
    inputs: [
      '-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${bits}x1`, '-r', String(rate), '-i', raw,
      ...(recipe.audio ? ['-f', 'lavfi', '-i', sound] : []),
    ],
    video: `select='(${kept})${without(cut, 'video')}',scale=${size}:flags=neighbor,${grain},format=yuv420p`,
    audio: `aselect='1${without(cut, 'audio')}'`,
  }; // prettier-ignore
}

const codecs = ({ bFrames }: Recipe): string[] => [
  '-fps_mode', 'vfr', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '10', '-g', '25', '-bf', String(bFrames),
  '-c:a', 'aac', '-pes_payload_size', '0',
]; // prettier-ignore

function encodePiece(directory: string, path: string, recipe: Recipe, piece: Piece, start: number): void {
  const main = streamOf(directory, 'main', recipe, piece, '192:64', 0);
  const streams = recipe.other
    ? [main, streamOf(directory, 'other', recipe, piece, '96:32', recipe.other.ahead)]
    : [main];
  if (recipe.other?.first === true) streams.reverse();
  const each = recipe.audio ? 2 : 1;
  const maps = streams.flatMap((stream, index) => [
    '-map', String(each * index), `-filter:v:${index}`, stream.video,
    ...(recipe.audio ? ['-map', String(each * index + 1), `-filter:a:${index}`, stream.audio] : []),
  ]); // prettier-ignore
  const ids = streams.flatMap((stream, index) => {
    const { video, audio } = stream === main ? pids.main : pids.other;
    return [
      '-streamid',
      `${each * index}:${video}`,
      ...(recipe.audio ? ['-streamid', `${each * index + 1}:${audio}`] : []),
    ];
  });
  const tables = streams.flatMap((_, index) => [
    '-program', `program_num=${index + 1}:st=${each * index}${recipe.audio ? `:st=${each * index + 1}` : ''}`,
  ]); // prettier-ignore
  // The multiplexer puts decoding times in front of 1.4 s itself: a shift of the first piece alone would make it overlap the next one.
  const unshifted = ['-avoid_negative_ts', 'disabled'];
  const transport = recipe.container === 'ts' ? [...unshifted, ...ids, ...(streams.length > 1 ? tables : [])] : [];
  const fragments = recipe.fragmented ? ['-movflags', 'frag_keyframe+delay_moov+default_base_moof'] : [];
  execFileSync('ffmpeg', [
    '-v', 'error', '-y', ...streams.flatMap(({ inputs }) => inputs), ...maps, ...codecs(recipe), ...transport, ...fragments,
    '-metadata', `creation_time=${new Date(base + piece.from * 1000).toISOString()}`,
    '-output_ts_offset', String(start), path,
  ]); // prettier-ignore
}

const stamp = (second: number): number => base * 1000 + Math.round(second * 1e6);
const packet = (second: number): Buffer =>
  encodePacket([[2, BigInt(stamp(second))], [13, latitudeAt(second)], [14, 7.5], [65, 19]]); // prettier-ignore

/** PTS of the first picture shown: it is among the first that are sent. */
function firstPts(stream: Buffer, pid: number): number {
  let first: number | null = null;
  let seen = 0;
  for (let at = 0; at + 188 <= stream.length && seen < 8; at += 188) {
    if ((stream.readUInt16BE(at + 1) & 0x5fff) !== (0x4000 | pid)) continue;
    const start = at + (((stream[at + 3] ?? 0) & 0x20) !== 0 ? 5 + (stream[at + 4] ?? 0) : 4);
    const pts = parsePes(stream.subarray(start, start + 32))?.pts ?? null;
    if (pts === null) continue;
    seen++;
    if (first === null || ptsDifference(pts, first) < 0) first = pts;
  }
  return first ?? 0;
}

function withKlv(stream: Buffer, recipe: Recipe, piece: Piece, target: Pids, ahead: number): Buffer {
  if (recipe.klv === null) return stream;
  const origin = firstPts(stream, target.video);
  const telemetry: TimedKlv[] = [];
  for (let index = 0; index < (piece.to - piece.from) * recipe.klv; index++) {
    const second = piece.from + index / recipe.klv;
    if (ahead === 0 && isSilent(piece, second, 'klv')) continue;
    const pts = (origin + Math.round((second - piece.from) * clockRate)) % ptsWrap;
    telemetry.push({ pts, bytes: packet(second + ahead) });
  }
  const program = recipe.other && (ahead === 0) === recipe.other.first ? 1 : 0;
  return addKlv(stream, telemetry, { program, klvPid: target.klv, clockPids: [target.video, target.audio] });
}

/** A recorder's clock goes on behind the last picture of the piece before, but for the jump. */
function makeTransport(directory: string, path: string, recipe: Recipe): void {
  let start = recipe.start;
  const parts = recipe.pieces.map((piece, index) => {
    if (index > 0) start += piece.jump;
    const part = join(directory, `${index}.ts`);
    encodePiece(directory, part, recipe, piece, start);
    start += piece.to - piece.from;
    const own = withKlv(readFileSync(part), recipe, piece, pids.main, 0);
    if (!recipe.other) return own;
    const both = withKlv(own, recipe, piece, pids.other, recipe.other.ahead);
    return addToClocks(both, Object.values(pids.other), recipe.other.clock);
  });
  writeFileSync(path, Buffer.concat(parts));
}

function makeSidecar(directory: string, recipe: Recipe): Sidecar[] {
  const [first] = recipe.pieces;
  if (!recipe.sidecar || !first) return [];
  const { kind, rate, phase, before, after } = recipe.sidecar;
  const name = `track.${kind}`;
  const path = join(directory, name);
  const from = Math.max(0, first.from - before) + phase;
  const seconds = Array.from(
    { length: Math.ceil((first.to + after - from) * rate) },
    (_, index) => from + index / rate,
  );
  const csv = seconds.map((second) => `${stamp(second)},${latitudeAt(second).toFixed(8)},7.5\n`);
  const gpx = seconds.map((second) => `<trkpt lat="${latitudeAt(second).toFixed(8)}" lon="7.5"><time>${new Date(base + second * 1000).toISOString()}</time></trkpt>`); // prettier-ignore
  writeFileSync(
    path,
    kind === 'csv'
      ? `Precision Time Stamp,Sensor Latitude,Sensor Longitude\n${csv.join('')}`
      : `<?xml version="1.0"?><gpx version="1.1"><trk><trkseg>${gpx.join('')}</trkseg></trk></gpx>`,
  );
  return [{ name, path }];
}

export function makeSource(directory: string, recipe: Recipe): Source {
  const path = join(directory, `source.${recipe.container}`);
  const [first] = recipe.pieces;
  if (recipe.container === 'ts') makeTransport(directory, path, recipe);
  else if (first) encodePiece(directory, path, recipe, first, recipe.start);
  const pictures = recipe.pieces.flatMap((piece) => picturesOf(piece, recipe.sparse));
  return { path, sidecars: makeSidecar(directory, recipe), pictures };
}
