// Tracks of timed metadata in MP4 and MOV files (ISO/IEC 14496-12): what they hold is decided by their samples. Bounded: only
// headers and the samples of such tracks are read.
import { longestSample, type FileReader, type Sample } from './file.js';

interface Box {
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

interface Track {
  id: number;
  timescale: number;
  /** Ticks of the media at which the presentation begins (edit list, clause 8.6.6). */
  begin: number;
  samples: () => Generator<{ at: number; size: number; ticks: number }>;
}

const largestMovieBox = 256 * 1024 * 1024;
const mostBoxes = 100_000;
/** Of one track: a flight of a day at 100 packets a second. Tables can promise more than any file holds. */
const mostSamples = 10_000_000;
const mediaHandlers = ['vide', 'soun', 'hint', 'tmcd', 'text', 'subt', 'sbtl', 'auxv', 'pict'];

/** Boxes of bytes that are all there; ends at the first that does not fit. */
function* boxesIn(bytes: Buffer, from: number, to: number): Generator<Box> {
  for (let at = from, count = 0; at + 8 <= to && count < mostBoxes; count++) {
    const short = bytes.readUInt32BE(at);
    const head = short === 1 ? 16 : 8;
    const size = short === 1 && at + 16 <= to ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? to - at : short;
    if (size < head || at + size > to) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), start: at + head, end: at + size };
    at += size;
  }
}

const child = (bytes: Buffer, parent: Box, ...path: string[]): Box | null => {
  let found: Box | null = parent;
  for (const type of path) {
    const within: Box = found;
    found = null;
    for (const box of boxesIn(bytes, within.start, within.end)) {
      if (box.type !== type) continue;
      found = box;
      break;
    }
    if (!found) return null;
  }
  return found;
};

/** A table of full box: count, then rows of so many 32-bit numbers; no more rows than there are bytes. */
function table(
  bytes: Buffer,
  box: Box | null,
  width: number,
): { count: number; at: (row: number, column: number) => number } {
  if (!box || box.end - box.start < 8) return { count: 0, at: () => 0 };
  const count = Math.min(bytes.readUInt32BE(box.start + 4), Math.floor((box.end - box.start - 8) / (4 * width)));
  return { count, at: (row, column) => bytes.readUInt32BE(box.start + 8 + 4 * (row * width + column)) };
}

function parseTrack(bytes: Buffer, trak: Box, movieScale: number): Track | null {
  const tkhd = child(bytes, trak, 'tkhd');
  const mdhd = child(bytes, trak, 'mdia', 'mdhd');
  const hdlr = child(bytes, trak, 'mdia', 'hdlr');
  const stbl = child(bytes, trak, 'mdia', 'minf', 'stbl');
  if (!tkhd || !mdhd || !hdlr || !stbl || hdlr.end - hdlr.start < 12 || mdhd.end - mdhd.start < 24) return null;
  if (mediaHandlers.includes(bytes.toString('latin1', hdlr.start + 8, hdlr.start + 12))) return null;
  const long = bytes[mdhd.start] === 1;
  const timescale = bytes.readUInt32BE(mdhd.start + (long ? 20 : 12));
  const id = bytes.readUInt32BE(tkhd.start + (bytes[tkhd.start] === 1 ? 20 : 12));
  if (timescale === 0) return null;

  const stts = table(bytes, child(bytes, stbl, 'stts'), 2);
  const stsc = table(bytes, child(bytes, stbl, 'stsc'), 3);
  const co64 = child(bytes, stbl, 'co64');
  const chunks = co64 ? table(bytes, co64, 2) : table(bytes, child(bytes, stbl, 'stco'), 1);
  const chunkAt = (row: number): number => (co64 ? chunks.at(row, 0) * 2 ** 32 + chunks.at(row, 1) : chunks.at(row, 0));
  const stsz = child(bytes, stbl, 'stsz');
  const fixed = stsz && stsz.end - stsz.start >= 12 ? bytes.readUInt32BE(stsz.start + 4) : 0;
  const told = stsz && stsz.end - stsz.start >= 12 ? bytes.readUInt32BE(stsz.start + 8) : 0;
  const listed = stsz ? (fixed > 0 ? told : Math.min(told, Math.floor((stsz.end - stsz.start - 12) / 4))) : 0;
  const count = Math.min(listed, mostSamples);
  const sizeOf = (sample: number): number =>
    fixed > 0 || !stsz ? fixed : bytes.readUInt32BE(stsz.start + 12 + 4 * sample);

  const samples = function* (): ReturnType<Track['samples']> {
    let sample = 0;
    let ticks = 0;
    let run = 0;
    let left = stts.count > 0 ? stts.at(0, 0) : 0;
    let group = 0;
    for (let chunk = 0; chunk < chunks.count && sample < count; chunk++) {
      while (group + 1 < stsc.count && stsc.at(group + 1, 0) <= chunk + 1) group++;
      let at = chunkAt(chunk);
      const inChunk = stsc.count > 0 ? stsc.at(group, 1) : 0;
      for (let index = 0; index < inChunk && sample < count; index++, sample++) {
        const size = sizeOf(sample);
        yield { at, size, ticks };
        at += size;
        while (left === 0 && run + 1 < stts.count) left = stts.at(++run, 0);
        if (left > 0) {
          ticks += stts.at(run, 1);
          left--;
        }
      }
    }
  };
  return { id, timescale, begin: editOf(bytes, trak, timescale, movieScale), samples };
}

