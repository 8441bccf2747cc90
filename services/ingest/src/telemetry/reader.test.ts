// Hostile telemetry, read as the worker has it read: in a confined process. Without its bounds each of these takes hours, or
// more memory or disk than there is.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SortieError } from '@sortie/common/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { telemetryBudget } from '../budgets.js';
import { encodePacket } from '../klv/encode.js';
import { emsgBox } from '../klv/emsg.js';
import { readLength, writeLength } from '../klv/ber.js';
import { labelBytes } from '../klv/label.js';
import { TelemetrySource } from '../klv/source.js';
import { readExtractResult, readProbeResult, type ExtractOrder, type ExtractResult } from './order.js';
import { OutputBudget } from './output.js';
import { extractTelemetry, probeTelemetry, type ReaderParts } from './reader.js';

interface Context {
  directory: string;
  parts: ReaderParts;
}

const it = suite<Context>('the telemetry reader');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-reader-'));
  const output = join(context.directory, 'out');
  await mkdir(output);
  context.parts = { directory: output, signal: new AbortController().signal, onLine: () => undefined };
});
it.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

async function probeSidecar({ directory, parts }: Context, name: string, content: string | Buffer): Promise<number> {
  const path = join(directory, name);
  await writeFile(path, content);
  const { sidecars } = await probeTelemetry({ kind: 'probe', video: null, sidecars: [{ name, path }] }, parts);
  return sidecars[0] ?? 0;
}

async function refused(act: Promise<unknown>): Promise<SortieError> {
  try {
    await act;
  } catch (error) {
    assert.instance(error, SortieError);
    return error as SortieError;
  }
  throw new Error('It was taken.');
}

const stamp = 1_700_000_000_000_000;
const csvHead = 'Precision Timestamp,Sensor Latitude,Sensor Longitude';

it('a table, packets and a track are counted', async (context) => {
  assert.is(await probeSidecar(context, 'a.csv', `${csvHead}\n${stamp},46.5,7.5\n${stamp + 1},46.5,7.5\n`), 2);
  assert.is(await probeSidecar(context, 'a.klv', encodePacket([[2, stamp]])), 1);
});

it('the reason of a refusal comes from the reader as it was given', async (context) => {
  const error = await refused(probeSidecar(context, 'a.csv', `${csvHead}\n${stamp},north,7.5\n`));
  assert.is(error.code, 'SIDECAR_INVALID');
  assert.match(error.message, /a\.csv, line 2: Sensor Latitude is "north", which is no number/);
});

it('names of columns with hundreds of thousands of blanks and brackets', async (context) => {
  for (const fill of [' ', '(', '( ', '(\n'].map((one) => one.repeat(400_000 / one.length))) {
    const error = await refused(probeSidecar(context, 'a.csv', `"Sensor Latitude(${fill}x",b\n1,2\n`));
    assert.is(error.code, 'SIDECAR_INVALID');
    assert.ok(error.message.length < 2000);
  }
});

it('subtitles of nothing but digits, blanks or names', async (context) => {
  const line = (text: string): string => `${text.repeat(Math.floor(60_000 / text.length))}\n\n`;
  for (const text of ['1', '12:', ' ', 'GPS(', 'GPS( 1.1', 'latitude ', '1.', '1\t'])
    assert.is((await refused(probeSidecar(context, 'a.srt', line(text).repeat(8)))).code, 'SIDECAR_INVALID', text);
  assert.match((await refused(probeSidecar(context, 'a.srt', '1'.repeat(80_000)))).message, /line 1: its block of subtitles is longer than 65536 bytes/); // prettier-ignore
  const endless = `00:00:00,000 --> 00:00:01,000\n${'[latitude: 1] [longitude: 1]\n'.repeat(5_000)}`;
  assert.match((await refused(probeSidecar(context, 'a.srt', endless))).message, /longer than 65536 bytes/);
});

it('a table whose lines have a mebibyte each', async (context) => {
  const long = 'x'.repeat(1_000_000);
  const texts = `${csvHead},Mission ID\n${`${stamp},46.5,7.5,${long}\n`.repeat(40)}`;
  assert.match((await refused(probeSidecar(context, 'a.csv', texts))).message, /line 2: Mission ID has 1000000 characters; at most 1000 are taken/); // prettier-ignore
  const columns = `${csvHead}${',unknown'.repeat(100_000)}\n${`${stamp},46.5,7.5${',1'.repeat(100_000)}\n`.repeat(10)}`;
  assert.is(await probeSidecar(context, 'b.csv', columns), 10);
});

