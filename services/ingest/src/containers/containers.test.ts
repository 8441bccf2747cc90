// Telemetry in MP4, MOV and Matroska files, built here box by box and element by element: no muxer at hand writes it.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { emsgBox } from '../klv/emsg.js';
import { encodePacket } from '../klv/encode.js';
import { TelemetrySource, type Container } from '../klv/source.js';

const it = suite<{ directory: string }>('telemetry in containers');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-containers-'));
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

const stamp = 1_700_000_000_000_000;
const packets = [0, 1, 2, 3].map((index) => encodePacket([[2, stamp + index * 500_000], [3, `Mission ${index}`]])); // prettier-ignore

const u32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]))); // prettier-ignore
const box = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
};
const full = (type: string, ...values: number[]): Buffer => box(type, u32(0, ...values));

/** The samples in chunks of two; the second packet is cut in two samples. `delay`: an empty edit, seconds. */
function mp4(handler: string, delay: number): Buffer {
  const [first, second, ...rest] = packets as [Buffer, Buffer, ...Buffer[]];
  const samples = [first, second.subarray(0, 20), second.subarray(20), ...rest];
  const ftyp = box('ftyp', Buffer.from('isom'), u32(0));
  const mdat = box('mdat', ...samples);
  const starts = samples.map((_, index) => ftyp.length + 8 + samples.slice(0, index).reduce((sum, one) => sum + one.length, 0)); // prettier-ignore
  const stbl = box(
    'stbl',
    full('stsd', 0),
    // Ticks of a thousandth: 500, then twice 250, then 500 again.
    full('stts', 3, 1, 500, 2, 250, 2, 500),
    full('stsc', 2, 1, 2, 1, 3, 1, 1),
    full('stsz', 0, samples.length, ...samples.map((sample) => sample.length)),
    full('stco', 3, starts[0] ?? 0, starts[2] ?? 0, starts[4] ?? 0),
  );
  const mdia = box(
    'mdia',
    full('mdhd', 0, 0, 1000, 2500, 0),
    box('hdlr', u32(0, 0), Buffer.from(handler), u32(0, 0, 0)),
    box('minf', stbl),
  );
  const edits = delay > 0 ? [box('edts', full('elst', 2, delay * 600, 0xffffffff, 0x10000, 1500, 0, 0x10000))] : [];
  const trak = box('trak', full('tkhd', 0, 0, 7, 0, 0), ...edits, mdia);
  return Buffer.concat([ftyp, mdat, box('moov', full('mvhd', 0, 0, 600, 1500, 0), trak)]);
}

/** The same samples in three fragments: their data by `moof`, by an offset in the file, and after that of the track before. */
function fragmented(delay: number): Buffer {
  const [a, b, c, d] = packets as [Buffer, Buffer, Buffer, Buffer];
  const ftyp = box('ftyp', Buffer.from('iso6'), u32(0));
  const stbl = box('stbl', full('stsd', 0), full('stts', 0), full('stsc', 0), full('stsz', 0, 0), full('stco', 0));
  const hdlr = (handler: string): Buffer => box('hdlr', u32(0, 0), Buffer.from(handler), u32(0, 0, 0));
  const trak = (id: number, handler: string): Buffer => {
    const edits = delay > 0 && id === 7 ? [box('edts', full('elst', 2, delay * 600, 0xffffffff, 0x10000, 0, 0, 0x10000))] : []; // prettier-ignore
    const mdia = box('mdia', full('mdhd', 0, 0, 1000, 0, 0), hdlr(handler), box('minf', stbl));
    return box('trak', full('tkhd', 0, 0, id, 0, 0), ...edits, mdia);
  };
  const mvex = box('mvex', full('trex', 1, 1, 40, 100, 0), full('trex', 7, 1, 500, a.length, 0));
  const head = Buffer.concat([
    ftyp,
    box('moov', full('mvhd', 0, 0, 600, 0, 0), trak(1, 'vide'), trak(7, 'meta'), mvex),
  ]);
  const flagged = (type: string, flags: number, ...values: number[]): Buffer => box(type, u32(flags, ...values));
  const fragment = (start: number, data: Buffer[], trafs: (sizeOfMoof: number, start: number) => Buffer[]): Buffer => {
    const { length } = box('moof', full('mfhd', 1), ...trafs(0, start));
    return Buffer.concat([box('moof', full('mfhd', 1), ...trafs(length, start)), box('mdat', ...data)]);
  };
  // Sizes and durations as `trex` has them, but for the second sample; its packet lies in two.
  const first = fragment(head.length, [a, b.subarray(0, 20), b.subarray(20)], (size) => [
    box('traf', flagged('tfhd', 0x20000, 7), full('tfdt', 0), flagged('trun', 0x305, 3, size + 8, 0, 500, a.length, 250, 20, 250, b.length - 20)), // prettier-ignore
  ]);
  const at = head.length + first.length;
  const second = fragment(at, [c], (size, start) => [
    box('traf', flagged('tfhd', 0x19, 7, 0, start + size + 8, 500, c.length), box('tfdt', u32(1 << 24, 0, 1000)), flagged('trun', 0xc00, 1, 0, 0)), // prettier-ignore
  ]);
  const picture = Buffer.alloc(200, 1);
  const third = fragment(at + second.length, [picture, d], (size) => [
    box('traf', flagged('tfhd', 0, 1), flagged('trun', 0x1, 2, size + 8)),
    box('traf', flagged('tfhd', 0x10, 7, d.length), flagged('trun', 0, 1)),
  ]);
  return Buffer.concat([head, first, second, third]);
}