/** Of the first edits: empty ones move the track back, the first real one says where it begins. */
function editOf(bytes: Buffer, trak: Box, timescale: number, movieScale: number): number {
  const elst = child(bytes, trak, 'edts', 'elst');
  if (!elst || elst.end - elst.start < 8 || movieScale === 0) return 0;
  const wide = bytes[elst.start] === 1;
  const row = wide ? 20 : 12;
  const count = Math.min(bytes.readUInt32BE(elst.start + 4), Math.floor((elst.end - elst.start - 8) / row));
  let empty = 0;
  for (let index = 0; index < count; index++) {
    const at = elst.start + 8 + row * index;
    const duration = wide ? Number(bytes.readBigUInt64BE(at)) : bytes.readUInt32BE(at);
    const media = wide ? Number(bytes.readBigInt64BE(at + 8)) : bytes.readInt32BE(at + 4);
    if (media >= 0) return media - empty;
    empty += (duration / movieScale) * timescale;
  }
  return -empty;
}

/** Samples of all tracks that are neither picture, sound nor text, track by track. */
export async function* isobmffSamples(file: FileReader): AsyncGenerator<Sample> {
  for (let at = 0, count = 0; at + 8 <= file.size && count < mostBoxes; count++) {
    const head = await file.read(at, 16);
    if (head.length < 8) return;
    const short = head.readUInt32BE(0);
    const size =
      short === 1 && head.length === 16 ? Number(head.readBigUInt64BE(8)) : short === 0 ? file.size - at : short;
    if (size < 8 || at + size > file.size) return;
    if (head.toString('latin1', 4, 8) === 'moov' && size <= largestMovieBox) {
      yield* movieSamples(file, Buffer.from(await file.read(at, size)), short === 1 ? 16 : 8);
      return;
    }
    at += size;
  }
}

async function* movieSamples(file: FileReader, bytes: Buffer, start: number): AsyncGenerator<Sample> {
  const movie: Box = { type: 'moov', start, end: bytes.length };
  const mvhd = child(bytes, movie, 'mvhd');
  const movieScale = mvhd && mvhd.end - mvhd.start >= 24 ? bytes.readUInt32BE(mvhd.start + (bytes[mvhd.start] === 1 ? 20 : 12)) : 0; // prettier-ignore
  for (const trak of boxesIn(bytes, movie.start, movie.end)) {
    const track = trak.type === 'trak' ? parseTrack(bytes, trak, movieScale) : null;
    if (!track) continue;
    for (const { at, size, ticks } of track.samples()) {
      if (size === 0 || size > longestSample || at + size > file.size) continue;
      const sample = Buffer.from(await file.read(at, size));
      yield { track: track.id, bytes: sample, time: (ticks - track.begin) / track.timescale };
    }
  }
}
