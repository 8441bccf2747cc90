// The telemetry in a file, whatever its container: packets in its order, and then how the reading went.
import { open } from 'node:fs/promises';
import { FileReader, type Sample, type SampleBudget, type Wanted } from '../containers/file.js';
import { isobmffSamples } from '../containers/isobmff.js';
import { matroskaSamples } from '../containers/matroska.js';
import type { TrackPacket } from '../tracks/track.js';
import { Tracks, type UnreadTrack } from '../tracks/tracks.js';
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

export class TelemetrySource {
  private readonly reader: KlvReader | null;
  private samples: SampleBudget | null = null;
  private readonly tracks = new Tracks();
  /** Tracks of which packets came. */
  private readonly found = new Set<number>();
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
    return this.reader ? this.reader.streams.map(({ pid }) => pid) : [...this.found];
  }

  /** Tracks in which there is something that is not taken; when all has been read. */
  get unread(): UnreadTrack[] {
    return this.tracks.unread;
  }

  get report(): ReadReport {
    if (this.reader) return this.reader.report;
    const carriages = this.tracks.klv.map(({ carriage }) => carriage);
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
      const wanted: Wanted = { pictures: !Number.isFinite(bytes), without: new Set() };
      const samples = sampleReaders[this.container as keyof typeof sampleReaders](reader, wanted);
      yield* this.fromSamples(samples, wanted);
    } finally {
      await file.close();
    }
  }

  private async *fromSamples(samples: AsyncIterable<Sample>, wanted: Wanted): AsyncGenerator<TimedPacket> {
    let i = 0;
    const timed = ({ bytes, ...more }: TrackPacket, pid: number): TimedPacket => {
      this.found.add(pid);
      return { packet: decodePacket(bytes), bytes, i: i++, pid, ...more };
    };
    for await (const sample of samples) {
      const { track, picture, bytes } = sample;
      if (picture) {
        this.videoClock.look(bytes, null);
        wanted.pictures = this.videoClock.hopeful;
        continue;
      }
      const packets = wanted.without.has(track) ? [] : this.tracks.push(sample);
      if (packets === null) wanted.without.add(track);
      else for (const packet of packets) yield timed(packet, track);
    }
    for (const { track, packets } of this.tracks.end()) for (const packet of packets) yield timed(packet, track);
  }
}