const vint = (value: number): Buffer => Buffer.from([0x10 | ((value >>> 24) & 15), (value >>> 16) & 255, (value >>> 8) & 255, value & 255]); // prettier-ignore
const element = (id: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(id, 'hex'), vint(body.length), body]);
};

/** Several frames in one block: of one byte each where they are of one size, else of 10, 30 (by EBML +20) and the rest. */
const laces = {
  none: (bytes: Buffer) => ({ flags: 0, bytes }),
  xiph: (bytes: Buffer) => ({ flags: 2, bytes: Buffer.concat([Buffer.from([2, 10, 30]), bytes]) }),
  fixed: (bytes: Buffer) => ({ flags: 4, bytes: Buffer.concat([Buffer.from([bytes.length - 1]), bytes]) }),
  ebml: (bytes: Buffer) => ({ flags: 6, bytes: Buffer.concat([Buffer.from([2, 0x8a, 0x60, 0x13]), bytes]) }),
};
type Lacing = keyof typeof laces;

/** Two clusters; track 1 says that it is a picture, track 2 carries the packets. `open`: sizes of masters are not known. */
function mkv(open: boolean, lacing: Lacing = 'none'): Buffer {
  const block = (track: number, ticks: number, payload: Buffer): Buffer => {
    const laced = track === 2 ? laces[lacing](payload) : { flags: 0, bytes: payload };
    return Buffer.concat([Buffer.from([0x80 | track, ticks >> 8, ticks & 255, 0x80 | laced.flags]), laced.bytes]);
  };
  const master = (id: string, ...parts: Buffer[]): Buffer =>
    open ? Buffer.concat([Buffer.from(id, 'hex'), Buffer.from([0xff]), ...parts]) : element(id, ...parts);
  const track = (number: number, type: number): Buffer => element('ae', element('d7', Buffer.from([number])), element('83', Buffer.from([type]))); // prettier-ignore
  const [a, b, c, d] = packets as [Buffer, Buffer, Buffer, Buffer];
  const cluster = (start: number, first: Buffer, second: Buffer): Buffer =>
    master(
      '1f43b675',
      element('e7', Buffer.from([start >> 8, start & 255])),
      element('a3', block(1, 0, Buffer.alloc(5000, 6))),
      element('a3', block(2, 0, first)),
      element('a0', element('a1', block(2, 500, second)), element('9b', Buffer.from([1]))),
    );
  return Buffer.concat([
    element('1a45dfa3', element('4282', Buffer.from('matroska'))),
    master(
      '18538067',
      element('1549a966', element('2ad7b1', Buffer.from([0x0f, 0x42, 0x40]))),
      element('1654ae6b', track(1, 1), track(2, 0x21)),
      cluster(0, a, b),
      cluster(1000, c, d),
    ),
  ]);
}

async function read(directory: string, container: Container, bytes: Buffer): Promise<[unknown, number | undefined][]> {
  const path = join(directory, 'file');
  await writeFile(path, bytes);
  const found: [unknown, number | undefined][] = [];
  for await (const { packet, pts } of new TelemetrySource(path, container).packets()) {
    assert.is(packet.checksum, 'ok');
    found.push([packet.item(3)?.value, pts]);
  }
  return found;
}

const expected = (delay: number): [string, number][] =>
  [0, 1, 2, 3].map((index) => [`Mission ${index}`, (index * 0.5 + delay) * 90_000]);

it('a track of metadata in MP4, with packets over sample borders and an edit list', async ({ directory }) => {
  assert.equal(await read(directory, 'isobmff', mp4('meta', 0)), expected(0));
  assert.equal(await read(directory, 'isobmff', mp4('meta', 2)), expected(2));
  assert.equal(await read(directory, 'isobmff', mp4('vide', 0)), []);
});

