// Packs: fields in a fixed order, without tags (SMPTE ST 336 "floating-length pack"). Each field reads and writes itself.
import { readLength, readTag, writeLength, writeTag } from './ber.js';
import type { Names } from './coding.js';
import { withoutPadding } from './padding.js';
import { readItems } from './set.js';
import { mappingsOf, readImapb, writeImapb } from './st1201.js';
import type { Table } from './table.js';
import { uuidBytes, uuidText } from './uuid.js';

export interface FieldRead {
  value: unknown;
  next: number;
}

export interface Field {
  /** Null when the bytes are no such field. */
  read(bytes: Buffer, at: number, end: number, depth: number): FieldRead | null;
  write(value: unknown): Buffer;
}

/** Names and fields; those that the bytes do not reach are null, or what the standard says for then. */
export type Pack = readonly (readonly [name: string, field: Field, otherwise?: number])[];

/** Null when a field cannot be read. */
export function readPack(
  pack: Pack,
  bytes: Buffer,
  start: number,
  end: number,
  depth: number,
): Record<string, unknown> | null {
  const fields: Record<string, unknown> = {};
  let at = start;
  for (const [name, field, otherwise = null] of pack) {
    fields[name] = otherwise;
    if (at >= end) continue;
    const read = field.read(bytes, at, end, depth);
    if (!read || read.next > end) return null;
    fields[name] = read.value;
    at = read.next;
  }
  return at === end ? fields : null;
}

/** Up to the last field that is there. */
export function writePack(pack: Pack, fields: Readonly<Record<string, unknown>>): Buffer {
  const known = pack.map(([name]) => fields[name] !== null && fields[name] !== undefined);
  return Buffer.concat(
    pack.slice(0, known.lastIndexOf(true) + 1).map(([name, field]) => field.write(fields[name] ?? null)),
  );
}

export interface Named {
  value: number;
  meaning: string | null;
}

const whole = (value: unknown): number => Number((value as Partial<Named> | null)?.value ?? value ?? 0);
const withName = (value: number, names: Names | undefined): number | Named =>
  names ? { value, meaning: names[value] ?? null } : value;

function integer(bytes: Buffer, at: number, size: number, isSigned: boolean): number {
  let value = 0;
  for (let index = at; index < at + size; index++) value = value * 256 + (bytes[index] ?? 0);
  return isSigned && (bytes[at] ?? 0) >= 0x80 ? value - 2 ** (8 * size) : value;
}

