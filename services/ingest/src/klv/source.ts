// The telemetry in a file, whatever its container: packets in its order, and then how the reading went.
import { open } from 'node:fs/promises';
import { FileReader, type Sample, type SampleBudget, type Wanted } from '../containers/file.js';
import { isobmffSamples } from '../containers/isobmff.js';
import { matroskaSamples } from '../containers/matroska.js';
import { ptsWrap } from '../mpegts/pes.js';
import { beginsTelemetry, CarriageReader, type FramedPacket } from './carriage.js';
import { decodePacket } from './packet.js';
import { KlvReader, readKlvFile, type LeftOut, type ReadReport, type TimedPacket } from './read.js';
import { VideoClock } from './st0604.js';

export type Container = 'mpegts' | 'klv' | 'isobmff' | 'matroska';

/** By the name of libavformat's demuxer; null for containers in which no telemetry is looked for. */
export function containerOf(demuxer: string): Container | null {
  if (demuxer === 'mpegts') return 'mpegts';
  if (demuxer === 'mov') return 'isobmff';
  return demuxer === 'matroska' || demuxer === 'webm' ? 'matroska' : null;
}

const sampleReaders = { isobmff: isobmffSamples, matroska: matroskaSamples };
const clockRate = 90_000;

export class TelemetrySource {
  private readonly reader: KlvReader | null;
  private samples: SampleBudget | null = null;
  private readonly carriages = new Map<number, CarriageReader>();
  private readonly videoClock = new VideoClock();

  /** `program`: of a transport stream, the number of the one whose telemetry counts; null: that of all. */
  constructor(
    private readonly path: string,
    private readonly container: Container,
    program: number | null = null,
  ) {
    this.reader = container === 'mpegts' || container === 'klv' ? new KlvReader(container, program) : null;
  }

  /** Telemetry of other programs. */
  get leftOut(): LeftOut[] {
    return [...(this.reader?.leftOut.values() ?? [])];
  }

  /** PIDs, or numbers of tracks. */
  get streams(): number[] {
    return this.reader ? this.reader.streams.map(({ pid }) => pid) : [...this.carriages.keys()];
  }

  get report(): ReadReport {
    if (this.reader) return this.reader.report;
    const carriages = [...this.carriages.values()];
    const reports = carriages.map(({ framer }) => framer.report);
    return {
      transport: null,
      junkBytes: reports.reduce((sum, { junkBytes }) => sum + junkBytes, 0),
      truncated: reports.reduce((sum, { truncated }) => sum + truncated, 0),
      sequenceErrors: carriages.reduce((sum, { sequenceErrors }) => sum + sequenceErrors, 0),
      videoTimes: this.videoClock.times,
    };
  }

  /** The file's tables promise more than it can hold; what comes after that was left out. */
  get incomplete(): boolean {
    return this.samples?.spent ?? false;
  }

  /** `bytes` limits how much of a stream is read, and leaves the pictures of other files alone. */
  async *packets(bytes = Infinity): AsyncGenerator<TimedPacket> {
    if (this.reader) {
      yield* readKlvFile(this.path, this.reader, bytes);
      return;
    }
    const file = await open(this.path);
    try {
      const reader = new FileReader(file, (await file.stat()).size);
      this.samples = reader.budget;
      const wanted: Wanted = { pictures: !Number.isFinite(bytes) };
      const samples = sampleReaders[this.container as keyof typeof sampleReaders](reader, wanted);
      yield* this.fromSamples(samples, wanted);
    } finally {
      await file.close();
    }
  }

  /** A packet may lie in several samples, and several in one. */
  private async *fromSamples(samples: AsyncIterable<Sample>, wanted: Wanted): AsyncGenerator<TimedPacket> {
    const others = new Set<number>();
    let i = 0;
    const timed = ({ bytes, pts, repaired }: FramedPacket, pid: number): TimedPacket => ({
      packet: decodePacket(bytes),
      bytes,
      i: i++,
      pid,
      ...(pts === null ? {} : { pts }),
      ...(repaired ? { repaired } : {}),
    });
    for await (const { track, picture, bytes, time } of samples) {
      if (picture) {
        this.videoClock.look(bytes, null);
        wanted.pictures = this.videoClock.hopeful;
        continue;
      }
      if (others.has(track)) continue;
      let carriage = this.carriages.get(track);
      if (!carriage) {
        if (!beginsTelemetry(bytes)) {
          others.add(track);
          continue;
        }
        this.carriages.set(track, (carriage = new CarriageReader()));
      }
      const ticks = Math.round(time * clockRate);
      const pts = ((ticks % ptsWrap) + ptsWrap) % ptsWrap;
      for (const packet of carriage.push({ payload: bytes, pts, videoPts: null, broken: false }))
        yield timed(packet, track);
    }
    for (const [track, carriage] of this.carriages) for (const packet of carriage.lose()) yield timed(packet, track);
  }
}
