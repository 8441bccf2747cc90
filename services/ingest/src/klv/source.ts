// The telemetry in a file, whatever its container: packets in its order, and then how the reading went.
import { open } from 'node:fs/promises';
import { FileReader, type Sample, type Wanted } from '../containers/file.js';
import { isobmffSamples } from '../containers/isobmff.js';
import { matroskaSamples } from '../containers/matroska.js';
import { Framer } from './framing.js';
import { startsWithLabel } from './label.js';
import { decodePacket } from './packet.js';
import { KlvReader, readKlvFile, type ReadReport, type TimedPacket } from './read.js';
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
const clockWrap = 2 ** 33;

export class TelemetrySource {
  private readonly reader: KlvReader | null;
  private readonly framers = new Map<number, Framer>();
  private readonly videoClock = new VideoClock();

  constructor(
    private readonly path: string,
    private readonly container: Container,
  ) {
    this.reader = container === 'mpegts' || container === 'klv' ? new KlvReader(container) : null;
  }

  /** PIDs, or numbers of tracks. */
  get streams(): number[] {
    return this.reader ? this.reader.streams.map(({ pid }) => pid) : [...this.framers.keys()];
  }

  get report(): ReadReport {
    if (this.reader) return this.reader.report;
    const reports = [...this.framers.values()].map(({ report }) => report);
    return {
      transport: null,
      junkBytes: reports.reduce((sum, { junkBytes }) => sum + junkBytes, 0),
      truncated: reports.reduce((sum, { truncated }) => sum + truncated, 0),
      sequenceErrors: 0,
      videoTimes: this.videoClock.times,
    };
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
      const wanted: Wanted = { pictures: !Number.isFinite(bytes) };
      const samples = sampleReaders[this.container as keyof typeof sampleReaders](reader, wanted);
      yield* this.fromSamples(samples, wanted);
    } finally {
      await file.close();
    }
  }

  /** Tracks whose first sample begins with a label are telemetry; a packet may lie in several samples. */
  private async *fromSamples(samples: AsyncIterable<Sample>, wanted: Wanted): AsyncGenerator<TimedPacket> {
    const others = new Set<number>();
    const clocks = new Map<number, number>();
    let i = 0;
    for await (const { track, picture, bytes, time } of samples) {
      if (picture) {
        this.videoClock.look(bytes, null);
        wanted.pictures = this.videoClock.hopeful;
        continue;
      }
      if (others.has(track)) continue;
      let framer = this.framers.get(track);
      if (!framer) {
        if (!startsWithLabel(bytes, 0)) {
          others.add(track);
          continue;
        }
        this.framers.set(track, (framer = new Framer()));
      }
      if (!framer.waiting) clocks.set(track, time);
      for (const packet of framer.push(bytes)) {
        const pts = Math.round((clocks.get(track) ?? time) * clockRate);
        yield { packet: decodePacket(packet), bytes: packet, i: i++, pid: track, pts: ((pts % clockWrap) + clockWrap) % clockWrap }; // prettier-ignore
        clocks.set(track, time);
      }
    }
    for (const [track, framer] of this.framers)
      for (const packet of framer.flush()) yield { packet: decodePacket(packet), bytes: packet, i: i++, pid: track };
  }
}
