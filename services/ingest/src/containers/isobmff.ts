// Tracks of timed metadata in MP4 and MOV files (ISO/IEC 14496-12), and KLV in event messages (MISB ST 1910.1). What tracks
// hold is decided by their samples. Bounded: only headers, such samples and messages, and the beginnings of pictures are read.
import { containerBudget } from '../budgets.js';
import { nextTurn, Turns } from '../turns.js';
import { pictureBytes, type FileReader, type Sample, type Wanted } from './file.js';
import { klvScheme } from '../klv/emsg.js';
import { boxesIn, child, type Box } from './isobmff-box.js';
import { fragmentSamples, trackDefaults, type TrackDefaults } from './isobmff-fragment.js';

/** Where a sample lies in the file, and when it begins, in ticks of its track. */
export interface Place {
  at: number;
  size: number;
  ticks: number;
}

interface Track {
  id: number;
  picture: boolean;
  format: string;
  timescale: number;
  /** Ticks of the media at which the presentation begins (edit list, clause 8.6.6). */
  begin: number;
  samples: () => Generator<Place>;
}

interface Movie {
  tracks: Map<number, Track>;
  /** Of the fragments that follow (`trex`); empty when none do. */
  defaults: Map<number, TrackDefaults>;
}

const pictureHandler = 'vide';
const mediaHandlers = ['soun', 'hint', 'tmcd', 'auxv', 'pict'];

/** Of the first entry of `stsd` (clause 8.5.2): its code stands behind the count and its own size. */
function formatOf(bytes: Buffer, stsd: Box | null): string {
  return stsd && stsd.end - stsd.start >= 16 ? bytes.toString('latin1', stsd.start + 12, stsd.start + 16) : '';
}

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
  const handler = bytes.toString('latin1', hdlr.start + 8, hdlr.start + 12);
  if (mediaHandlers.includes(handler)) return null;
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
  // With one size for all, the number of samples is a mere promise; the budget ends those that no file can keep.
  const count = stsz ? (fixed > 0 ? told : Math.min(told, Math.floor((stsz.end - stsz.start - 12) / 4))) : 0;
  const sizeOf = (sample: number): number =>
    fixed > 0 || !stsz ? fixed : bytes.readUInt32BE(stsz.start + 12 + 4 * sample);

  const samples = function* (): Generator<Place> {
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
  return {
    id,
    picture: handler === pictureHandler,
    format: formatOf(bytes, child(bytes, stbl, 'stsd')),
    timescale,
    begin: editOf(bytes, trak, timescale, movieScale),
    samples,
  };
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

/**
 * Samples of all tracks but sound: track by track, and then fragment by fragment (clause 8.8) where
 * there are any. Of pictures the first bytes, as long as they are wanted.
 */
export async function* isobmffSamples(file: FileReader, wanted: Wanted): AsyncGenerator<Sample> {
  let movie: Movie | null = null;
  const clocks = new Map<number, number>();
  const isWanted = (track: Track | undefined): track is Track =>
    track !== undefined && (track.picture ? wanted.pictures : !wanted.without.has(track.id));
  const turns = new Turns();
  const samplesOf = async function* (
    places: Iterable<Place & { track?: number }>,
    one?: Track,
  ): AsyncGenerator<Sample> {
    for (const place of places) {
      const track = one ?? movie?.tracks.get(place.track ?? -1);
      if (turns.due) await nextTurn();
      // Of a track that is not wanted any more.
      if (!isWanted(track)) {
        if (one) return;
        continue;
      }
      const bytes = track.picture ? Math.min(place.size, pictureBytes) : place.size;
      const isThere = place.size > 0 && place.at + place.size <= file.size && (track.picture || place.size <= containerBudget.longestSample); // prettier-ignore
      if (!file.budget.take(isThere ? bytes : 0)) return;
      if (isThere) yield await sampleAt(file, track, place);
    }
  };
  for (let at = 0, count = 0; at + 8 <= file.size && count < containerBudget.boxes && !file.budget.spent; count++) {
    if (turns.due) await nextTurn();
    const head = Buffer.from(await file.read(at, 16));
    if (head.length < 8) return;
    const short = head.readUInt32BE(0);
    const long = short === 1 && head.length === 16;
    const size = long ? Number(head.readBigUInt64BE(8)) : short === 0 ? file.size - at : short;
    if (size < 8 || at + size > file.size) return;
    const type = head.toString('latin1', 4, 8);
    if (type === 'emsg' && size <= containerBudget.longestSample) {
      const event = readEvent(Buffer.from(await file.read(at, size)));
      if (event) yield event;
    }
    if ((type === 'moov' && !movie) || (type === 'moof' && movie && [...movie.tracks.values()].some(isWanted))) {
      if (size > containerBudget.movieBoxBytes) return;
      const bytes = Buffer.from(await file.read(at, size));
      const box: Box = { type, start: long ? 16 : 8, end: bytes.length };
      if (movie)
        yield* samplesOf(
          fragmentSamples(bytes, box, at, movie.defaults, clocks, (id) => isWanted(movie?.tracks.get(id))),
        );
      else {
        movie = parseMovie(bytes, box);
        for (const track of movie.tracks.values()) yield* samplesOf(track.samples(), track);
        if (movie.defaults.size === 0) return;
      }
    }
    at += size;
  }
}

/** Of event messages, whatever their number; tracks are counted from 1 (clause 8.3.2.3). */
const eventTrack = 0;

/** KLV in an event message box of version 1; those of version 0 tell no time of their own. */
function readEvent(box: Buffer): Sample | null {
  const strings = 32;
  const scheme = Buffer.from(`${klvScheme}\0`, 'latin1');
  if (box.length < strings || box[8] !== 1 || box.indexOf(scheme) !== strings) return null;
  const value = box.indexOf(0, strings + scheme.length);
  const timescale = box.readUInt32BE(12);
  if (value < 0 || timescale === 0) return null;
  const time = Number(box.readBigUInt64BE(16)) / timescale;
  return { track: eventTrack, picture: false, format: '', bytes: box.subarray(value + 1), time };
}

function parseMovie(bytes: Buffer, moov: Box): Movie {
  const mvhd = child(bytes, moov, 'mvhd');
  const movieScale = mvhd && mvhd.end - mvhd.start >= 24 ? bytes.readUInt32BE(mvhd.start + (bytes[mvhd.start] === 1 ? 20 : 12)) : 0; // prettier-ignore
  const tracks = new Map<number, Track>();
  for (const trak of boxesIn(bytes, moov.start, moov.end)) {
    if (tracks.size >= containerBudget.tracks) break;
    const track = trak.type === 'trak' ? parseTrack(bytes, trak, movieScale) : null;
    if (track) tracks.set(track.id, track);
  }
  return { tracks, defaults: trackDefaults(bytes, moov) };
}

/** The place is one in the file. */
async function sampleAt(file: FileReader, track: Track, { at, size, ticks }: Place): Promise<Sample> {
  const { id, picture, format, begin, timescale } = track;
  const bytes = picture ? await file.peek(at, Math.min(size, pictureBytes)) : Buffer.from(await file.read(at, size));
  return { track: id, picture, format, bytes, time: (ticks - begin) / timescale };
}
