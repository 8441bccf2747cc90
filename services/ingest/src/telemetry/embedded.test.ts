// Telemetry of the video itself, down to the files of the layer, and what the owner is told of it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket } from '../klv/encode.js';
import type { Container } from '../klv/source.js';
import type { ClockPiece } from '../klv/pieces.js';
import { TransportWriter, type Program } from '../sample/transport.js';
import { extract } from './extract.js';
import type { ExtractResult } from './order.js';

const it = suite<{ directory: string }>('embedded telemetry');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-embedded-'));
});
it.after.each(({ directory }) => rm(directory, { recursive: true }));

const stamp = 1_700_000_000_000_000;
const hour = 3600;
const packetAt = (second: number, latitude = 46): Buffer => encodePacket([[2, stamp + Math.round(second * 1e6)], [4, `N${latitude}`], [13, latitude + second / 50], [14, 7]]); // prettier-ignore
const broken = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
};

interface Given {
  container?: Container;
  program?: number | null;
  clock?: readonly ClockPiece[];
  duration?: number;
}
interface Outcome {
  result: ExtractResult;
  words: string;
  /** Media time, latitude and source of each row of the table. */
  rows: [time: number, latitude: number, source: string][];
  report: { damaged: number; time: { rules: Record<string, number>; outside: object; clocks: { rule: string; ahead: number }[] } }; // prettier-ignore
}

async function outcomeOf(directory: string, bytes: Buffer, given: Given = {}): Promise<Outcome> {
  const { container = 'mpegts', program = null, clock = [{ mediaTime: 0, pts90k: hour * 90_000 }], duration = 6 } = given; // prettier-ignore
  const path = join(directory, 'video');
  await writeFile(path, bytes);
  const result = await extract({
    kind: 'extract',
    video: { path, container, program },
    sidecars: [],
    outputDir: directory,
    videoBytes: bytes.length,
    duration,
    creationTime: null,
    clock,
    ranges: [{ start: 0, duration }],
    largestSegment: 0,
    segments: [],
  });
  const words = result.notes.map(({ code, text }) => `${code}: ${text}`).join('\n');
  if (result.packets === 0) return { result, words, rows: [], report: { damaged: 0, time: { rules: {}, outside: {}, clocks: [] } } }; // prettier-ignore
  const read = (name: string): Promise<string> => readFile(join(directory, 'telemetry', name), 'utf8');
  const [header = '', ...lines] = (await read('telemetry.csv')).trim().split('\r\n');
  const at = header.split(',').indexOf('Sensor Latitude');
  const rows = lines.map((line): [number, number, string] => {
    const cells = line.split(',');
    return [Number(cells[0]), Math.round(Number(cells[at]) * 1000) / 1000, cells.at(-1) ?? ''];
  });
  return { result, words, rows, report: JSON.parse(await read('report.json')) as Outcome['report'] };
}

const klva = Buffer.from([5, 4, 0x4b, 0x4c, 0x56, 0x41]);
/** Twelve packets, each before the picture of its time, from an hour on. */
function video(pts: (second: number) => number, packet: (second: number) => Buffer | null = packetAt): Buffer {
  const stream = new TransportWriter().tables([[0x1b, 0x100], [0x06, 0x120, klva]]); // prettier-ignore
  for (let index = 0; index < 60; index++) {
    const second = index / 10;
    const telemetry = index % 5 === 0 ? packet(second) : null;
    if (telemetry) stream.pes(0x120, 0xbd, Math.round(pts(second) * 90_000), telemetry);
    stream.pes(0x100, 0xe0, (hour + second) * 90_000, Buffer.alloc(100));
  }
  return stream.bytes();
}

it('telemetry on another clock is shown with the pictures that it was sent with, and that is told', async ({ directory }) => {
  for (const pts of [(second: number) => second, (second: number) => hour + second + 8]) {
    const { rows, words, report } = await outcomeOf(directory, video(pts));
    assert.equal(rows.map(([time, latitude]) => [time, latitude]), Array.from({ length: 12 }, (_, index) => [index / 2, 46 + index / 100])); // prettier-ignore
    assert.equal(report.time.rules, { moved: 12 });
    assert.is(report.time.clocks[0]?.ahead, pts(0) - hour);
    assert.match(words, /TELEMETRY_CLOCK: The telemetry of PID 288 is on another clock than the video \((3600\.0 s behind|8\.0 s ahead of) it\)/);
  }
}); // prettier-ignore

