// What a layer's telemetry comes to.
import type { Extent } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Places } from './geometry.js';
import type { ChecksumState } from './packet.js';
import type { ReadReport, TimedPacket } from './read.js';
import type { MediaTime, TimeRule } from './time.js';

export interface Report {
  packets: number;
  kinds: Record<string, number>;
  checksums: Record<ChecksumState, number>;
  /** How packets were put on the media timeline. */
  timeRules: Partial<Record<TimeRule, number>>;
  /** Packets with something in them that could not be read. */
  damaged: number;
  firstTimestamp: string | null;
  lastTimestamp: string | null;
  extent: Extent | null;
  streams: { pid: number; streamType: number; packets: number }[];
  reading: {
    junkBytes: number;
    truncated: number;
    sequenceErrors: number;
    continuityErrors: number;
    scrambled: number;
  };
}

export class Summary {
  packets = 0;
  readonly kinds: Record<string, number> = {};
  extent: Extent | null = null;
  /** Microseconds since 1970, as sent. */
  first: number | null = null;
  last: number | null = null;
  private readonly checksums: Record<ChecksumState, number> = { ok: 0, bad: 0, missing: 0 };
  private readonly timeRules: Partial<Record<TimeRule, number>> = {};
  private readonly perPid = new Map<number, number>();
  private damaged = 0;

  add({ packet, pid }: TimedPacket, { timeRule }: MediaTime, places: Places): void {
    this.packets++;
    this.kinds[packet.kind] = (this.kinds[packet.kind] ?? 0) + 1;
    if (packet.checksum) this.checksums[packet.checksum]++;
    this.timeRules[timeRule] = (this.timeRules[timeRule] ?? 0) + 1;
    if (packet.error !== undefined) this.damaged++;
    if (pid !== undefined) this.perPid.set(pid, (this.perPid.get(pid) ?? 0) + 1);
    // What is damaged may tell wrong times and places; one flipped bit would stretch the extent over the world.
    if (packet.checksum === 'bad') return;
    if (packet.utc !== undefined && typeof packet.timestamp === 'number') {
      this.first = Math.min(this.first ?? Infinity, packet.timestamp);
      this.last = Math.max(this.last ?? -Infinity, packet.timestamp);
    }
    const seen = places.corners ?? (places.frameCenter ? [places.frameCenter] : places.sensor ? [places.sensor] : []);
    for (const [x, y] of seen) {
      const { xmin, ymin, xmax, ymax } = this.extent ?? { xmin: x, ymin: y, xmax: x, ymax: y };
      this.extent = {
        xmin: Math.min(xmin, x),
        ymin: Math.min(ymin, y),
        xmax: Math.max(xmax, x),
        ymax: Math.max(ymax, y),
      };
    }
  }

  report({ transport, junkBytes, truncated, sequenceErrors }: ReadReport): Report {
    const iso = (microseconds: number | null): string | null =>
      microseconds === null ? null : new Date(microseconds / 1000).toISOString();
    return {
      packets: this.packets,
      kinds: this.kinds,
      checksums: this.checksums,
      timeRules: this.timeRules,
      damaged: this.damaged,
      firstTimestamp: iso(this.first),
      lastTimestamp: iso(this.last),
      extent: this.extent,
      streams: (transport?.streams ?? [])
        .filter((stream) => this.perPid.has(stream.pid))
        .map(({ pid, streamType }) => ({ pid, streamType, packets: this.perPid.get(pid) ?? 0 })),
      reading: {
        junkBytes,
        truncated,
        sequenceErrors,
        continuityErrors: transport?.continuityErrors ?? 0,
        scrambled: transport?.scrambled ?? 0,
      },
    };
  }
}