it('XML that stands deep in itself, has no end of attributes, or one endless name', async (context) => {
  const table: [string, RegExp][] = [
    [`<gpx>${'<a>'.repeat(300_000)}`, /its elements stand too deep in one another \(line 1\)/],
    [`<gpx ${Array.from({ length: 50_000 }, (_, index) => `a${index}="1"`).join(' ')}/>`, /too many attributes/],
    [`<gpx><${'a'.repeat(5_000_000)}`, /it is no GPX/],
    [`<gpx>&${'a'.repeat(5_000_000)};</gpx>`, /it is no GPX/],
    [`<!DOCTYPE gpx [${'<!ENTITY a "&a;&a;">'.repeat(100_000)}]><gpx/>`, /it is no GPX/],
  ];
  for (const [text, message] of table) {
    const error = await refused(probeSidecar(context, 'a.gpx', text));
    assert.is(error.code, 'SIDECAR_INVALID');
    assert.match(error.message, message);
  }
});

/** Reads a sidecar in a process with a heap of so many MiB; gives the number of its packets. */
function readInHeap(path: string, mebibytes: number): number {
  const module = fileURLToPath(new URL('../sidecar/read.js', import.meta.url));
  const notes = fileURLToPath(new URL('notes.js', import.meta.url));
  const script = `const { readSidecar } = await import(${JSON.stringify(module)}); const { Notes } = await import(${JSON.stringify(notes)}); let n = 0;
    for await (const _ of readSidecar(${JSON.stringify({ name: path, path })}, new Notes(), { duration: 1e9, creationTime: null, clock: null })) n++; console.log(n);`;
  const options = [`--max-old-space-size=${mebibytes}`, '--max-semi-space-size=2', '--input-type=module', '-e', script];
  return Number(execFileSync(process.execPath, options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

async function writeMany(path: string, head: string, line: (index: number) => string, count: number, tail = ''): Promise<void> {
  const file = await open(path, 'w');
  await file.write(head);
  for (let from = 0; from < count; from += 10_000)
    await file.write(Array.from({ length: Math.min(10_000, count - from) }, (_, index) => line(from + index)).join(''));
  await file.write(tail);
  await file.close();
} // prettier-ignore

it('large tracks, tables and subtitles are read in a heap that holds a part of them only', async ({ directory }) => {
  const count = 40_000;
  const words = 'words '.repeat(75);
  const iso = (index: number): string => new Date(stamp / 1000 + index * 1000).toISOString();
  const clock = (index: number): string => new Date(index * 100).toISOString().slice(11, 23).replace('.', ',');
  const path = (name: string): string => join(directory, name);
  await writeMany(path('a.gpx'), '<gpx><trk><trkseg>', (index) => `<trkpt lat="46.5" lon="7.5"><ele>1200.5</ele><time>${iso(index)}</time><extensions><text>${words}</text></extensions></trkpt>\n`, count, '</trkseg></trk></gpx>'); // prettier-ignore
  await writeMany(path('a.csv'), `${csvHead},Comment\n`, (index) => `${stamp + index},46.5,7.5,${words}\n`, count); // prettier-ignore
  await writeMany(path('a.srt'), '', (index) => `${index + 1}\n${clock(index)} --> ${clock(index + 1)}\n[latitude: 46.5] [longitude: 7.5] [rel_alt: 1.000 abs_alt: 500.000] ${words}\n\n`, count); // prettier-ignore
  for (const name of ['a.gpx', 'a.csv', 'a.srt']) {
    assert.ok((await stat(path(name))).size > 18_000_000, name);
    assert.is(readInHeap(path(name), 24), count, name);
  }
});

// ------------------------------------------------------------------------------------------------ containers

const u32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]))); // prettier-ignore
const box = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
};
const full = (type: string, ...values: number[]): Buffer => box(type, u32(0, ...values));

/** Tracks of text, each of which promises 2^32 - 1 samples: of one size, in chunks at one place. */
function bomb(tracks: number, size: number, chunks: number): Buffer {
  const trak = (id: number): Buffer => {
    const stsd = full('stsd', 1, 16, Buffer.from('text').readUInt32BE(), 0, 0);
    const stbl = box('stbl', stsd, full('stts', 0), full('stsc', 1, 1, 0xffff_ffff, 1), full('stsz', size, 0xffff_ffff), full('stco', chunks, ...new Array<number>(chunks).fill(8))); // prettier-ignore
    const hdlr = box('hdlr', u32(0, 0), Buffer.from('meta'), u32(0, 0, 0));
    return box('trak', full('tkhd', 0, 0, id, 0, 0), box('mdia', full('mdhd', 0, 0, 1000, 0, 0), hdlr, box('minf', stbl))); // prettier-ignore
  };
  const traks = Array.from({ length: tracks }, (_, index) => trak(index + 1));
  return Buffer.concat([box('ftyp', Buffer.from('isom'), u32(0)), box('moov', full('mvhd', 0, 0, 600, 0, 0), ...traks)]); // prettier-ignore
}

