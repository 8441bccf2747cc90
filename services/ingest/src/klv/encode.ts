// Writing ST 0601 packets from the same table that reads them.
import { writeLength, writeTag } from './ber.js';
import { runningSum } from './checksum.js';
import { uasLabel } from './labels.js';
import { encodeImapb } from './st1201.js';
import { itemDefinition } from './st0601-table.js';

export type Encodable = number | bigint | string | Buffer;

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

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The value of an item as the table codes it; bytes stay as they are. Throws for a tag that the table does not know. */
export function encodeValue(tag: number, value: Encodable): Buffer {
  if (Buffer.isBuffer(value)) return value;
  const definition = itemDefinition(tag);
  if (!definition) throw new Error(`ST 0601 has no item ${tag}`);
  const { coding } = definition;
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  switch (coding.kind) {
    case 'unsigned':
    case 'signed':
      return integerBytes(BigInt(value), coding.longest > coding.length ? coding.longest : coding.length);
    case 'linear': {
      const steps = 2 ** (coding.length * 8) - 1;
      const whole = Math.round(((Number(value) - coding.low) / (coding.high - coding.low)) * steps);
      return integerBytes(BigInt(clamp(whole, 0, steps)), coding.length);
    }
    case 'symmetric': {
      const steps = 2 ** (coding.length * 8 - 1) - 1;
      return integerBytes(
        BigInt(clamp(Math.round((Number(value) / coding.limit) * steps), -steps, steps)),
        coding.length,
      );
    }
    case 'imapb':
      return encodeImapb(Number(value), coding.low, coding.high, Math.min(imapbBytes, coding.longest));
    case 'text':
    case 'raw':
      throw new Error(`item ${tag} takes text or bytes`);
  }
}

/** A whole packet: the items in their order (item 2 belongs first), and the checksum last. */
export function encodePacket(items: readonly (readonly [tag: number, value: Encodable])[]): Buffer {
  const parts = items.flatMap(([tag, value]) => {
    const bytes = encodeValue(tag, value);
    return [writeTag(tag), writeLength(bytes.length), bytes];
  });
  const checksumItem = Buffer.from([1, 2, 0, 0]);
  const size = parts.reduce((sum, part) => sum + part.length, 0) + checksumItem.length;
  const packet = Buffer.concat([uasLabel, writeLength(size), ...parts, checksumItem]);
  packet.writeUInt16BE(runningSum(packet, 0, packet.length - 2), packet.length - 2);
  return packet;
}
