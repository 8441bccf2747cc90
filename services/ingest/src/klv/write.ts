// From values to the bytes of items, by the same tables that read them.
import { writeLength, writeTag } from './ber.js';
import type { Coding } from './coding.js';
import { writePack } from './pack.js';
import { writeImapb } from './st1201.js';
import { tableFor, type Table } from './table.js';
import { uuidBytes } from './uuid.js';

/** Bytes stay as they are. Of what a decoder gives, anything may be handed back. */
export type Writable = number | bigint | string | Buffer | readonly unknown[] | object | null;

export interface WritableItem {
  tag?: number | undefined;
  value?: Writable | undefined;
}

/** Bytes an IMAPB item takes when nothing else is said: a few millimetres, a thousandth of a degree. */
const imapbBytes = 4;

function integerBytes(value: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** As few bytes as hold it, within what the coding allows. */
function shortestInteger(value: bigint, { kind, length, longest }: Coding & { kind: 'unsigned' | 'signed' }): Buffer {
  const kept = (bits: number): bigint =>
    kind === 'unsigned' ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
  let bytes = length;
  while (bytes < longest && kept(8 * bytes) !== value) bytes++;
  return integerBytes(value, bytes);
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

function elementBytes(
  of: { table: () => Table } | { pack: Parameters<typeof writePack>[0] },
  element: unknown,
): Buffer {
  if ('pack' in of) return writePack(of.pack, element as Record<string, unknown>);
  return writeItems(of.table(), (element as { items: readonly WritableItem[] }).items);
}

/** The bytes of an item's value. Throws a TypeError for a value that the coding cannot hold. */
export function writeValue(coding: Coding, value: Writable): Buffer {
  if (Buffer.isBuffer(value)) return value;
  // A value that is no longer known has no bytes (ST 0107).
  if (value === null && coding.kind !== 'symmetric' && coding.kind !== 'imapb') return Buffer.alloc(0);
  switch (coding.kind) {
    case 'unsigned':
    case 'signed':
      return shortestInteger(BigInt(value as number), coding);
    case 'linear': {
      const steps = 2 ** (coding.length * 8) - 1;
      const whole = Math.round(((Number(value) - coding.low) / (coding.high - coding.low)) * steps);
      return integerBytes(BigInt(clamp(whole, 0, steps)), coding.length);
    }
    case 'symmetric': {
      const steps = 2 ** (coding.length * 8 - 1) - 1;
      if (value === null) return integerBytes(BigInt(-steps - 1), coding.length);
      const whole = clamp(Math.round((Number(value) / coding.limit) * steps), -steps, steps);
      return integerBytes(BigInt(whole), coding.length);
    }
    case 'imapb': {
      const length = Math.min(imapbBytes, coding.longest);
      // Quiet not-a-number (ST 1201 table 3).
      if (value === null) return Buffer.concat([Buffer.from([0xd0]), Buffer.alloc(length - 1)]);
      return writeImapb(Number(value), coding.low, coding.high, length);
    }
    case 'float': {
      const bytes = Buffer.alloc(coding.length);
      if (coding.length === 4) bytes.writeFloatBE(Number(value));
      else bytes.writeDoubleBE(Number(value));
      return bytes;
    }
    case 'text':
      if (typeof value === 'string') return Buffer.from(value, 'utf8');
      break;
    case 'utf16':
      if (typeof value === 'string') return Buffer.from(value, 'utf16le').swap16();
      break;
    case 'uuid':
      if (typeof value === 'string') return uuidBytes(value);
      break;
    case 'set':
      if (Array.isArray(value)) return writeItems(coding.table(), value as readonly WritableItem[]);
      break;
    case 'series':
      if (Array.isArray(value)) {
        const elements = value.map((element) => elementBytes(coding.of, element));
        return Buffer.concat(elements.flatMap((bytes) => [writeLength(bytes.length), bytes]));
      }
      break;
    case 'pack':
      if (typeof value === 'object') return writePack(coding.pack, value as Record<string, unknown>);
      break;
    case 'field':
      return coding.field.write(value);
    case 'raw':
      break;
  }
  throw new TypeError(`a ${coding.kind} item does not take ${typeof value}`);
}

/** The bytes of one item: tag, length, value. Throws for a tag that the table does not know, unless it is given bytes. */
export function writeItem(table: Table, tag: number, value: Writable): Buffer {
  const definition = table.items[tag];
  if (!definition && !Buffer.isBuffer(value)) throw new TypeError(`${table.standard} has no item ${tag}`);
  const bytes = definition ? writeValue(definition.coding, value) : (value as Buffer);
  return Buffer.concat([writeTag(tag), writeLength(bytes.length), bytes]);
}

/** The bytes of a local set, without label and length. Items without a value are left out. */
export function writeItems(table: Table, items: readonly WritableItem[]): Buffer {
  const by = tableFor(table, items);
  return Buffer.concat(
    items.flatMap(({ tag, value }) => (tag === undefined || value === undefined ? [] : [writeItem(by, tag, value)])),
  );
}