/** A fragment whose runs promise samples without a byte for any of them. */
function fragmentBomb(runs: number): Buffer {
  const flagged = (type: string, flags: number, ...values: number[]): Buffer => box(type, u32(flags, ...values));
  const stbl = box('stbl', full('stsd', 0), full('stts', 0), full('stsc', 0), full('stsz', 0, 0), full('stco', 0));
  const hdlr = box('hdlr', u32(0, 0), Buffer.from('meta'), u32(0, 0, 0));
  const trak = box('trak', full('tkhd', 0, 0, 7, 0, 0), box('mdia', full('mdhd', 0, 0, 1000, 0, 0), hdlr, box('minf', stbl))); // prettier-ignore
  const moov = box('moov', full('mvhd', 0, 0, 600, 0, 0), trak, box('mvex', full('trex', 7, 1, 1, 0, 0)));
  const truns = Array.from({ length: runs }, () => flagged('trun', 0, 0xffff_ffff));
  const moof = box('moof', full('mfhd', 1), box('traf', flagged('tfhd', 0x20000, 7), ...truns));
  return Buffer.concat([box('ftyp', Buffer.from('iso6'), u32(0)), moov, moof]);
}

it('tables of an MP4 that promise more than any file holds', async ({ directory }) => {
  const bombs: [string, Buffer][] = [
    ['samples behind the end', bomb(40, 1_000_000, 1)],
    ['the same byte again and again', bomb(40, 1, 100)],
    ['the whole file again and again', bomb(2, 20_000, 50_000)],
    ['runs of fragments', fragmentBomb(1000)],
  ];
  for (const [name, bytes] of bombs) {
    const path = join(directory, 'bomb.mp4');
    await writeFile(path, bytes);
    const source = new TelemetrySource(path, 'isobmff');
    let packets = 0;
    for await (const _ of source.packets()) packets++;
    assert.is(packets, 0, name);
    assert.ok(source.incomplete, name);
  }
});

it('while tables are walked through, timers go on', async ({ directory }) => {
  const path = join(directory, 'bomb.mp4');
  await writeFile(path, Buffer.concat([bomb(1, 1_000_000, 1), box('free', Buffer.alloc(2_000_000))]));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  for await (const _ of new TelemetrySource(path, 'isobmff').packets());
  clearInterval(timer);
  assert.ok(turns > 0);
});

// ------------------------------------------------------------------------------------------------ output

/** A packet of ST 0601 with a time stamp and so many items without a value. */
function emptyItems(time: number, count: number): Buffer {
  const head = encodePacket([[2, time]]);
  const items = head.subarray(readLength(head, labelBytes, head.length)?.next ?? 0, -4);
  const value = Buffer.concat([items, ...Array.from({ length: count }, (_, index) => Buffer.from([3 + (index % 90), 0]))]); // prettier-ignore
  return Buffer.concat([head.subarray(0, labelBytes), writeLength(value.length), value]);
}

async function extractFrom({ directory, parts }: Context, klv: Buffer, changes: Partial<ExtractOrder> = {}): Promise<ExtractResult> {
  const path = join(directory, 'a.klv');
  await writeFile(path, klv);
  const order: ExtractOrder = {
    kind: 'extract',
    video: null,
    sidecars: [{ name: 'a.klv', path }],
    outputDir: parts.directory,
    videoBytes: 0,
    duration: 8,
    creationTime: null,
    clock: [],
    ranges: [{ start: 0, duration: 4 }, { start: 4, duration: 4 }],
    largestSegment: 0,
    segments: [],
    ...changes,
  };
  return extractTelemetry(order, parts);
} // prettier-ignore

async function bytesBelow(directory: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  return sum;
}

async function firstLine({ parts }: Context): Promise<Record<string, unknown>> {
  const [line = ''] = (await readFile(join(parts.directory, 'telemetry/packets.ndjson'), 'utf8')).split('\n', 1);
  return JSON.parse(line) as Record<string, unknown>;
}

it('sixteen megabytes of items without a value do not fill the disk', async (context) => {
  const klv = Buffer.concat(Array.from({ length: 64 }, (_, index) => emptyItems(stamp + index * 1000, 125_000)));
  const found = await extractFrom(context, klv);
  assert.is(found?.packets, 64);
  assert.is(found?.packetsWithoutItems, 0);
  assert.ok((await bytesBelow(context.parts.directory)) < 8 * klv.length);
  const { items, error, hex } = await firstLine(context);
  assert.is((items as unknown[]).length, 4096);
  assert.is(error, 'unreadable after 4096 items');
  assert.type(hex, 'string');
});

