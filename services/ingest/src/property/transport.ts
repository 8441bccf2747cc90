// The clock of one program of a transport stream, moved against those of the others.
import { ptsWrap } from '../mpegts/pes.js';

const packetBytes = 188;

/** A time stamp as five bytes with marker bits (ISO/IEC 13818-1 clause 2.4.3.6); what stands before it in its first byte stays. */
function moveStamp(stream: Buffer, at: number, ticks: number): void {
  const [first = 0] = stream.subarray(at);
  const high = (first >> 1) & 7;
  const time = high * 2 ** 30 + (stream.readUInt16BE(at + 1) >> 1) * 2 ** 15 + (stream.readUInt16BE(at + 3) >> 1);
  const moved = (((time + ticks) % ptsWrap) + ptsWrap) % ptsWrap;
  stream[at] = (first & 0xf0) | (Math.floor(moved / 2 ** 30) << 1) | 1;
  stream.writeUInt16BE((Math.floor(moved / 2 ** 15) & 0x7fff) * 2 + 1, at + 1);
  stream.writeUInt16BE((moved & 0x7fff) * 2 + 1, at + 3);
}

/** The 33 bits of a program clock reference that count 90 kHz (clause 2.4.3.4). */
function moveReference(stream: Buffer, at: number, ticks: number): void {
  const time = stream.readUInt32BE(at) * 2 + ((stream[at + 4] ?? 0) >> 7);
  const moved = (((time + ticks) % ptsWrap) + ptsWrap) % ptsWrap;
  stream.writeUInt32BE(Math.floor(moved / 2), at);
  stream[at + 4] = ((stream[at + 4] ?? 0) & 0x7f) | ((moved % 2) << 7);
}

/** Whole packets; those of the PIDs get `seconds` more in all their times. */
export function addToClocks(stream: Buffer, pids: readonly number[], seconds: number): Buffer {
  const ticks = Math.round(seconds * 90_000);
  for (let at = 0; at + packetBytes <= stream.length; at += packetBytes) {
    if (!pids.includes(stream.readUInt16BE(at + 1) & 0x1fff)) continue;
    const adaptation = ((stream[at + 3] ?? 0) & 0x20) !== 0 ? 1 + (stream[at + 4] ?? 0) : 0;
    if (adaptation > 1 && ((stream[at + 5] ?? 0) & 0x10) !== 0) moveReference(stream, at + 6, ticks);
    if (((stream[at + 1] ?? 0) & 0x40) === 0) continue;
    const pes = at + 4 + adaptation;
    const flags = (stream[pes + 7] ?? 0) >> 6;
    if ((flags & 2) !== 0) moveStamp(stream, pes + 9, ticks);
    if (flags === 3) moveStamp(stream, pes + 14, ticks);
  }
  return stream;
}
