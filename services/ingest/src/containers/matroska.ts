// Tracks of metadata in Matroska files (RFC 9559): what they hold is decided by their blocks. Bounded: payloads of pictures
// and sound are stepped over.
import { containerBudget } from '../budgets.js';
import { nextTurn, Turns } from '../turns.js';
import { pictureBytes, type FileReader, type Sample, type Wanted } from './file.js';

const id = {
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codec: 0x86,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
} as const;

/** Elements that are entered; all others are values, or stepped over. */
const masters: readonly number[] = [id.segment, id.info, id.tracks, id.trackEntry, id.cluster, id.blockGroup];
/** Track types (RFC 9559 section 5.1.4.1.3). */
const pictureType = 1;
const soundType = 2;
const longestHead = 12;
const longestCodec = 64;
const unknownSize = Infinity;

/** A number of EBML's own form (RFC 8794 section 4); `marked` keeps the bit that says its length, as identifiers do. */
function readVint(bytes: Buffer, at: number, marked: boolean): { value: number; length: number } | null {
  const first = bytes[at];
  if (first === undefined || first === 0) return null;
  const length = Math.clz32(first) - 23;
  if (at + length > bytes.length) return null;
  let value = marked ? first : first & (0xff >> length);
  let all = (first & (0xff >> length)) === 0xff >> length;
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    value = value * 256 + byte;
    all &&= byte === 0xff;
  }
  return { value: !marked && all ? unknownSize : value, length };
}

const readNumber = (bytes: Buffer): number => (bytes.length > 0 && bytes.length <= 6 ? bytes.readUIntBE(0, bytes.length) : Number(bytes.length === 8 ? bytes.readBigUInt64BE() : 0)); // prettier-ignore

/** Bytes of the head of a laced block (RFC 9559 section 10.3): after it the frames lie one after the other. */
function laceHead(bytes: Buffer, flags: number): number {
  const lacing = (flags >> 1) & 3;
  if (lacing === 0) return 0;
  let at = 1;
  // Of the last frame no size is told; where all are of one size (2), of none.
  for (let sizes = lacing === 2 ? 0 : (bytes[0] ?? 0); sizes > 0; sizes--) {
    if (lacing === 1) while (bytes[at++] === 255);
    else at += readVint(bytes, at, true)?.length ?? 0;
  }
  return at;
}

/**
 * Blocks of all tracks but sound, in the order of the file; of pictures the first bytes, as long as they are wanted. The
 * frames of a laced block come as one sample: they begin together, and what reads packets needs no borders.
 */
export async function* matroskaSamples(file: FileReader, wanted: Wanted): AsyncGenerator<Sample> {
  const tracks = new Map<number, { picture: boolean; format: string }>();
  let scale = 1_000_000;
  let cluster = 0;
  let entry = { number: 0, type: 0, format: '' };
  const turns = new Turns();
  for (let at = 0, elements = 0; at < file.size && elements < containerBudget.elements; elements++) {
    if (turns.due) await nextTurn();
    const head = await file.read(at, longestHead);
    const name = readVint(head, 0, true);
    const size = name && readVint(head, name.length, false);
    if (!name || !size) return;
    const start = at + name.length + size.length;
    if (masters.includes(name.value)) {
      if (name.value === id.trackEntry) entry = { number: 0, type: 0, format: '' };
      at = start;
      continue;
    }
    if (!Number.isFinite(size.value) || start + size.value > file.size) return;
    const end = start + size.value;
    const short = size.value <= 8;
    if (name.value === id.simpleBlock || name.value === id.block) {
      const blockHead = Buffer.from(await file.read(start, Math.min(longestHead, size.value)));
      const track = readVint(blockHead, 0, false);
      const known = track && tracks.get(track.value);
      if (known && blockHead.length >= track.length + 3) {
        const { picture, format } = known;
        const time = ((cluster + blockHead.readInt16BE(track.length)) * scale) / 1e9;
        const [from, length] = [start + track.length + 3, size.value - track.length - 3];
        if (picture && wanted.pictures)
          yield {
            track: track.value,
            picture,
            format,
            bytes: await file.peek(from, Math.min(length, pictureBytes)),
            time,
          };
        else if (!picture && !wanted.without.has(track.value) && size.value <= containerBudget.longestSample) {
          const bytes = Buffer.from(await file.read(from, length));
          const head = laceHead(bytes, blockHead[track.length + 2] ?? 0);
          yield { track: track.value, picture, format, bytes: bytes.subarray(head), time };
        }
      }
    } else if (short && name.value === id.timestampScale) scale = readNumber(await file.read(start, size.value));
    else if (short && name.value === id.timestamp) cluster = readNumber(await file.read(start, size.value));
    else if (
      (short && (name.value === id.trackNumber || name.value === id.trackType)) ||
      (name.value === id.codec && size.value <= longestCodec)
    ) {
      const bytes = await file.read(start, size.value);
      if (name.value === id.trackNumber) entry.number = readNumber(bytes);
      else if (name.value === id.trackType) entry.type = readNumber(bytes);
      else entry.format = bytes.toString('latin1');
      const known = tracks.has(entry.number) || tracks.size < containerBudget.tracks;
      if (known && entry.number > 0 && entry.type > 0 && entry.type !== soundType)
        tracks.set(entry.number, { picture: entry.type === pictureType, format: entry.format });
    }
    at = end;
  }
}
