// Telemetry of a file: every packet of every KLV stream, in the order of the file, in constant memory.
import { createReadStream } from 'node:fs';
import { hevcStream, TransportReader, type KlvStream, type TransportReport } from '../mpegts/reader.js';
import { CarriageReader, type FramedPacket } from './carriage.js';
import { Framer } from './framing.js';
import { decodePacket, type KlvPacket } from './packet.js';
import type { Repair } from './repair.js';
import { VideoClock, type VideoTimes } from './st0604.js';
import type { TimeRule } from './time.js';

export type KlvContainer = 'mpegts' | 'klv';

export interface TimedPacket {
  packet: KlvPacket;
  /** The packet as it came. */
  bytes: Buffer;
  /** Number in the file, from 0. */
  i: number;
  pid?: number;
  /** 33-bit PTS of its own, as sent; absent when there is none. */
  pts?: number;
  /** PTS of the video before it in the multiplex; absent when there is none. */
  videoPts?: number;
  /** Seconds from the video's beginning, where the source counts so. */
  mediaTime?: number;
  /** By which rule that is known; absent where the source itself counts from there. */
  mediaRule?: TimeRule;
  /** What was undone before it could be read. */
  repaired?: Repair;
  /** Of what kind of file beside the video; all but `klv` were converted. */
  sidecar?: string;
}

export interface ReadReport {
  transport: TransportReport | null;
  junkBytes: number;
  truncated: number;
  sequenceErrors: number;
  /** Time stamps of ST 0604 in the video; null when there are none. */
  videoTimes: VideoTimes | null;
}

/** Whose word it is: a stream's, and there a kind of set's. */
export const speakerOf = ({ packet, pid, sidecar }: TimedPacket): string => `${pid ?? sidecar ?? ''} ${packet.kind}`;

/** What it was made from, where it did not come as a packet. */
export const convertedFrom = ({ sidecar }: TimedPacket): string | undefined =>
  sidecar === 'klv' ? undefined : sidecar;

/** Gives packets as bytes come in. */
export class KlvReader {
  private readonly carriages = new Map<number, CarriageReader>();
  private readonly ready: TimedPacket[] = [];
  private readonly raw: Framer | null;
  private readonly transport: TransportReader | null;
  private count = 0;

  constructor(container: KlvContainer) {
    this.raw = container === 'klv' ? new Framer() : null;
    this.transport =
      container === 'klv'
        ? null
        : new TransportReader(
            ({ stream: { pid }, header: { pts }, payload, videoPts, broken }) => {
              let carriage = this.carriages.get(pid);
              if (!carriage) this.carriages.set(pid, (carriage = new CarriageReader()));
              for (const packet of carriage.push({ payload, pts, videoPts, broken })) this.add(packet, pid);
            },
            (pid) => {
              for (const packet of this.carriages.get(pid)?.lose() ?? []) this.add(packet, pid);
            },
            (head, streamType) => this.videoClock.look(head, streamType === hevcStream),
          );
  }

  push(bytes: Buffer): TimedPacket[] {
    this.transport?.push(bytes);
    for (const packet of this.raw?.push(bytes) ?? []) this.add({ bytes: packet, pts: null, videoPts: null }, null);
    return this.ready.splice(0);
  }

  end(): TimedPacket[] {
    this.transport?.end();
    for (const [pid, carriage] of this.carriages) for (const packet of carriage.lose()) this.add(packet, pid);
    for (const packet of this.raw?.flush() ?? []) this.add({ bytes: packet, pts: null, videoPts: null }, null);
    return this.ready.splice(0);
  }

  /** Streams that were declared to carry KLV, or were found to. */
  get streams(): KlvStream[] {
    return (this.transport?.report.streams ?? []).filter((stream) => stream.declared || this.found.has(stream.pid));
  }

  get report(): ReadReport {
    const framers = this.raw
      ? [this.raw]
      : [...this.carriages].filter(([pid]) => this.found.has(pid)).map(([, carriage]) => carriage.framer);
    return {
      transport: this.transport?.report ?? null,
      junkBytes: framers.reduce((sum, framer) => sum + framer.report.junkBytes, 0),
      truncated: framers.reduce((sum, framer) => sum + framer.report.truncated, 0),
      sequenceErrors: [...this.carriages.values()].reduce((sum, carriage) => sum + carriage.sequenceErrors, 0),
      videoTimes: this.videoClock.times,
    };
  }

  private readonly found = new Set<number>();
  private readonly videoClock = new VideoClock();

  private add({ bytes, pts, videoPts, repaired }: FramedPacket, pid: number | null): void {
    const packet: TimedPacket = { packet: decodePacket(bytes), bytes, i: this.count };
    if (repaired) packet.repaired = repaired;
    // Private data of any kind may hold the four bytes of a label by accident; an unknown set proves nothing.
    const proves = packet.packet.kind !== 'unknown' || (pid !== null && this.isDeclared(pid)) || pid === null;
    if (!proves) return;
    this.count++;
    if (pid !== null) {
      this.found.add(pid);
      packet.pid = pid;
      if (pts !== null) packet.pts = pts;
      if (videoPts !== null) packet.videoPts = videoPts;
    }
    this.ready.push(packet);
  }

  private isDeclared(pid: number): boolean {
    return this.transport?.report.streams.some((stream) => stream.pid === pid && stream.declared) ?? false;
  }
}

/** Packets of a source, and the reader for its report. */
export async function* readKlv(source: AsyncIterable<Buffer>, reader: KlvReader): AsyncGenerator<TimedPacket> {
  for await (const chunk of source) yield* reader.push(chunk);
  yield* reader.end();
}

/** Whole packets of a transport stream, as a rule: nothing has to be carried over. */
const chunkBytes = 188 * 5_600;

/** `bytes` limits how much of the file is read. */
export const readKlvFile = (path: string, reader: KlvReader, bytes = Infinity): AsyncGenerator<TimedPacket> =>
  readKlv(
    createReadStream(path, {
      highWaterMark: chunkBytes,
      ...(Number.isFinite(bytes) ? { end: bytes - 1 } : {}),
    }) as AsyncIterable<Buffer>,
    reader,
  );
