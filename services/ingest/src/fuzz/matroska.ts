// Matroska files with elements that lie (RFC 8794, RFC 9559): the sizes around a change are renewed.
import { severally } from './bytes.js';
import type { Random } from './random.js';

interface Element {
  id: string;
  body: Buffer;
  elements: Element[] | null;
  /** Its size as it stands before it, where that is a lie. */
  size: Buffer | null;
}

/** Segment, SeekHead and Seek, Info, Tracks, TrackEntry, Video, Audio, Cluster, BlockGroup, Cues, CuePoint, its positions, Tags. */
const holders = ['18538067', '114d9b74', '4dbb', '1549a966', '1654ae6b', 'ae', 'e0', 'e1', '1f43b675', 'a0', '1c53bb6b', 'bb', 'b7', '1254c367']; // prettier-ignore
const blocks = ['a3', 'a1'];
const otherIds = ['ec', 'e7', '9b', '2ad7b1', '6d80', '5034', '5035', 'ee', 'a5', 'fb', 'af', ...holders, ...blocks] as const; // prettier-ignore

/** Bytes of a number that tells its own length; 0 for one that does not. */
const lengthAt = (bytes: Buffer, at: number): number => Math.clz32(bytes[at] ?? 0) - 24 + 1;

function sizeAt(bytes: Buffer, at: number, length: number): number {
  let value = (bytes[at] ?? 0) & (0xff >> length);
  let unknown = value === 0xff >> length;
  for (let index = 1; index < length; index++) {
    value = value * 256 + (bytes[at + index] ?? 0);
    unknown &&= bytes[at + index] === 0xff;
  }
  return unknown ? Infinity : value;
}

function read(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const idBytes = lengthAt(bytes, at);
    const sizeBytes = lengthAt(bytes, at + idBytes);
    const start = at + idBytes + sizeBytes;
    if (idBytes > 4 || sizeBytes > 8 || start > bytes.length) break;
    const id = bytes.toString('hex', at, at + idBytes);
    const end = Math.min(bytes.length, start + sizeAt(bytes, at + idBytes, sizeBytes));
    const body = Buffer.from(bytes.subarray(start, end));
    elements.push({ id, body, elements: holders.includes(id) ? read(body) : null, size: null });
    at = end;
  }
  return elements;
}

function sizeOf(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value) | (1n << 56n));
  return bytes;
}

const write = (elements: readonly Element[]): Buffer =>
  Buffer.concat(
    elements.map(({ id, body, elements: inner, size }) => {
      const content = inner ? write(inner) : body;
      return Buffer.concat([Buffer.from(id, 'hex'), size ?? sizeOf(content.length), content]);
    }),
  );

const all = (elements: readonly Element[]): Element[] =>
  elements.flatMap((element) => [element, ...(element.elements ? all(element.elements) : [])]);
const lists = (elements: Element[]): Element[][] => [
  elements,
  ...elements.flatMap((element) => (element.elements ? lists(element.elements) : [])),
];

/** Numbers are as long as they like, up to 8 bytes. */
function changeValue(element: Element, random: Random): void {
  const { body } = element;
  if (random.chance(0.3)) {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(random.edge());
    bytes.writeUInt32BE(random.edge(), 4);
    element.body = bytes.subarray(random.below(9));
  } else if (body.length > 0) body[random.below(body.length)] = random.of([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
}

/** Track, time, flags with their lacing, and what the lacing says of its frames (RFC 9559, clauses 10.1 and 10.3). */
function changeBlock({ body }: Element, random: Random): void {
  if (body.length < 8) return;
  switch (random.below(4)) {
    case 0:
      body[0] = 0x80 | random.of([0, 1, 2, 3, 127]);
      break;
    case 1:
      body.writeUInt16BE(random.edge() & 0xffff, 1);
      break;
    case 2:
      body[3] = random.of([0x00, 0x02, 0x04, 0x06, 0x86, 0xff]);
      break;
    default:
      body[3] = (body[3] ?? 0) | random.of([0x02, 0x04, 0x06]);
      for (let at = 4; at < 8; at++) body[at] = random.below(256);
  }
}

function lie(element: Element, random: Random): void {
  const length = random.between(1, 8);
  element.size = random.chance(0.4)
    ? Buffer.from([0xff >> (length - 1), ...Array<number>(length - 1).fill(0xff)])
    : Buffer.from([random.below(256), ...Array.from({ length: length - 1 }, () => random.below(256))]);
}

function rearrange(elements: Element[], random: Random): void {
  const at = random.below(elements.length);
  const element = elements[at];
  if (!element) return;
  switch (random.below(5)) {
    case 0:
      elements.splice(at, 1);
      break;
    case 1:
      elements.splice(at, 0, element);
      break;
    case 2:
      elements.splice(random.below(elements.length), 0, ...elements.splice(at, 1));
      break;
    case 3: {
      let nest = element;
      for (let depth = random.of([1, 10, 200]); depth > 0; depth--)
        nest = { id: element.id, body: Buffer.alloc(0), elements: [nest], size: null };
      elements[at] = nest;
      break;
    }
    default:
      element.id = random.of(otherIds);
  }
}

export const mutateMatroska = severally((bytes, random) => {
  const elements = read(bytes);
  const every = all(elements);
  const any = random.oneOf(every);
  const block = random.oneOf(every.filter(({ id }) => blocks.includes(id)));
  const value = random.oneOf(
    every.filter(({ body, elements: inner }) => !inner && body.length > 0 && body.length <= 16),
  );
  switch (random.below(6)) {
    case 0:
      rearrange(random.oneOf(lists(elements)) ?? elements, random);
      break;
    case 1:
      if (any) lie(any, random);
      break;
    case 2:
    case 3:
      if (block) changeBlock(block, random);
      break;
    default:
      if (value) changeValue(value, random);
  }
  return write(elements);
});