function integerBytes(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let rest = BigInt.asUintN(8 * size, BigInt(Math.trunc(value)));
  for (let at = size - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

const integerField = (size: number, isSigned: boolean, names?: Names): Field => ({
  read: (bytes, at, end) =>
    at + size <= end ? { value: withName(integer(bytes, at, size, isSigned), names), next: at + size } : null,
  write: (value) => integerBytes(whole(value), size),
});
export const uint = (size: number, names?: Names): Field => integerField(size, false, names);
export const int = (size: number): Field => integerField(size, true);

/** BER-OID. */
export const oid = (names?: Names): Field => ({
  read: (bytes, at, end) => {
    const read = readTag(bytes, at, end);
    return read && { value: withName(read.value, names), next: read.next };
  },
  write: (value) => writeTag(whole(value)),
});

export const imapbField = (size: number, low: number, high: number): Field => {
  const mappings = mappingsOf(low, high);
  return {
    read: (bytes, at, end) =>
      at + size <= end ? { value: readImapb(bytes, at, at + size, mappings), next: at + size } : null,
    write: (value) => writeImapb(Number(value), low, high, size),
  };
};

/** An unsigned integer over the whole range. */
export const linearField = (size: number, low: number, high: number): Field => {
  const steps = 2 ** (8 * size) - 1;
  return {
    read: (bytes, at, end) =>
      at + size <= end
        ? { value: low + (integer(bytes, at, size, false) * (high - low)) / steps, next: at + size }
        : null,
    write: (value) => integerBytes(Math.round(((Number(value) - low) / (high - low)) * steps), size),
  };
};

/** Two's complement scaled to a limit; the most negative integer means "no value" (ST 0601 section 6). */
export const symmetricField = (size: number, limit: number): Field => {
  const half = 2 ** (8 * size - 1);
  return {
    read: (bytes, at, end) => {
      if (at + size > end) return null;
      const value = integer(bytes, at, size, true);
      return { value: value === -half ? null : (value * limit) / (half - 1), next: at + size };
    },
    write: (value) => integerBytes(value === null ? -half : Math.round((Number(value) / limit) * (half - 1)), size),
  };
};

export const float32: Field = {
  read: (bytes, at, end) => (at + 4 <= end ? { value: bytes.readFloatBE(at), next: at + 4 } : null),
  write: (value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatBE(Number(value));
    return bytes;
  },
};

/** All that is left, as UTF-8. */
export const restText: Field = {
  read: (bytes, at, end) => ({ value: withoutPadding(bytes.toString('utf8', at, end)), next: end }),
  write: (value) => Buffer.from(String(value)),
};

export const restHex: Field = {
  read: (bytes, at, end) => ({ value: bytes.toString('hex', at, end), next: end }),
  write: (value) => Buffer.from(String(value), 'hex'),
};

export const uuidField: Field = {
  read: (bytes, at, end) => (at + 16 <= end ? { value: uuidText(bytes, at), next: at + 16 } : null),
  write: (value) => uuidBytes(String(value)),
};

/** A BER length before another field; a length of zero: null. */
export const sized = (inner: Field): Field => ({
  read: (bytes, at, end, depth) => {
    const length = readLength(bytes, at, end);
    const next = length ? length.next + length.value : Infinity;
    if (!length || next > end) return null;
    if (length.value === 0) return { value: null, next };
    const read = inner.read(bytes, length.next, next, depth);
    return read?.next === next ? { value: read.value, next } : null;
  },
  write: (value) => {
    if (value === null || value === undefined) return Buffer.from([0]);
    const bytes = inner.write(value);
    return Buffer.concat([writeLength(bytes.length), bytes]);
  },
});

/** An unsigned integer that fills what its length gives it. */
export const restUint = (names?: Names): Field => ({
  read: (bytes, at, end) =>
    end - at <= 6 ? { value: withName(integer(bytes, at, end - at, false), names), next: end } : null,
  write: (value) => {
    const number = whole(value);
    return integerBytes(number, Math.max(1, Math.ceil(Math.log2(number + 1) / 8)));
  },
});

/** The same field again and again, to the end. */
export const list = (inner: Field): Field => ({
  read: (bytes, at, end, depth) => {
    const values: unknown[] = [];
    for (let from = at; from < end;) {
      const read = inner.read(bytes, from, end, depth);
      if (!read || read.next <= from) return null;
      values.push(read.value);
      from = read.next;
    }
    return { value: values, next: end };
  },
  write: (value) => Buffer.concat((value as readonly unknown[]).map((one) => inner.write(one))),
});

/** Fields in fields; takes all that is left. */
export const fieldsOf = (pack: Pack): Field => ({
  read: (bytes, at, end, depth) => {
    const fields = readPack(pack, bytes, at, end, depth);
    return fields && { value: fields, next: end };
  },
  write: (value) => writePack(pack, value as Record<string, unknown>),
});

/** A local set that takes all that is left. It is read only: sets are written by encode.ts. */
export const restSet = (table: () => Table, write: (value: unknown) => Buffer): Field => ({
  read: (bytes, at, end, depth) => {
    const { items, whole: complete } = readItems(bytes, at, end, table(), depth);
    return complete ? { value: items, next: end } : null;
  },
  write,
});

/** Numbers of the bits that are set, from the lowest on, over all bytes that are left. */
export const bitNumbers = (names?: Names): Field => ({
  read: (bytes, at, end) => {
    const set: (number | Named)[] = [];
    for (let bit = 0; bit < 8 * (end - at); bit++)
      if ((((bytes[end - 1 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 1) set.push(withName(bit, names));
    return { value: set, next: end };
  },
  write: (value) => {
    const bits = (value as readonly unknown[]).map(whole);
    const bytes = Buffer.alloc(Math.max(1, Math.ceil((Math.max(-1, ...bits) + 1) / 8)));
    for (const bit of bits) {
      const at = bytes.length - 1 - (bit >> 3);
      bytes[at] = (bytes[at] ?? 0) | (1 << (bit & 7));
    }
    return bytes;
  },
});
