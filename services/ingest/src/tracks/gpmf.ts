// GPMF, the form of GoPro's cameras (gopro/gpmf-parser, docs/README.md, "GPMF Deeper Dive"): a key of four characters, a type,
// the size of a structure, how often it comes, and that many bytes, filled up to four. Big-endian.

export interface GpmfEntry {
  key: string;
  /** Its character; empty for entries that hold entries. */
  type: string;
  size: number;
  repeat: number;
  /** Without the bytes that fill it up. */
  data: Buffer;
}

const headBytes = 8;
const alignment = 4;

/** Ends at the first entry that does not fit. */
export function* entriesIn(bytes: Buffer): Generator<GpmfEntry> {
  for (let at = 0; at + headBytes <= bytes.length;) {
    const size = bytes[at + 5] ?? 0;
    const repeat = bytes.readUInt16BE(at + 6);
    const start = at + headBytes;
    const end = start + size * repeat;
    if (end > bytes.length) return;
    const type = bytes[at + 4] === 0 ? '' : String.fromCharCode(bytes[at + 4] ?? 0);
    yield { key: bytes.toString('latin1', at, at + 4), type, size, repeat, data: bytes.subarray(start, end) };
    at = start + Math.ceil((end - start) / alignment) * alignment;
  }
}

interface NumberType {
  bytes: number;
  read: (bytes: Buffer, at: number) => number;
}

const types: Readonly<Record<string, NumberType>> = {
  b: { bytes: 1, read: (bytes, at) => bytes.readInt8(at) },
  B: { bytes: 1, read: (bytes, at) => bytes.readUInt8(at) },
  s: { bytes: 2, read: (bytes, at) => bytes.readInt16BE(at) },
  S: { bytes: 2, read: (bytes, at) => bytes.readUInt16BE(at) },
  l: { bytes: 4, read: (bytes, at) => bytes.readInt32BE(at) },
  L: { bytes: 4, read: (bytes, at) => bytes.readUInt32BE(at) },
  f: { bytes: 4, read: (bytes, at) => bytes.readFloatBE(at) },
  d: { bytes: 8, read: (bytes, at) => bytes.readDoubleBE(at) },
  j: { bytes: 8, read: (bytes, at) => Number(bytes.readBigInt64BE(at)) },
  J: { bytes: 8, read: (bytes, at) => Number(bytes.readBigUInt64BE(at)) },
};

/** All numbers of the entry, one structure behind the other; null where there is something else in them. `structure`: TYPE. */
export function numbersOf({ type, size, repeat, data }: GpmfEntry, structure = ''): number[][] | null {
  const fields = type === '?' ? structure : type.repeat(Math.floor(size / (types[type]?.bytes ?? Infinity)));
  const readers = Array.from(fields, (field) => types[field]);
  if (readers.length === 0 || readers.some((reader) => reader === undefined)) return null;
  if (readers.reduce((sum, reader) => sum + (reader?.bytes ?? 0), 0) !== size) return null;
  const all: number[][] = [];
  for (let index = 0; index < repeat; index++) {
    let at = index * size;
    all.push(
      readers.map((reader) => {
        const value = reader?.read(data, at) ?? 0;
        at += reader?.bytes ?? 0;
        return value;
      }),
    );
  }
  return all;
}

export const textOf = ({ data }: GpmfEntry): string => data.toString('latin1').replaceAll('\0', '').trim();
