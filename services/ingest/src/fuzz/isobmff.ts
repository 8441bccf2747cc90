// MP4 and MOV files with boxes that lie (ISO/IEC 14496-12): the sizes around a change are renewed, so that the reader comes to
// the place where the lie is.
import { severally } from './bytes.js';
import type { Random } from './random.js';

/** A box, or an element: what stands before its content is written anew. */
interface Box {
  type: string;
  /** Of a box that holds no others. */
  body: Buffer;
  boxes: Box[] | null;
  /** What its header says, where that is a lie. */
  says: { size: number; extended: bigint | null } | null;
}

const holders = ['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'dinf', 'udta', 'mvex', 'moof', 'traf', 'mfra'];
/** Boxes in whose numbers the readers believe. */
const tables = ['stts', 'ctts', 'stsc', 'stsz', 'stco', 'co64', 'stss', 'elst', 'trun', 'tfhd', 'tfdt', 'trex', 'tkhd', 'mdhd', 'mvhd', 'stsd', 'hdlr', 'sidx']; // prettier-ignore
const otherTypes = ['moov', 'trak', 'stbl', 'stsz', 'stz2', 'co64', 'mdat', 'free', 'uuid', 'meta', 'moof', 'traf', 'trun', 'emsg', 'cmov', 'tmcd'] as const; // prettier-ignore

function read(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const end = size < 8 ? bytes.length : Math.min(bytes.length, at + size);
    const body = bytes.subarray(at + 8, end);
    boxes.push(holders.includes(type) ? { type, body: Buffer.alloc(0), boxes: read(body), says: null } : { type, body: Buffer.from(body), boxes: null, says: null }); // prettier-ignore
    at = end;
  }
  return boxes;
}

function write(boxes: readonly Box[]): Buffer {
  return Buffer.concat(
    boxes.map(({ type, body, boxes: inner, says }) => {
      const content = inner ? write(inner) : body;
      const extended = says?.extended ?? null;
      const head = Buffer.alloc(extended === null ? 8 : 16);
      head.writeUInt32BE(says ? says.size : head.length + content.length);
      head.write(type, 4, 'latin1');
      if (extended !== null) head.writeBigUInt64BE(extended, 8);
      return Buffer.concat([head, content]);
    }),
  );
}

const all = (boxes: readonly Box[]): Box[] => boxes.flatMap((box) => [box, ...(box.boxes ? all(box.boxes) : [])]);
const lists = (boxes: Box[]): Box[][] => [boxes, ...boxes.flatMap((box) => (box.boxes ? lists(box.boxes) : []))];

/** A word of a table: its count, an entry, or anything between. */
function changeWord({ body }: Box, random: Random): void {
  if (body.length < 4) return;
  const words = Math.floor(body.length / 4);
  const word = random.chance(0.3) ? Math.min(1, words - 1) : random.below(words);
  const before = body.readUInt32BE(4 * word);
  const value = random.chance(0.3) ? before + random.between(-3, 3) : random.edge();
  body.writeUInt32BE(value >>> 0, 4 * word);
}

/** A table that is shorter or longer than it says. */
function resize(box: Box, random: Random): void {
  const { body } = box;
  box.body = random.chance(0.5)
    ? body.subarray(0, random.below(body.length + 1))
    : Buffer.concat([body, Buffer.alloc(random.below(5000), random.below(256))]);
}

function lie(box: Box, random: Random): void {
  box.says = random.chance(0.5)
    ? { size: random.edge(), extended: null }
    : { size: 1, extended: (BigInt(random.edge()) << 32n) | BigInt(random.edge()) };
}

function rearrange(boxes: Box[], random: Random): void {
  const at = random.below(boxes.length);
  const box = boxes[at];
  if (!box) return;
  switch (random.below(5)) {
    case 0:
      boxes.splice(at, 1);
      break;
    case 1:
      boxes.splice(at, 0, box);
      break;
    case 2:
      boxes.splice(random.below(boxes.length), 0, ...boxes.splice(at, 1));
      break;
    case 3: {
      let nest = box;
      for (let depth = random.of([1, 10, 300]); depth > 0; depth--)
        nest = { type: box.type, body: Buffer.alloc(0), boxes: [nest], says: null };
      boxes[at] = nest;
      break;
    }
    default:
      box.type = random.of(otherTypes);
  }
}

export const mutateIsobmff = severally((bytes, random) => {
  const boxes = read(bytes);
  const every = all(boxes);
  const named = every.filter(({ type }) => tables.includes(type));
  const any = random.oneOf(every);
  switch (random.below(8)) {
    case 0:
      rearrange(random.oneOf(lists(boxes)) ?? boxes, random);
      break;
    case 1:
      if (any) lie(any, random);
      break;
    case 2: {
      const table = random.oneOf(named);
      if (table) resize(table, random);
      break;
    }
    default: {
      const table = random.oneOf(named);
      for (let count = random.of([1, 1, 4]); table && count > 0; count--) changeWord(table, random);
    }
  }
  return write(boxes);
});
