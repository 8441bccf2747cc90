// KLV packets with items that lie (SMPTE ST 336, MISB ST 0601), and checksums that are right over them.
import { readLength, readTag, writeLength } from '../klv/ber.js';
import { runningSum } from '../klv/checksum.js';
import { labelStart } from '../klv/label.js';
import { severally } from './bytes.js';
import type { Random } from './random.js';

interface Item {
  tag: Buffer;
  /** As it stands before the value, where that is not the value's. */
  length: Buffer | null;
  value: Buffer;
}

const labelBytes = 16;

function itemsOf(body: Buffer): Item[] {
  const items: Item[] = [];
  for (let at = 0; at < body.length;) {
    const tag = readTag(body, at, body.length);
    const length = tag && readLength(body, tag.next, body.length);
    if (!tag || !length) break;
    const end = Math.min(body.length, length.next + length.value);
    items.push({ tag: body.subarray(at, tag.next), length: null, value: Buffer.from(body.subarray(length.next, end)) });
    at = end;
  }
  return items;
}

/** Short forms, long ones, longer than they need be, indefinite, and such as no number holds. */
const oddLength = (value: number, random: Random): Buffer =>
  random.of([
    Buffer.from([0x80]),
    Buffer.from([0x84, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xff]),
    Buffer.from([0x84, 0, 0, value >> 8, value & 0xff]),
    writeLength(value + random.between(-2, 5) + 2),
    writeLength(random.below(70_000)),
  ]);

function changeItems(items: Item[], random: Random): void {
  const at = random.below(items.length);
  const item = items[at];
  if (!item) return;
  switch (random.below(7)) {
    case 0:
      items.splice(at, random.between(1, 4));
      break;
    case 1:
      items.splice(at, 0, ...Array<Item>(random.of([1, 5, 2000])).fill(item));
      break;
    case 2:
      item.length = oddLength(item.value.length, random);
      break;
    case 3:
      // Tags of one byte, of several, and one without an end.
      item.tag = random.of([Buffer.from([random.below(128)]), Buffer.from([0x81, random.below(128)]), Buffer.from('8fffffff7f', 'hex'), Buffer.from('ffffffffff', 'hex')]); // prettier-ignore
      break;
    case 4:
      item.value = Buffer.alloc(random.of([0, 1, 3, 9, 300]), random.below(256));
      break;
    case 5:
      items.push(...items.splice(at, 1));
      break;
    default:
      for (let index = 0; index < item.value.length; index++) if (random.chance(0.5)) item.value[index] = random.of([0, 0x7f, 0x80, 0xff, random.below(256)]); // prettier-ignore
  }
}

function packetOf(label: Buffer, items: readonly Item[], random: Random): Buffer {
  const body = Buffer.concat(items.flatMap(({ tag, length, value }) => [tag, length ?? writeLength(value.length), value])); // prettier-ignore
  const length = random.chance(0.1) ? oddLength(body.length, random) : writeLength(body.length);
  const packet = Buffer.concat([label, length, body]);
  if (random.chance(0.8) && packet.length > 4)
    packet.writeUInt16BE(runningSum(packet, 0, packet.length - 2), packet.length - 2);
  return packet;
}

/** One packet; its label may become that of another kind of set. */
export function mutatePacket(packet: Buffer, random: Random): Buffer {
  const length = readLength(packet, labelBytes, packet.length);
  if (!length) return packet;
  const label = Buffer.from(packet.subarray(0, labelBytes));
  if (random.chance(0.1)) label[random.between(4, 15)] = random.below(32);
  const items = itemsOf(packet.subarray(length.next));
  for (let count = random.of([1, 1, 2, 5]); count > 0; count--) changeItems(items, random);
  return packetOf(label, items, random);
}

/** A file of packets: some of them changed, some lost, some doubled. */
export const mutateKlv = severally((bytes, random) => {
  const starts: number[] = [];
  for (let at = bytes.indexOf(labelStart); at >= 0; at = bytes.indexOf(labelStart, at + 1)) starts.push(at);
  const parts = starts.map((start, index) => bytes.subarray(start, starts[index + 1] ?? bytes.length));
  return Buffer.concat(
    parts.map((part) => {
      if (!random.chance(0.2)) return part;
      return random.chance(0.2)
        ? random.of([Buffer.alloc(0), Buffer.concat([part, part])])
        : mutatePacket(part, random);
    }),
  );
});
