// KLV in MPEG-TS (MISB ST 1402): bare packets or metadata AU cells (ISO/IEC 13818-1 clause 2.12.4), decided by what is
// there and not by what the stream type promises: both are mislabelled in the field.
import { cellHeader, fragmentOf } from './cell.js';
import { Framer } from './framing.js';
import { labelStart } from './label.js';
import { repair, type Repair } from './repair.js';

export interface FramedPacket {
  bytes: Buffer;
  /** 33-bit PTS of the PES in which it began; null when that has none. */
  pts: number | null;
  /** PTS of the video before it in the multiplex. */
  videoPts: number | null;
  repaired?: Repair;
}

/** The payload of a PES packet, or a sample of a track. */
export interface Piece {
  payload: Buffer;
  /** 33 bits of 90 kHz; null when there is none. */
  pts: number | null;
  /** Of the video before it in the multiplex. */
  videoPts: number | null;
  /** Bytes were lost inside of it. */
  broken: boolean;
}

interface Clock {
  pts: number | null;
  videoPts: number | null;
}

/** Whether a first piece is one of telemetry. */
export const beginsTelemetry = (payload: Buffer): boolean =>
  startsPacket(payload, 0) || startsPacket(payload, cellHeader) || repair(payload) !== null;

const startsPacket = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(at, at + labelStart.length).equals(labelStart);

/** The payload is a chain of cells that ends where the payload does. */
function isCellChain(payload: Buffer): boolean {
  let at = 0;
  while (at + cellHeader <= payload.length) at += cellHeader + payload.readUInt16BE(at + 3);
  return at === payload.length && at > 0;
}

/** One KLV PID, or one track. */
export class CarriageReader {
  readonly framer = new Framer();
  /** Jumps of the cells' sequence numbers. */
  sequenceErrors = 0;
  private cells: boolean | null = null;
  /** Bytes of the last cell that its PES did not hold: they come in the next one. */
  private cellLeft = 0;
  private sequence: number | null = null;
  private began: Clock = { pts: null, videoPts: null };

  push({ payload, pts, videoPts, broken }: Piece): FramedPacket[] {
    const clock: Clock = { pts, videoPts };
    const found = this.usesCells(payload) ? this.pushCells(payload, clock) : this.pushBare(payload, clock);
    if (broken) found.push(...this.lose());
    return found;
  }

  /** There was loss, or this is the end: what waits is not completed any more. */
  lose(): FramedPacket[] {
    this.cellLeft = 0;
    return this.framer.flush().map((bytes) => ({ bytes, ...this.began }));
  }

  private usesCells(payload: Buffer): boolean {
    if (startsPacket(payload, 0)) this.cells = false;
    else if (startsPacket(payload, cellHeader) && !this.framer.waiting) this.cells = true;
    else this.cells ??= isCellChain(payload);
    return this.cells;
  }

  private pushBare(payload: Buffer, clock: Clock): FramedPacket[] {
    this.cellLeft = 0;
    const mended = this.framer.waiting ? null : repair(payload);
    if (mended) return [{ bytes: mended.bytes, repaired: mended.how, ...clock }];
    // A key at the beginning while a packet waits: the rest of that one was lost.
    const lost = this.framer.waiting && startsPacket(payload, 0) ? this.lose() : [];
    return [...lost, ...this.frame(payload, clock)];
  }

  private pushCells(payload: Buffer, clock: Clock): FramedPacket[] {
    const found: FramedPacket[] = [];
    let at = this.restOfCell(payload);
    if (at > 0) found.push(...this.frame(payload.subarray(0, at), clock));
    while (at + cellHeader <= payload.length) {
      const sequence = payload[at + 1] ?? 0;
      if (this.sequence !== null && sequence !== ((this.sequence + 1) & 0xff)) this.sequenceErrors++;
      this.sequence = sequence;
      const fragment = fragmentOf(payload, at);
      const promised = at + cellHeader + payload.readUInt16BE(at + 3);
      const end = Math.min(promised, payload.length);
      if ((fragment === 3 || fragment === 2) && this.framer.waiting && startsPacket(payload, at + cellHeader)) {
        found.push(...this.lose());
      }
      found.push(...this.frame(payload.subarray(at + cellHeader, end), clock));
      this.cellLeft = promised - end;
      at = end;
    }
    return found;
  }

  /** How many bytes at the beginning still belong to the last cell; none where new cells begin, whatever that one said. */
  private restOfCell(payload: Buffer): number {
    const { cellLeft } = this;
    this.cellLeft = 0;
    if (cellLeft === 0 || startsPacket(payload, cellHeader) || isCellChain(payload)) return 0;
    const end = Math.min(cellLeft, payload.length);
    this.cellLeft = cellLeft - end;
    return end;
  }

  /** The first packet that comes out began when the framer last was empty; those after it begin here. */
  private frame(bytes: Buffer, clock: Clock): FramedPacket[] {
    const carried = this.framer.waiting;
    const packets = this.framer.push(bytes);
    const framed = packets.map((packet, index) => ({
      bytes: packet,
      ...(carried && index === 0 ? this.began : clock),
    }));
    if (!carried || packets.length > 0) this.began = clock;
    return framed;
  }
}