it('telemetry that is where it belongs is not worth a word', async ({ directory }) => {
  const { words, report } = await outcomeOf(
    directory,
    video((second) => hour + second),
  );
  assert.equal([words, report.damaged, report.time.outside], ['', 0, { before: 0, after: 0 }]);
});

it('packets that transmission has damaged are not shown, and those of a sender that counts otherwise are', async ({ directory }) => {
  const pts = (second: number): number => hour + second;
  const damaged = await outcomeOf(directory, video(pts, (second) => (second === 2 ? broken(packetAt(second)) : packetAt(second))));
  assert.equal([damaged.rows.length, damaged.report.damaged], [11, 1]);
  assert.match(damaged.words, /1 of 12 telemetry packets did not arrive whole/);
  const otherwise = await outcomeOf(directory, video(pts, (second) => broken(packetAt(second))));
  assert.equal([otherwise.rows.length, otherwise.report.damaged], [12, 0]);
  assert.match(otherwise.words, /The checksums of all 12 telemetry packets of one sender are wrong/);
}); // prettier-ignore

it('of two programs the telemetry of the one that is shown, and a word about the other', async ({ directory }) => {
  const programs: Program[] = [1, 2].map((number) => ({ number, pid: 0x1000 + number, streams: [[0x1b, 0x100 * number], [0x06, 0x100 * number + 0x20, klva]] })); // prettier-ignore
  const stream = new TransportWriter().programs(programs);
  for (let index = 0; index < 6; index++)
    for (const number of [1, 2])
      stream.pes(0x100 * number, 0xe0, (hour + index) * 90_000, Buffer.alloc(100)).pes(0x100 * number + 0x20, 0xbd, null, packetAt(index, 10 * number)); // prettier-ignore
  const { rows, words } = await outcomeOf(directory, stream.bytes(), { program: 2 });
  assert.ok(rows.length === 6 && rows.every(([, latitude, source]) => latitude >= 20 && source === 'PID 544'));
  assert.match(words, /TELEMETRY_NOT_READ: The telemetry of program 1 \(6 telemetry packets\) was left out/);
  // A program without telemetry: there is none, and the word remains.
  const none = await outcomeOf(directory, stream.bytes(), { program: 3 });
  assert.is(none.result.packets, 0);
  assert.match(none.words, /program 1 .*\n.*program 2 /);
});

it('another aircraft that is heard when the first one is not: each row names its stream, and the owner is told', async ({ directory }) => {
  const stream = new TransportWriter().tables([[0x1b, 0x100], [0x06, 0x120, klva], [0x06, 0x121, klva]]);
  for (let index = 0; index < 30; index++) {
    stream.pes(0x100, 0xe0, (hour + index) * 90_000, Buffer.alloc(100));
    if (index < 5) stream.pes(0x120, 0xbd, null, packetAt(index, 46));
    stream.pes(0x121, 0xbd, null, packetAt(index, -33));
  }
  const { rows, words } = await outcomeOf(directory, stream.bytes(), { duration: 30 });
  assert.ok(rows.every(([time, latitude, source]) => (time < 5 ? latitude > 0 && source === 'PID 288' : time > 14 && latitude < 0 && source === 'PID 289')));
  assert.match(words, /From 15\.0 s on, cues and table show PID 289 \(N-33\) in place of PID 288 \(N46\)/);
}); // prettier-ignore

