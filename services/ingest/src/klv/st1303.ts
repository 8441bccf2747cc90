// MISB ST 1303: multi-dimensional arrays as packs.
import { readTag, writeTag } from './ber.js';
import type { Field } from './pack.js';
import { mappingsOf, readImapb, writeImapb } from './st1201.js';

export interface MultiArray {
  sizes: number[];
  elementBytes: number;
  /** Array processing algorithm: 1 as they are, 2 IMAPB; others are kept as bytes. */
  algorithm: number;
  /** IMAPB's range, for algorithm 2. */
  low: number | null;
  high: number | null;
  /** Row-major; null for values that are none. */
  elements: (number | null)[];
  /** What this reader does not understand, hexadecimal. */
  rest: string;
}

/** How elements are to be read that stand there as they are. */
export type Natural =
  | 'unsigned'
  | 'float'
  /** IMAPB ranges, row by row, again and again. */
  | readonly (readonly [low: number, high: number])[];

const mostElements = 65_536;

function naturalReader(
  natural: Natural,
  size: number,
): ((bytes: Buffer, at: number, row: number) => number | null) | null {
  if (natural === 'unsigned') return size <= 6 ? (bytes, at) => bytes.readUIntBE(at, size) : null;
  if (natural === 'float') {
    if (size === 4) return (bytes, at) => bytes.readFloatBE(at);
    return size === 8 ? (bytes, at) => bytes.readDoubleBE(at) : null;
  }
  const mappings = natural.map(([low, high]) => mappingsOf(low, high));
  return (bytes, at, row) => readImapb(bytes, at, at + size, mappings[row % mappings.length] ?? []);
}

export const multiArray = (natural: Natural): Field => ({
  read: (bytes, start, end) => {
    let at = start;
    const tag = (): number => {
      const read = readTag(bytes, at, end);
      at = read ? read.next : Infinity;
      return read ? read.value : 0;
    };
    const sizes = Array.from({ length: Math.min(tag(), 16) }, tag);
    const elementBytes = tag();
    const algorithm = tag();
    if (at > end || sizes.length === 0 || elementBytes === 0) return null;
    const value: MultiArray = { sizes, elementBytes, algorithm, low: null, high: null, elements: [], rest: '' };
    const count = sizes.reduce((product, size) => product * size, 1);
    let read: ReturnType<typeof naturalReader> = null;
    if (algorithm === 1) read = naturalReader(natural, elementBytes);
    else if (algorithm === 2 && at + 8 <= end && elementBytes <= 8) {
      value.low = bytes.readFloatBE(at);
      value.high = bytes.readFloatBE(at + 4);
      at += 8;
      const mappings = mappingsOf(value.low, value.high);
      read = (from, place) => readImapb(from, place, place + elementBytes, mappings);
    }
    if (read && count <= mostElements && at + count * elementBytes <= end) {
      const row = sizes.length > 1 ? count / (sizes[0] ?? 1) : 1;
      for (let index = 0; index < count; index++, at += elementBytes)
        value.elements.push(read(bytes, at, Math.floor(index / row)));
    }
    value.rest = bytes.toString('hex', at, end);
    return { value, next: end };
  },
  write: (given) => {
    const { sizes, elementBytes, algorithm, low, high, elements, rest } = given as MultiArray;
    const head = [sizes.length, ...sizes, elementBytes, algorithm].map(writeTag);
    const range = Buffer.alloc(algorithm === 2 ? 8 : 0);
    if (algorithm === 2) {
      range.writeFloatBE(low ?? 0, 0);
      range.writeFloatBE(high ?? 0, 4);
    }
    const row = sizes.length > 1 ? elements.length / (sizes[0] ?? 1) : 1;
    const body = elements.map((element, index) => {
      if (algorithm === 2) return writeImapb(element ?? NaN, low ?? 0, high ?? 0, elementBytes);
      if (typeof natural === 'object') {
        const [from, to] = natural[Math.floor(index / row) % natural.length] ?? [0, 1];
        return writeImapb(element ?? NaN, from, to, elementBytes);
      }
      const bytes = Buffer.alloc(elementBytes);
      if (natural === 'unsigned') bytes.writeUIntBE(element ?? 0, 0, elementBytes);
      else if (elementBytes === 4) bytes.writeFloatBE(element ?? NaN);
      else bytes.writeDoubleBE(element ?? NaN);
      return bytes;
    });
    return Buffer.concat([...head, range, ...body, Buffer.from(rest, 'hex')]);
  },
});