it('a track of metadata in a fragmented MP4', async ({ directory }) => {
  assert.equal(await read(directory, 'isobmff', fragmented(0)), expected(0));
  assert.equal(await read(directory, 'isobmff', fragmented(2)), expected(2));
});

it('a track of metadata in Matroska, with sizes known and unknown', async ({ directory }) => {
  assert.equal(await read(directory, 'matroska', mkv(false)), expected(0));
  assert.equal(await read(directory, 'matroska', mkv(true)), expected(0));
  for (const lacing of ['xiph', 'fixed', 'ebml'] as const)
    assert.equal(await read(directory, 'matroska', mkv(false, lacing)), expected(0), lacing);
});

it('samples that FFmpeg took the beginning of the key from, and samples of AU cells', async ({ directory }) => {
  const cut = packets.map((bytes) => bytes.subarray(5));
  const cells = packets.map((bytes, index) => Buffer.concat([Buffer.from([0, index, 0xdf, 0, bytes.length]), bytes]));
  for (const samples of [cut, cells]) {
    const block = (ticks: number, payload: Buffer): Buffer =>
      element('a3', Buffer.concat([Buffer.from([0x82, ticks >> 8, ticks & 255, 0x80]), payload]));
    const track = element('ae', element('d7', Buffer.from([2])), element('83', Buffer.from([0x21])));
    const cluster = element('1f43b675', element('e7', Buffer.from([0])), ...samples.map((sample, index) => block(index * 500, sample))); // prettier-ignore
    const file = Buffer.concat([element('1a45dfa3', element('4282', Buffer.from('matroska'))), element('18538067', element('1654ae6b', track), cluster)]); // prettier-ignore
    assert.equal(await read(directory, 'matroska', file), expected(0));
  }
});

it('events between the fragments of CMAF, as a layer of ours has them', async ({ directory }) => {
  const path = join(directory, 'cmaf.mp4');
  execFileSync('ffmpeg', ['-y', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=2', '-c:v', 'libx264', '-g', '25', '-movflags', 'frag_keyframe+empty_moov', path]); // prettier-ignore
  const plain = await readFile(path);
  const fragments = [plain.indexOf('moof') - 4, plain.lastIndexOf('moof') - 4] as const;
  const events = packets.map((bytes, index) => emsgBox({ time: index / 2, bytes }, index));
  const other = Buffer.from(emsgBox({ time: 0, bytes: packets[0] ?? Buffer.alloc(0) }, 9));
  other.write('urn:scte:scte35', 32, 'latin1');
  const bytes = Buffer.concat([plain.subarray(0, fragments[0]), ...events.slice(0, 2), plain.subarray(...fragments), other, ...events.slice(2), plain.subarray(fragments[1])]); // prettier-ignore
  assert.equal(await read(directory, 'isobmff', bytes), expected(0));
});

it('files without telemetry have none', async ({ directory }) => {
  for (const [suffix, container] of [
    ['mp4', 'isobmff'],
    ['mov', 'isobmff'],
    ['mkv', 'matroska'],
    ['webm', 'matroska'],
  ] as const) {
    // prettier-ignore
    const path = join(directory, `plain.${suffix}`);
    const codec = suffix === 'webm' ? ['-c:v', 'libvpx', '-c:a', 'libopus'] : ['-c:v', 'libx264', '-c:a', 'aac'];
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=160x90:d=1', '-f', 'lavfi', '-i', 'sine=d=1', ...codec, path]); // prettier-ignore
    assert.equal(await read(directory, container, await readFile(path)), []);
  }
});

it('damage anywhere ends the reading and nothing else', async ({ directory }) => {
  const seeds = [mp4('meta', 2), fragmented(2), mkv(false, 'ebml'), mkv(true, 'xiph')];
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      async (seed, changes, cut) => {
        const bytes = Buffer.from(seeds[seed] ?? Buffer.alloc(0));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const path = join(directory, 'damaged');
        await writeFile(path, bytes.subarray(0, bytes.length - (cut % 40)));
        for await (const _ of new TelemetrySource(path, seed < 2 ? 'isobmff' : 'matroska').packets());
      },
    ),
    { seed: 601, numRuns: 400 },
  );
});

const media = process.env['SORTIE_MEDIA'];
if (media !== undefined) {
  it('no file of the corpus shows telemetry that it does not have', async () => {
    let looked = 0;
    for (const name of readdirSync(media)) {
      const container = /\.(mp4|mov|m4v)$/.test(name) ? 'isobmff' : /\.(mkv|webm)$/.test(name) ? 'matroska' : null;
      if (!container) continue;
      looked++;
      for await (const { packet } of new TelemetrySource(join(media, name), container).packets())
        assert.is.not(packet.kind, 'unknown', name);
    }
    assert.ok(looked > 20);
  });
}

it.run();
