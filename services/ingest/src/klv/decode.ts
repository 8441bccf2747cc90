// From the bytes of one item to its value, by the coding that its table gives. A reader is made once for each line of a
// table, with all constants in it: this is where a decoder of telemetry spends its time. Readers never throw.
import { klvBudget } from '../budgets.js';
import type { Coding } from './coding.js';
import type { Item, Value } from './item.js';
import { readPack, type Pack } from './pack.js';
import { withoutPadding } from './padding.js';
import { labelBytes, startsWithLabel } from './label.js';
import { readLength } from './ber.js';
import { readItems } from './set.js';
import { mappingsOf, mostImapbBytes, readImapb, specialNote } from './st1201.js';
import { uuidText } from './uuid.js';

/** Gives the item its value and note. `depth` counts the sets around it. */
export type Reader = (item: Item, bytes: Buffer, start: number, end: number, depth: number) => void;

/** Up to 6 bytes; exact. The two usual sizes without a loop. */
export function readUnsigned(bytes: Buffer, start: number, end: number): number {
  const size = end - start;
  if (size === 2) return ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
  if (size === 4) return readWord(bytes, start);
  let value = 0;
  for (let at = start; at < end; at++) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

const readWord = (bytes: Buffer, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;

/** Up to 8 bytes; text beyond 2^53. */
function wholeNumber(bytes: Buffer, start: number, end: number): number | string {
  if (end - start <= 6) return readUnsigned(bytes, start, end);
  const high = readUnsigned(bytes, start, end - 4);
  const low = readUnsigned(bytes, end - 4, end);
  return high < 0x20_0000 ? high * 2 ** 32 + low : ((BigInt(high) << 32n) | BigInt(low)).toString();
}

function signedNumber(bytes: Buffer, start: number, end: number): number | string {
  const size = end - start;
  if ((bytes[start] ?? 0) < 0x80) return wholeNumber(bytes, start, end);
  if (size <= 6) return readUnsigned(bytes, start, end) - 2 ** (8 * size);
  const value = BigInt.asIntN(8 * size, BigInt(`0x${bytes.toString('hex', start, end)}`));
  return value >= Number.MIN_SAFE_INTEGER ? Number(value) : value.toString();
}

/** Leading zeros beyond the standard's length: the same integer in a wider field. */
function isWidened(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** ST 0107: a length of zero says that the value is no longer known. Of a text that leaves the empty one. */
function isNothing(item: Item, start: number, end: number): boolean {
  if (end > start && end - start <= 8) return false;
  item.value = null;
  item.note = end > start ? 'unusual length' : 'no longer known';
  return true;
}

function integerReader({ length, longest, kind }: Coding & { kind: 'unsigned' | 'signed' }): Reader {
  const read = kind === 'unsigned' ? wholeNumber : signedNumber;
  return (item, bytes, start, end) => {
    if (isNothing(item, start, end)) return;
    item.value = read(bytes, start, end);
    if (end - start < length || end - start > longest) item.note = 'unusual length';
  };
}

/**
 * An item of a length that is not the standard's, whose integer `map` would turn into a value, null for a reserved one. Two
 * kinds are met: a sender that widens the field keeps the integer, one that widens the scale fills it.
 */
function readOfUnusualLength(
  item: Item,
  bytes: Buffer,
  start: number,
  end: number,
  length: number,
  map: (whole: number, size: number) => number | null,
): void {
  if (isNothing(item, start, end)) return;
  const widened = end - start > length && isWidened(bytes, start, end - length);
  item.value = widened
    ? map(readUnsigned(bytes, end - length, end), length)
    : map(readUnsigned(bytes, start, end), end - start);
  item.note = item.value === null ? 'no value' : 'unusual length';
}

/** Two's complement, the most negative one included. */
const readShort = (bytes: Buffer, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16)) >> 16;
const readInt = (bytes: Buffer, at: number): number =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);

// The usual lengths have readers of their own: each is compiled for itself, and most items of real packets go through them.

function linearReader({ length, low, high }: Coding & { kind: 'linear' }): Reader {
  const span = high - low;
  const top = 2 ** (8 * length) - 1;
  const map = (whole: number, size: number): number => low + (whole * span) / (2 ** (8 * size) - 1);
  const unusual: Reader = (item, bytes, start, end) => readOfUnusualLength(item, bytes, start, end, length, map);
  if (length === 2)
    return (item, bytes, start, end) => {
      if (end - start === 2) item.value = low + ((((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0)) * span) / top;
      else unusual(item, bytes, start, end, 0);
    };
  return (item, bytes, start, end) => {
    if (end - start === length) item.value = low + (readUnsigned(bytes, start, end) * span) / top;
    else unusual(item, bytes, start, end, 0);
  };
}

function symmetricReader({ length, limit }: Coding & { kind: 'symmetric' }): Reader {
  const steps = 2 ** (8 * length - 1) - 1;
  const map = (whole: number, size: number): number | null => {
    const half = 2 ** (8 * size - 1);
    return whole === half ? null : ((whole > half ? whole - 2 * half : whole) * limit) / (half - 1);
  };
  const unusual: Reader = (item, bytes, start, end) => readOfUnusualLength(item, bytes, start, end, length, map);
  const noValue = (item: Item): void => {
    item.value = null;
    item.note = 'no value';
  };
  if (length === 4)
    return (item, bytes, start, end) => {
      if (end - start !== 4) {
        unusual(item, bytes, start, end, 0);
        return;
      }
      const whole = readInt(bytes, start);
      if (whole < -steps) noValue(item);
      else item.value = (whole * limit) / steps;
    };
  if (length === 2)
    return (item, bytes, start, end) => {
      if (end - start !== 2) {
        unusual(item, bytes, start, end, 0);
        return;
      }
      const whole = readShort(bytes, start);
      if (whole < -steps) noValue(item);
      else item.value = (whole * limit) / steps;
    };
  return (item, bytes, start, end) => {
    if (end - start !== length) {
      unusual(item, bytes, start, end, 0);
      return;
    }
    const value = map(readUnsigned(bytes, start, end), length);
    if (value === null) noValue(item);
    else item.value = value;
  };
}

function imapbReader({ low, high, longest }: Coding & { kind: 'imapb' }): Reader {
  const mappings = mappingsOf(low, high);
  return (item, bytes, start, end) => {
    if (isNothing(item, start, end)) return;
    item.value = readImapb(bytes, start, end, mappings);
    if (item.value === null) item.note = specialNote(bytes[start] ?? 0);
    else if (end - start > Math.min(longest, mostImapbBytes)) item.note = 'unusual length';
  };
}

const floatReader: Reader = (item, bytes, start, end) => {
  const size = end - start;
  const number = size === 4 ? bytes.readFloatBE(start) : size === 8 ? bytes.readDoubleBE(start) : NaN;
  item.value = Number.isFinite(number) ? number : null;
  if (size === 0) item.note = 'no longer known';
  else if (item.value === null) item.note = size === 4 || size === 8 ? 'no value' : 'unusual length';
};

/** Most texts and sets are the same packet after packet: what was read of the same bytes is given again. */
function remembering(read: Reader): Reader {
  let last: Buffer = Buffer.alloc(0);
  let value: Value | undefined;
  let note: Item['note'];
  let known = false;
  return (item, bytes, start, end, depth) => {
    const size = end - start;
    if (known && last.length === size) {
      let at = 0;
      while (at < size && last[at] === bytes[start + at]) at++;
      if (at === size) {
        item.value = value;
        item.note = note;
        return;
      }
    }
    // A copy: what is remembered must not keep the reader's whole buffer, nor change with it.
    const copy = Buffer.from(bytes.subarray(start, end));
    read(item, copy, 0, size, depth);
    // What was too deep here may not be so elsewhere.
    known = depth === 0 && size <= 4096;
    last = copy;
    value = item.value;
    note = item.note;
  };
}

const strict = new TextDecoder('utf-8', { fatal: true });

const readText: Reader = (item, bytes, start, end) => {
  if (end === start) item.note = 'no longer known';
  try {
    item.value = withoutPadding(strict.decode(bytes.subarray(start, end)));
  } catch {
    item.value = bytes.toString('latin1', start, end);
    item.note = 'not UTF-8';
  }
};

const utf16Reader: Reader = (item, bytes, start, end) => {
  const isWide = (end - start) % 2 === 0 && end > start && bytes[start] === 0;
  const characters = isWide ? Buffer.from(bytes.subarray(start, end)).swap16().toString('utf16le') : bytes.toString('latin1', start, end); // prettier-ignore
  item.value = withoutPadding(characters);
  if (end === start) item.note = 'no longer known';
};

const uuidReader: Reader = (item, bytes, start, end) => {
  item.value = end - start === 16 ? uuidText(bytes, start) : null;
  if (item.value === null) item.note = end > start ? 'unusual length' : 'no longer known';
};

const rawReader: Reader = () => undefined;

/** Some senders put the set's label and length before it, though the item says what it is. */
function insideLabel(bytes: Buffer, start: number, end: number): number {
  if (end - start < labelBytes || !startsWithLabel(bytes, start)) return start;
  const length = readLength(bytes, start + labelBytes, end);
  return length && length.next + length.value <= end ? length.next : start + labelBytes;
}

function setReader({ table }: Coding & { kind: 'set' }): Reader {
  return (item, bytes, start, end, depth) => {
    if (depth >= klvBudget.depth) {
      item.note = 'too deep';
      return;
    }
    if (end === start) item.note = 'no longer known';
    const { items, whole } = readItems(bytes, insideLabel(bytes, start, end), end, table(), depth + 1);
    item.value = items;
    if (!whole) item.note = 'unreadable';
  };
}

function seriesReader({ of }: Coding & { kind: 'series' }): Reader {
  return (item, bytes, start, end, depth) => {
    if (depth >= klvBudget.depth) {
      item.note = 'too deep';
      return;
    }
    const elements: object[] = [];
    item.value = elements;
    if (end === start) item.note = 'no longer known';
    for (let at = start; at < end;) {
      const length = readLength(bytes, at, end);
      if (!length || length.next + length.value > end) {
        item.note = 'unreadable';
        return;
      }
      at = length.next + length.value;
      if ('pack' in of) {
        const fields = readPack(of.pack, bytes, length.next, at, depth + 1);
        if (fields) elements.push(fields);
        else item.note = 'unreadable';
      } else {
        const { items, whole } = readItems(bytes, length.next, at, of.table(), depth + 1);
        elements.push({ items });
        if (!whole) item.note = 'unreadable';
      }
    }
  };
}

function packReader(pack: Pack, unwrap: boolean): Reader {
  return (item, bytes, start, end, depth) => {
    if (end === start) {
      item.value = null;
      item.note = 'no longer known';
      return;
    }
    const fields = depth < klvBudget.depth ? readPack(pack, bytes, start, end, depth + 1) : null;
    item.value = fields && unwrap ? (fields[''] as Value) : fields;
    if (!fields) item.note = depth < klvBudget.depth ? 'unreadable' : 'too deep';
  };
}

export function readerOf(coding: Coding): Reader {
  switch (coding.kind) {
    case 'unsigned':
    case 'signed':
      return integerReader(coding);
    case 'linear':
      return linearReader(coding);
    case 'symmetric':
      return symmetricReader(coding);
    case 'imapb':
      return imapbReader(coding);
    case 'float':
      return floatReader;
    case 'text':
      return remembering(readText);
    case 'utf16':
      return utf16Reader;
    case 'uuid':
      return uuidReader;
    case 'set':
      return remembering(setReader(coding));
    case 'series':
      return seriesReader(coding);
    case 'pack':
      return remembering(packReader(coding.pack, false));
    case 'field':
      return remembering(packReader([['', coding.field]], true));
    case 'raw':
      return rawReader;
  }
}
