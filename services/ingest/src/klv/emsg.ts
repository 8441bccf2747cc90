// KLV in CMAF: event message boxes (ISO/IEC 23009-1 clause 5.10.3.3, version 1) as MISB ST 1910.1 wants them. hls.js gives
// them to a page with `enableEmsgKLVMetadata`.
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

export const klvScheme = 'urn:misb:KLV:bin:1910.1';
/** Ticks of a second, as in the media's own boxes. */
const timescale = 90_000;
const unknownDuration = 0xffff_ffff;

export interface KlvEvent {
  /** On the media timeline, seconds. */
  time: number;
  /** One whole packet. */
  bytes: Buffer;
}

/** `id` is different for each event of a layer, and the same for the same event in each rendition. */
export function emsgBox({ time, bytes }: KlvEvent, id: number): Buffer {
  const scheme = Buffer.from(`${klvScheme}\0`, 'latin1');
  const value = Buffer.from('\0');
  const head = Buffer.alloc(32);
  head.writeUInt32BE(head.length + scheme.length + value.length + bytes.length, 0);
  head.write('emsg', 4, 'latin1');
  head.writeUInt32BE(0x0100_0000, 8);
  head.writeUInt32BE(timescale, 12);
  head.writeBigUInt64BE(BigInt(Math.max(0, Math.round(time * timescale))), 16);
  head.writeUInt32BE(unknownDuration, 24);
  head.writeUInt32BE(id >>> 0, 28);
  return Buffer.concat([head, scheme, value, bytes]);
}

/**
 * Puts the boxes of a file before a segment's own, in place of those that an earlier try has put there. They belong before
 * the first moof (ISO/IEC 23000-19 clause 7.4.5).
 */
export async function prependBoxes(path: string, boxes: string): Promise<void> {
  const passing = `${path}.tmp`;
  const start = await endOfEvents(path);
  await pipeline(createReadStream(boxes), createWriteStream(passing));
  await pipeline(createReadStream(path, { start, highWaterMark: 1024 * 1024 }), createWriteStream(passing, { flags: 'a' }));
  await rename(passing, path);
} // prettier-ignore

/** Where the boxes of events at the beginning of a segment end. */
async function endOfEvents(path: string): Promise<number> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(8);
    for (let at = 0; ;) {
      const { bytesRead } = await file.read(head, 0, head.length, at);
      if (bytesRead < head.length || head.toString('latin1', 4) !== 'emsg') return at;
      at += Math.max(head.length, head.readUInt32BE(0));
    }
  } finally {
    await file.close();
  }
}
