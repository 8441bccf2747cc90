// A track of GoPro's metadata in an MP4 file, which no muxer at hand writes: its boxes are put behind those of the file.
import { damage } from './bytes.js';
import type { Random } from './random.js';

const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, 4 * index));
  return bytes;
};
const box = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
};

/** As gopro/gpmf-parser's documentation has it: key, type, size of one, how many, padded to words. */
function entry(key: string, type: string, size: number, repeat: number, data: Buffer): Buffer {
  const head = Buffer.from([
    ...Buffer.from(key),
    type === '' ? 0 : type.charCodeAt(0),
    size,
    repeat >> 8,
    repeat & 255,
  ]);
  return Buffer.concat([head, data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}
const nested = (key: string, ...entries: Buffer[]): Buffer => {
  const data = Buffer.concat(entries);
  return entry(key, '', 1, data.length, data);
};

/** One second of places. */
const secondOf = (second: number): Buffer =>
  nested(
    'DEVC',
    entry('DVNM', 'c', 6, 1, Buffer.from('Camera')),
    nested(
      'STRM',
      entry('GPSF', 'L', 4, 1, u32(3)),
      entry('GPSU', 'U', 16, 1, Buffer.from(`24060110000${second}.000`)),
      entry('GPSP', 'S', 2, 1, Buffer.from([0, 200])),
      entry('SCAL', 'l', 4, 5, u32(10_000_000, 10_000_000, 1000, 1000, 100)),
      entry('GPS5', 'l', 20, 2, u32(465_000_000, 75_000_000, 600_000, 3000, 300, 465_000_000 + second, 75_000_000, 600_000, 3000, 300)), // prettier-ignore
    ),
  );

/** The file with such a track more, one sample a second. `moov` has to be its last box. */
export function withGpmf(mp4: Buffer, seconds: number, random: Random | null): Buffer {
  const moovAt = mp4.lastIndexOf('moov') - 4;
  const moov = mp4.subarray(moovAt + 8);
  const samples = Array.from({ length: seconds }, (_, second) => {
    const sample = secondOf(second);
    return random?.chance(0.5) ? damage(sample, random) : sample;
  });
  const trak = (at: number): Buffer => {
    const starts = samples.map((_, index) => samples.slice(0, index).reduce((sum, one) => sum + one.length, at));
    const stbl = box(
      'stbl',
      box('stsd', u32(0, 1), box('gpmd', u32(0, 1))),
      box('stts', u32(0, 1, seconds, 1000)),
      box('stsc', u32(0, 1, 1, 1, 1)),
      box('stsz', u32(0, 0, seconds, ...samples.map((sample) => sample.length))),
      box('stco', u32(0, seconds, ...starts)),
    );
    const dref = box('dinf', box('dref', u32(0, 1), box('url ', u32(1))));
    const hdlr = box('hdlr', u32(0, 0), Buffer.from('meta'), u32(0, 0, 0), Buffer.from([0]));
    const minf = box('minf', box('gmhd', box('gmin', u32(0, 0, 0, 0))), dref, stbl);
    const mdia = box('mdia', box('mdhd', u32(0, 0, 0, 1000, 1000 * seconds, 0)), hdlr, minf);
    const tkhd = box('tkhd', u32(3, 0, 0, 9, 0, 1000 * seconds, 0, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000, 0, 0)); // prettier-ignore
    return box('trak', tkhd, mdia);
  };
  const data = moovAt + 8 + moov.length + trak(0).length + 8;
  return Buffer.concat([mp4.subarray(0, moovAt), box('moov', moov, trak(data)), box('mdat', ...samples)]);
}