it('while the video leaves something out, telemetry is listed and not shown', async ({ directory }) => {
  const stream = new TransportWriter().tables([[0x1b, 0x100], [0x06, 0x120, klva]]); // prettier-ignore
  for (let index = 0; index < 40; index++) {
    if (index < 10 || index >= 30) stream.pes(0x100, 0xe0, (hour + index) * 90_000, Buffer.alloc(100));
    stream.pes(0x120, 0xbd, (hour + index) * 90_000, packetAt(index));
  }
  const clock = [{ mediaTime: 0, pts90k: hour * 90_000 }, { mediaTime: 10, pts90k: (hour + 30) * 90_000 }]; // prettier-ignore
  const { rows, words, report } = await outcomeOf(directory, stream.bytes(), { clock, duration: 20 });
  // Second 29 stands just before the first picture of the second part.
  const expected = Array.from({ length: 40 }, (_, second) => second).filter((second) => second < 10 || second >= 29);
  assert.equal(rows.map(([time, latitude]) => [time, latitude]), expected.map((second) => [second < 10 ? second : Math.max(10, second - 20), Math.round(46_000 + second * 20) / 1000])); // prettier-ignore
  assert.equal(report.time.rules, { pts: 21, gap: 19 });
  assert.match(words, /19 telemetry packets are of times at which there is no video/);
  const lines = (await readFile(join(directory, 'telemetry/packets.ndjson'), 'utf8')).trim().split('\n');
  assert.is(lines.length, 40);
});

// ------------------------------------------------------------------------------------------------ tracks

const u32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; })); // prettier-ignore
const box = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
};
const full = (type: string, ...values: number[]): Buffer => box(type, u32(0, ...values));

/** One track of so many samples, a second each. */
function mp4(handler: string, format: string, samples: readonly Buffer[]): Buffer {
  const ftyp = box('ftyp', Buffer.from('isom'), u32(0));
  const stbl = box('stbl', box('stsd', u32(0, 1), box(format, Buffer.alloc(8))), full('stts', 1, samples.length, 1000), full('stsc', 1, 1, samples.length, 1), full('stsz', 0, samples.length, ...samples.map(({ length }) => length)), full('stco', 1, ftyp.length + 8)); // prettier-ignore
  const mdia = box('mdia', full('mdhd', 0, 0, 1000, 1000 * samples.length, 0), box('hdlr', u32(0, 0), Buffer.from(handler), u32(0, 0, 0)), box('minf', stbl)); // prettier-ignore
  const trak = box('trak', full('tkhd', 0, 0, 2, 0, 0), mdia);
  return Buffer.concat([ftyp, box('mdat', ...samples), box('moov', full('mvhd', 0, 0, 1000, 0, 0), trak)]);
}
const cue = (text: string): Buffer => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);
const isobmff = { container: 'isobmff', clock: [{ mediaTime: 0, pts90k: 0 }] } as const;

it('subtitles of an aircraft in a track', async ({ directory }) => {
  const cues = [0, 1, 2].map((second) => cue(`F/2.8, SS 1/60, GPS (7.45, 46.9${second}5, 18), D 49.21m, H 45.60m`));
  for (const [handler, format] of [['sbtl', 'tx3g'], ['text', 'text']] as const) {
    const { rows, words, result } = await outcomeOf(directory, mp4(handler, format, cues), isobmff);
    assert.equal(rows, [[0, 46.905, 'track 2'], [1, 46.915, 'track 2'], [2, 46.925, 'track 2']]);
    assert.equal([words, result.packets], ['', 3]);
  }
}); // prettier-ignore

it('tracks that are not read', async ({ directory }) => {
  for (const [handler, format, sample, words] of [
    ['meta', 'djmd', Buffer.from('0a0b'), /Track 2 of the video holds metadata in the form "djmd" \(DJI\)\. This track is not read\./],
    ['meta', 'camm', Buffer.from('0a0b'), /"camm" \(camera motion metadata\)/],
    ['sbtl', 'tx3g', cue('Position: lat 46.51234 / lon 7.51234'), /The subtitle track 2 of the video seems to tell positions/],
    ['meta', 'gpmd', Buffer.from('DEVC'), /a GoPro camera without a position/],
    ['sbtl', 'tx3g', cue('Hello.'), /^$/],
  ] as const) {
    const outcome = await outcomeOf(directory, mp4(handler, format, [sample]), isobmff);
    assert.is(outcome.result.packets, 0);
    assert.match(outcome.words, words);
  }
}); // prettier-ignore

it.run();
