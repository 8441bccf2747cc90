// Telemetry of a file: every packet of every KLV stream, in the order of the file, in constant memory.
import { createReadStream } from 'node:fs';
import { hevcStream, TransportReader, type KlvStream, type TransportReport } from '../mpegts/reader.js';
import { CarriageReader, type FramedPacket } from './carriage.js';
import { decodePacket, type KlvPacket } from './packet.js';
import { RawFramer } from './raw.js';
import type { Repair } from './repair.js';
import { VideoClock, type VideoTimes } from './st0604.js';
import type { TimeRule } from './time.js';

export type KlvContainer = 'mpegts' | 'klv';

export interface NextPicture {
  pts: number | null;
}

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
  /** Of a transport stream: what is told of the video behind it in the multiplex as soon as that comes. */
  next?: NextPicture;
  /** Seconds from the video's beginning, where the source counts so. */
  mediaTime?: number;
  /** By which rule that is known; absent where the source itself counts from there. */
  mediaRule?: TimeRule;
  /** What was undone before it could be read. */
  repaired?: Repair;
  /** Of what kind of file beside the video; all but `klv` were converted. */
  sidecar?: string;
  /** Which of the files beside the video, from 0. */
  file?: number;
  /** Of what form it was in the video, where that was no KLV. */
  form?: string;
}

export interface ReadReport {
  transport: TransportReport | null;
  junkBytes: number;
  truncated: number;
  sequenceErrors: number;
  /** Time stamps of ST 0604 in the video; null when there are none. */
  videoTimes: VideoTimes | null;
}

/** Where it came from: a stream or a track of the video, or a file beside it. */
export const sourceKey = ({ pid, sidecar, file }: TimedPacket): string => `${pid ?? sidecar ?? ''}/${file ?? ''}`;

/** Whose word it is: a source's, and there a kind of set's. */
export const speakerOf = (timed: TimedPacket): string => `${sourceKey(timed)} ${timed.packet.kind}`;

/** What it was made from, where it did not come as a packet. */
export const convertedFrom = ({ sidecar, form }: TimedPacket): string | undefined =>
  form ?? (sidecar === 'klv' ? undefined : sidecar);

/** So many packets at most wait for the picture behind them. */
const mostWaiting = 64;

/** Telemetry of programs that were not asked for. */
export interface LeftOut {
  program: number;
  packets: number;
}

/** Gives packets as bytes come in. */
export class KlvReader {
  /** By the numbers of their programs. */
  readonly leftOut = new Map<number, LeftOut>();
  private readonly carriages = new Map<number, CarriageReader>();
  private readonly ready: TimedPacket[] = [];
  private readonly raw: RawFramer | null;
  private readonly transport: TransportReader | null;
  private readonly waiting: { next: NextPicture; program: number }[] = [];
  private count = 0;

  /** `program`: the number of the one whose telemetry is asked for in a transport stream; null: that of all. */
  constructor(container: KlvContainer, program: number | null = null) {
    this.raw = container === 'klv' ? new RawFramer() : null;
    this.transport =
      container === 'klv'
        ? null
        : new TransportReader(
            ({ stream, header: { pts }, payload, videoPts, broken }) => {
              const { pid } = stream;
              let carriage = this.carriages.get(pid);
              if (!carriage) this.carriages.set(pid, (carriage = new CarriageReader()));
              for (const packet of carriage.push({ payload, pts, videoPts, broken })) this.add(packet, stream);
            },
            (stream) => {
              for (const packet of this.carriages.get(stream.pid)?.lose() ?? []) this.add(packet, stream);
            },
            (head, streamType) => this.videoClock.look(head, streamType === hevcStream),
            (pts, program) => this.picture(pts, program),
            program,
          );
  }

  push(bytes: Buffer): TimedPacket[] {
    this.transport?.push(bytes);
    for (const packet of this.raw?.push(bytes) ?? []) this.add(packet, null);
    return this.ready.splice(0);
  }

  end(): TimedPacket[] {
    this.transport?.end();
    for (const stream of this.transport?.report.streams ?? [])
      for (const packet of this.carriages.get(stream.pid)?.lose() ?? []) this.add(packet, stream);
    for (const packet of this.raw?.flush() ?? []) this.add(packet, null);
    return this.ready.splice(0);
  }

  /** Streams that were declared to carry KLV, or were found to. */
  get streams(): KlvStream[] {
    return (this.transport?.report.streams ?? []).filter(
      (stream) => !stream.foreign && (stream.declared || this.found.has(stream.pid)),
    );
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

  private add({ bytes, pts, videoPts, repaired }: FramedPacket, stream: KlvStream | null): void {
    const packet: TimedPacket = { packet: decodePacket(bytes), bytes, i: this.count };
    if (repaired) packet.repaired = repaired;
    // Private data of any kind may hold the four bytes of a label by accident; an unknown set proves nothing.
    const proves = packet.packet.kind !== 'unknown' || stream === null || stream.declared;
    if (!proves) return;
    if (stream?.foreign === true) {
      this.leaveOut(stream.program);
      return;
    }
    this.count++;
    if (stream) {
      this.found.add(stream.pid);
      packet.pid = stream.pid;
      if (pts !== null) packet.pts = pts;
      if (videoPts !== null) packet.videoPts = videoPts;
      if (this.waiting.length < mostWaiting) {
        packet.next = { pts: null };
        this.waiting.push({ next: packet.next, program: stream.program });
      }
    }
    this.ready.push(packet);
  }

  private leaveOut(program: number): void {
    const left = this.leftOut.get(program) ?? { program, packets: 0 };
    left.packets++;
    this.leftOut.set(program, left);
  }

  private picture(pts: number, program: number): void {
    if (this.waiting.length === 0) return;
    for (const { next, program: of } of this.waiting) if (of === program) next.pts = pts;
    const left = this.waiting.filter((one) => one.program !== program);
    this.waiting.splice(0, this.waiting.length, ...left);
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
