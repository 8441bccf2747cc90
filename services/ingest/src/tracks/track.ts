// What a track of an MP4, MOV or Matroska file becomes: packets, whatever it holds.
import type { Sample } from '../containers/file.js';
import { encodePacket, type Encodable } from '../klv/encode.js';
import { clockRate } from '../klv/pieces.js';
import type { Repair } from '../klv/repair.js';
import { ptsWrap } from '../mpegts/pes.js';

export interface TrackPacket {
  bytes: Buffer;
  /** Of the container's clock, 33 bits of 90 kHz as in transport streams. */
  pts: number;
  /** What was undone before it could be read. */
  repaired?: Repair;
  /** What it was made from, where it did not come as a packet. */
  form?: string;
}

/** Why nothing of a track is taken. */
export type Reason = 'form unknown' | 'places unknown' | 'no fix';

export interface TrackReader {
  push(sample: Sample): TrackPacket[];
  end(): TrackPacket[];
  /** Null: all that it tells of places was taken. At the end. */
  readonly unread: Reason | null;
}

/** Item 65: the version of ST 0601 that the packets are written by. */
const version = 19;

export const packetOf = (items: readonly (readonly [tag: number, value: Encodable])[]): Buffer =>
  encodePacket([...items, [65, version]]);

export const ptsOf = (seconds: number): number => {
  const ticks = Math.round(seconds * clockRate) % ptsWrap;
  return ticks < 0 ? ticks + ptsWrap : ticks;
};
