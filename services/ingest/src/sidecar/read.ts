// Sidecars of all kinds as packets: what is no KLV becomes ST 0601, so that all takes the same way as telemetry that came in
// the video.
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { sidecarBudget } from '../budgets.js';
import { encodePacket } from '../klv/encode.js';
import { decodePacket } from '../klv/packet.js';
import { KlvReader, readKlvFile, type TimedPacket } from '../klv/read.js';
import { Notes } from '../telemetry/notes.js';
import { csvReader } from './csv.js';
import { gpxReader } from './gpx.js';
import { Mended } from './mended.js';
import { placeIn, type Placed, type VideoSpan } from './place.js';
import { wrong, type Row, type Sidecar } from './row.js';
import { sorted, type Timed } from './sorted.js';
import { subtitleReader } from './subtitles.js';

/** Gives the rows of a file, as often as it is asked. */
type Reader = (mended: Mended) => AsyncGenerator<Row>;

const readers: Readonly<Record<string, (sidecar: Sidecar) => Reader>> = {
  csv: csvReader,
  txt: csvReader,
  gpx: gpxReader,
  srt: subtitleReader,
  ass: subtitleReader,
};
/** Item 65: the version of ST 0601 that the packets are written by. */
const version = 19;

const kindOf = ({ name }: Sidecar): string => extname(name).slice(1).toLowerCase();

async function readerOf(sidecar: Sidecar): Promise<Reader> {
  const reader = readers[kindOf(sidecar)];
  if (!reader) throw wrong(sidecar, '', 'telemetry is taken from .csv, .gpx, .srt, .ass and .klv files.');
  await checkSize(sidecar, sidecarBudget.textBytes);
  return reader(sidecar);
}

async function checkSize(sidecar: Sidecar, most: number): Promise<void> {
  const { size } = await stat(sidecar.path);
  if (size > most) throw wrong(sidecar, '', `it has ${size} bytes; at most ${most} are taken.`);
}

async function* klvPackets(sidecar: Sidecar): AsyncGenerator<TimedPacket> {
  await checkSize(sidecar, sidecarBudget.klvBytes);
  let count = 0;
  for await (const packet of readKlvFile(sidecar.path, new KlvReader('klv'))) {
    count++;
    yield { ...packet, sidecar: 'klv' };
  }
  if (count === 0) throw wrong(sidecar, '', 'it holds no KLV packet.');
}

/** What there is, one by one, to be counted. Throws SIDECAR_INVALID with the file, the place and what to do. */
export async function* rowsOfSidecar(sidecar: Sidecar): AsyncGenerator {
  if (kindOf(sidecar) === 'klv') yield* klvPackets(sidecar);
  else yield* (await readerOf(sidecar))(new Mended(sidecar, new Notes()));
}

/** Packets in the order of their time. Throws as above; what was left out is told to `notes`. */
export async function* readSidecar(sidecar: Sidecar, notes: Notes, video: VideoSpan): AsyncGenerator<TimedPacket> {
  if (kindOf(sidecar) === 'klv') yield* klvPackets(sidecar);
  else yield* converted(sidecar, notes, video);
}

/** Seconds, or microseconds since 1970, by what the file counts. */
const timeOf = ({ mediaTime, items }: Row): number => mediaTime ?? Number(items.find(([tag]) => tag === 2)?.[1]);

interface Survey {
  first: number;
  last: number;
  ordered: boolean;
  /** It counts from the video's beginning. */
  counts: boolean;
}

async function surveyOf(rows: AsyncIterable<Row>): Promise<Survey> {
  const survey: Survey = { first: Infinity, last: -Infinity, ordered: true, counts: false };
  let before = -Infinity;
  for await (const row of rows) {
    const time = timeOf(row);
    survey.first = Math.min(survey.first, time);
    survey.last = Math.max(survey.last, time);
    survey.ordered &&= time >= before;
    survey.counts ||= row.mediaTime !== null;
    before = time;
  }
  return survey;
}

async function* encoded(rows: AsyncIterable<Row>): AsyncGenerator<Timed> {
  for await (const row of rows) yield { time: timeOf(row), bytes: encodePacket([...row.items, [65, version]]) };
}

async function* converted(sidecar: Sidecar, notes: Notes, video: VideoSpan): AsyncGenerator<TimedPacket> {
  const reader = await readerOf(sidecar);
  const survey = await surveyOf(reader(new Mended(sidecar, new Notes())));
  const mended = new Mended(sidecar, notes);
  if (!survey.ordered)
    mended.add('order', () => `In ${sidecar.name}, not all rows stand in the order of their times; they are taken in that order.`); // prettier-ignore
  const packets = survey.ordered ? encoded(reader(mended)) : sorted(sidecar, encoded(reader(mended)));
  const kind = kindOf(sidecar);
  let i = 0;
  const timed = (bytes: Buffer, mediaTime: number): TimedPacket =>
    ({ packet: decodePacket(bytes), bytes, i: i++, mediaTime, sidecar: kind }); // prettier-ignore
  if (survey.counts) {
    for await (const { time, bytes } of packets) yield timed(bytes, time);
    return;
  }
  const placed = placeIn(survey, video);
  const outside = { count: 0 };
  for await (const { time, bytes } of inVideo(packets, placed, video.duration, outside))
    yield { ...timed(bytes, time), mediaRule: placed.rule };
  if (placed.doubt === null) return;
  const left = outside.count === 0 ? '' : ` Of its rows, ${outside.count} lie outside of the video and are left out.`;
  notes.add('TELEMETRY_CLOCK', `${sidecar.name} place`, () => `${sidecar.name} ${placed.doubt}${left}`);
}

/** With their time in the video, seconds: those that lie in it, and the last one before it, which holds when it begins. */
async function* inVideo(packets: AsyncIterable<Timed>, { start }: Placed, duration: number, outside: { count: number }): AsyncGenerator<Timed> {
  let before: Timed | null = null;
  for await (const { time: stamp, bytes } of packets) {
    const time = (stamp - start) / 1e6;
    if (time < 0 || time > duration) outside.count++;
    if (time < 0) before = { time, bytes };
    if (time < 0 || time > duration) continue;
    if (before && time > 0) {
      outside.count--;
      yield before;
    }
    before = null;
    yield { time, bytes };
  }
  if (!before) return;
  outside.count--;
  yield before;
} // prettier-ignore