it('packets whose items would take far more room than those of real ones are written without them', async (context) => {
  const klv = Buffer.concat(Array.from({ length: 2_000 }, (_, index) => emptyItems(stamp + index * 1000, 1_000)));
  const found = await extractFrom(context, klv);
  assert.is(found?.packetsWithoutItems, 2_000);
  assert.ok((await bytesBelow(context.parts.directory)) < 8 * klv.length);
  const { items, itemsLeftOut, timestamp_us } = await firstLine(context);
  assert.equal([items, itemsLeftOut, timestamp_us], [undefined, 1_001, stamp]);
});

it('texts of padding alone, but for their last character', async (context) => {
  const text = `${'\0'.repeat(250_000)}x`;
  const klv = Buffer.concat(Array.from({ length: 40 }, (_, index) => encodePacket([[2, stamp + index], [3, text]]))); // prettier-ignore
  assert.is(await probeSidecar(context, 'a.klv', klv), 40);
});

it('small packets that make much of what was said before them come to an end, too', async (context) => {
  const text = encodePacket([[2, stamp], [3, 'M'.repeat(100_000)], [13, 46.5], [14, 7.5]]); // prettier-ignore
  const small = Array.from({ length: 3_000 }, (_, index) => encodePacket([[2, stamp + (index + 1) * 1000], [13, 46.5]])); // prettier-ignore
  const error = await refused(extractFrom(context, Buffer.concat([text, ...small]), { duration: 2000 }));
  assert.is(error.code, 'LIMIT_EXCEEDED');
  assert.ok((await bytesBelow(context.parts.directory)) < 2 * telemetryBudget.files(0, 0));
});

it('the budget grows with what is read, and with the video', () => {
  const budget = new OutputBudget(1000);
  const most = telemetryBudget.files(0, 1000);
  budget.take(most);
  assert.throws(() => budget.take(1), /far larger when it is written out/);
  const larger = new OutputBudget(1000);
  larger.came(10);
  larger.take(most + 640);
  assert.throws(() => larger.take(1));
});

it('events stand once before their segment, also when they are put there again', async (context) => {
  const { directory } = context.parts;
  const path = 'video/sd/00001.m4s';
  await mkdir(join(directory, 'video/sd'), { recursive: true });
  const segment = box('moof', Buffer.from('the rest'));
  await writeFile(join(directory, path), segment);
  const packet = encodePacket([[2, stamp], [13, 46.5]]); // prettier-ignore
  for (let round = 0; round < 2; round++) {
    await extractFrom(context, packet, { segments: [[path]] });
    const bytes = await readFile(join(directory, path));
    assert.ok(bytes.equals(Buffer.concat([emsgBox({ time: 0, bytes: packet }, 1), segment])));
  }
});

it('paths outside the layer stay out of reach', async (context) => {
  const outside = join(context.directory, 'outside.m4s');
  await writeFile(outside, box('moof'));
  const error = await refused(extractFrom(context, encodePacket([[2, stamp], [13, 46.5]]), { segments: [['../outside.m4s']] })); // prettier-ignore
  assert.is(error.code, 'STORAGE_FAILED');
  assert.not.match(error.message, /outside|\//);
  assert.ok((await readFile(outside)).equals(box('moof')));
});

it('cancelling ends the reader', async (context) => {
  const cancel = new AbortController();
  const reason = new SortieError('CANCELLED', 'Enough.');
  const klv = Buffer.concat(Array.from({ length: 64 }, () => emptyItems(stamp, 125_000)));
  const reading = extractFrom({ ...context, parts: { ...context.parts, signal: cancel.signal } }, klv);
  setTimeout(() => cancel.abort(reason), 300);
  assert.is(await refused(reading), reason);
});

it('an answer is believed only in its form', () => {
  const good = { packets: 1, kinds: { uas: 1 }, extent: null, first: 1, last: null, packetsWithoutItems: 0, cuesLeftOut: 0, incomplete: false, notes: [{ code: 'SIDECAR_MENDED', text: 'One.' }] }; // prettier-ignore
  assert.equal(readExtractResult({ ...good, more: 'left out' }), good);
  const wrong: object[] = [{ packets: -1 }, { packets: '1' }, { kinds: { a: 'b' } }, { kinds: [] }, { extent: { xmin: 1 } }, { first: 'x' }, { first: 1e308 }, { extent: { xmin: 1e308, ymin: 0, xmax: 1, ymax: 1 } }, { incomplete: 0 }, { notes: null }, { notes: [{ code: 'OTHER', text: 'One.' }] }, { notes: [{ code: 'SIDECAR_MENDED', text: 'x'.repeat(1_001) }] }]; // prettier-ignore
  for (const change of wrong) assert.throws(() => readExtractResult({ ...good, ...change }), /makes no sense/);
  assert.throws(() => readProbeResult({ streams: [1], packets: 1, sidecars: [1, 2] }, 1), /makes no sense/);
  assert.throws(() => readProbeResult('no', 0), /makes no sense/);
});

it.run();
