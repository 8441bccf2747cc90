// The health report: what a layer's telemetry comes to, and how far it can be trusted. Memory stays the same however long
// the flight.
import type { Extent } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { nearest } from './antimeridian.js';
import type { ChecksumState } from './checksum.js';
import { needs, type CornersRule, type Places } from './geometry.js';
import type { Item } from './item.js';
import { aboutSensor, kinds } from './labels.js';
import { NameCounts } from './name-counts.js';
import type { KlvPacket } from './packet.js';
import { convertedFrom, speakerOf, type ReadReport, type TimedPacket } from './read.js';
import type { Repair } from './repair.js';
import type { VideoTimes } from './st0604.js';
import { classifications } from './st0102-table.js';
import { tagOf } from './state.js';
import { clockRate } from './pieces.js';
import { nothingFound, type Findings } from './survey.js';
import type { OwnClock } from './survey-clocks.js';
import type { MediaTime, TimeRule } from './time.js';
import { UtcClock } from './time.js';

export interface Gap {
  /** Media time of the last packet before it, seconds. */
  after: number;
  seconds: number;
}

export interface Health {
  packets: number;
  kinds: Record<string, number>;
  /** Packets that were made from sidecars, by their kind. */
  converted: Record<string, number>;
  /** Packets that were mended before they were read, by what was undone. */
  repaired: Partial<Record<Repair, number>>;
  checksums: Record<ChecksumState, number>;
  /** Of those that are bad: packets of streams in which all are, by their sender's design; they are believed. */
  badByDesign: number;
  /** Packets that transmission has damaged: nothing of them is shown. Those whose end never came are counted, too. */
  damaged: number;
  /** Packets with something in them that could not be read. */
  unreadable: number;
  /** Item 65: the version of ST 0601 by which the packets were written. */
  versions: Record<string, number>;
  time: {
    /** How packets were put on the media timeline. */
    rules: Partial<Record<TimeRule, number>>;
    /** Packets before the video begins and after it has ended. */
    outside: { before: number; after: number };
    /**
     * Streams whose clock is not the video's, or seems not to be: how their packets were placed, what their PTS are ahead of the
     * video's, and how much earlier and later than it is shown the telemetry may be, all in seconds.
     */
    clocks: { pid: number; rule: OwnClock['rule']; ahead: number; early: number; late: number }[];
    /** As sent, and in UTC where items 136 and 137 allow it. */
    first: string | null;
    last: string | null;
    firstUtc: string | null;
    lastUtc: string | null;
    leapSeconds: number | null;
    /** Between packets of one stream, seconds. */
    usualInterval: number | null;
    /** Longer than 0.7 s (ST 1402) and than three usual intervals. The longest ones are listed. */
    gaps: { count: number; longest: Gap[] };
    /** Item 2 the same as before it. */
    duplicates: number;
    /** Item 2 before that of the packet before it. */
    outOfOrder: number;
    /** Item 2 against the media time, both from the first packet on: seconds, and milliseconds a minute. */
    drift: { least: number; most: number; rate: number } | null;
  };
  /** By tag of ST 0601, else by set and tag, or name: how often, how often with a length off the standard, without a value. */
  items: Record<string, { name: string; packets: number; unusualLength: number; noValue: number }>;
  /** Items that the tables do not know, or that are not of the stated version. */
  unknownItems: Record<string, number>;
  map: { possible: boolean; missing: string[] };
  footprint: { possible: boolean; missing: string[]; corners: Partial<Record<CornersRule, number>> };
  /** Never "Unclassified" unless every marking that was found says so and every ST 0601 packet holds one at its time. */
  security: { marking: string; markings: Record<string, number>; packetsWithout: number };
  /** Stamps of ST 0604 in the pictures themselves, as they are sent. */
  videoTimes: (Omit<VideoTimes, 'first' | 'last'> & { first: string | null; last: string | null }) | null;
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

/** 9999, microseconds: what a date can say. */
const latestDate = 253_402_300_799_999_999;
const listedGaps = 20;
const leastGap = 0.7;
const usualTimes = 3;
/** Intervals are counted in steps of an eighth of a power of two, from a tenth of a millisecond on. */
const bucketOf = (seconds: number): number => Math.max(0, Math.round(8 * Math.log2(Math.max(seconds, 1e-4) / 1e-4)));
const secondsOf = (bucket: number): number => 1e-4 * 2 ** (bucket / 8);

/** Intervals between the packets of one stream. */
class Intervals {
  private readonly counts: number[] = [];
  readonly longest: Gap[] = [];
  private before: number | null = null;

  add(time: number): void {
    if (this.before !== null && time >= this.before) {
      const seconds = time - this.before;
      const bucket = bucketOf(seconds);
      this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
      if (
        seconds > leastGap &&
        seconds > (this.longest.at(-1)?.seconds ?? 0) * Number(this.longest.length >= listedGaps)
      ) {
        this.longest.push({ after: this.before, seconds });
        this.longest.sort((a, b) => b.seconds - a.seconds);
        this.longest.length = Math.min(this.longest.length, listedGaps);
      }
    }
    this.before = time;
  }

  /** The median. */
  get usual(): number | null {
    const all = this.counts.reduce((sum, count) => sum + (count ?? 0), 0);
    let seen = 0;
    for (const [bucket, count] of this.counts.entries()) {
      seen += count ?? 0;
      if (all > 0 && seen * 2 >= all) return secondsOf(bucket);
    }
    return null;
  }

  longerThan(limit: number): number {
    return this.counts.reduce((sum, count, bucket) => sum + (secondsOf(bucket) > limit ? (count ?? 0) : 0), 0);
  }
}

/** Item 2 against media time: extremes and the slope of the line of least squares. */
class Drift {
  private first: { stamp: number; time: number } | null = null;
  private least = 0;
  private most = 0;
  private n = 0;
  private sums = { t: 0, o: 0, tt: 0, to: 0 };

  add(stamp: number, time: number): void {
    this.first ??= { stamp, time };
    const t = time - this.first.time;
    const offset = (stamp - this.first.stamp) / 1e6 - t;
    this.least = Math.min(this.least, offset);
    this.most = Math.max(this.most, offset);
    this.n++;
    this.sums = {
      t: this.sums.t + t,
      o: this.sums.o + offset,
      tt: this.sums.tt + t * t,
      to: this.sums.to + t * offset,
    };
  }

  get result(): Health['time']['drift'] {
    const { t, o, tt, to } = this.sums;
    const spread = this.n * tt - t * t;
    if (this.n < 2 || spread <= 0) return null;
    return { least: this.least, most: this.most, rate: ((this.n * to - t * o) / spread) * 60_000 };
  }
}

interface StreamClock {
  intervals: Intervals;
  drift: Drift;
  stamp: number | null;
}

/** Tags of one set are not those of another. */
const keyOf = (kind: string, { tag, name, ul }: Item): string =>
  tag === undefined ? (name ?? ul ?? '') : kind === kinds.uas.name ? String(tag) : `${kind} ${tag}`;

const noClassification = 'unknown';

/** In words; what is absent or not one of the five is unknown, and never unclassified (ST 0102). */
export function markingOf(security: readonly Item[]): string {
  const classification = security.find(
    (item) => item.tag === 1 || (item.tag === undefined && item.name === 'Security Classification'),
  )?.value;
  if (typeof classification === 'string' && classification !== '') return classification;
  return (typeof classification === 'number' ? classifications[classification as 1] : undefined) ?? noClassification;
}

export class HealthReport {
  packets = 0;
  readonly kinds: Record<string, number> = {};
  private readonly converted: Record<string, number> = {};
  private readonly repaired: Partial<Record<Repair, number>> = {};
  extent: Extent | null = null;
  /** Microseconds since 1970, as sent. */
  first: number | null = null;
  last: number | null = null;
  private readonly checksums: Record<ChecksumState, number> = { ok: 0, valueOnly: 0, bad: 0, missing: 0 };
  private readonly timeRules: Partial<Record<TimeRule, number>> = {};
  private readonly perPid = new Map<number, number>();
  private readonly versions = new NameCounts();
  private readonly items: Health['items'] = {};
  private readonly unknownItems = new NameCounts();
  private readonly corners: Partial<Record<CornersRule, number>> = {};
  private readonly markings = new NameCounts();
  private readonly clocks = new Map<string, StreamClock>();
  /** Tags of ST 0601 that had a value. */
  private readonly told = new Set<number>();
  private packetsWithout = 0;
  private unreadable = 0;
  private damaged = 0;
  private badByDesign = 0;
  private readonly outside = { before: 0, after: 0 };
  private duplicates = 0;
  private outOfOrder = 0;
  readonly utc = new UtcClock();

  /** `duration`: of the video, seconds; null when it is not known. */
  constructor(
    private readonly duration: number | null = null,
    private readonly findings: Findings = nothingFound,
  ) {}

  /** `security`: what holds of ST 0102 at the packet's time. */
  add(timed: TimedPacket, { time, timeRule }: MediaTime, places: Places, security: readonly Item[]): void {
    const { packet, pid } = timed;
    this.packets++;
    this.kinds[packet.kind] = (this.kinds[packet.kind] ?? 0) + 1;
    const converted = convertedFrom(timed);
    if (converted !== undefined) this.converted[converted] = (this.converted[converted] ?? 0) + 1;
    const { repaired } = timed;
    if (repaired) this.repaired[repaired] = (this.repaired[repaired] ?? 0) + 1;
    if (packet.checksum) this.checksums[packet.checksum]++;
    this.timeRules[timeRule] = (this.timeRules[timeRule] ?? 0) + 1;
    if (packet.error !== undefined) this.unreadable++;
    if (packet.damaged) this.damaged++;
    if (packet.believed) this.badByDesign++;
    if (time !== null && time < 0) this.outside.before++;
    if (time !== null && time > (this.duration ?? Infinity)) this.outside.after++;
    if (pid !== undefined) this.perPid.set(pid, (this.perPid.get(pid) ?? 0) + 1);
    this.count(packet);
    // What is damaged may tell wrong times and places; one flipped bit would stretch the extent over the world.
    if (packet.damaged) return;
    this.clock(timed, time, timeRule);
    const tellsOfSensor = aboutSensor.includes(packet.kind);
    if (tellsOfSensor) this.read(packet.items);
    if (security.length > 0) {
      this.markings.add(markingOf(security));
    } else if (tellsOfSensor) this.packetsWithout++;
    if (places.cornersRule) this.corners[places.cornersRule] = (this.corners[places.cornersRule] ?? 0) + 1;
    const seen = places.corners ?? (places.frameCenter ? [places.frameCenter] : places.sensor ? [places.sensor] : []);
    for (const [x, y] of seen) this.widen(x, y);
  }

  /** Over the antimeridian it goes on beyond 180 degrees, as Esri's extents do. */
  private widen(longitude: number, y: number): void {
    const x = this.extent ? nearest(longitude, (this.extent.xmin + this.extent.xmax) / 2) : longitude;
    const { xmin, ymin, xmax, ymax } = this.extent ?? { xmin: x, ymin: y, xmax: x, ymax: y };
    this.extent = {
      xmin: Math.min(xmin, x),
      ymin: Math.min(ymin, y),
      xmax: Math.max(xmax, x),
      ymax: Math.max(ymax, y),
    };
  }

  private count({ kind, items }: KlvPacket): void {
    for (const item of items) {
      const key = keyOf(kind, item);
      if (!item.definition || item.note === 'not of the stated version') {
        this.unknownItems.add(key);
        continue;
      }
      const entry = (this.items[key] ??= { name: item.definition.name, packets: 0, unusualLength: 0, noValue: 0 });
      entry.packets++;
      if (item.note === 'unusual length') entry.unusualLength++;
      if (item.value === null) entry.noValue++;
    }
  }

  private read(items: readonly Item[]): void {
    for (const item of items) {
      const { value } = item;
      const tag = tagOf(item);
      if (tag !== undefined && value !== null) this.told.add(tag);
      if (tag === 65 && typeof value === 'number') this.versions.add(String(value));
    }
    this.utc.update(items);
  }

  private clock(timed: TimedPacket, time: number | null, rule: TimeRule): void {
    const key = speakerOf(timed);
    let clock = this.clocks.get(key);
    if (!clock) this.clocks.set(key, (clock = { intervals: new Intervals(), drift: new Drift(), stamp: null }));
    if (time !== null) clock.intervals.add(time);
    const { timestamp } = timed.packet;
    if (typeof timestamp !== 'number') return;
    this.first = Math.min(this.first ?? Infinity, timestamp);
    this.last = Math.max(this.last ?? -Infinity, timestamp);
    if (clock.stamp === timestamp) this.duplicates++;
    else if (clock.stamp !== null && timestamp < clock.stamp) this.outOfOrder++;
    clock.stamp = timestamp;
    if (time !== null && (rule === 'pts' || rule === 'moved' || rule === 'video')) clock.drift.add(timestamp, time);
  }

  private get gaps(): Pick<Health['time'], 'gaps' | 'usualInterval'> {
    const clocks = [...this.clocks.values()].map(({ intervals }) => intervals);
    const main = clocks[0];
    const limitOf = (intervals: Intervals): number => Math.max(leastGap, usualTimes * (intervals.usual ?? 0));
    const longest = clocks.flatMap((intervals) =>
      intervals.longest.filter(({ seconds }) => seconds > limitOf(intervals)),
    );
    const count = clocks.reduce((sum, intervals) => sum + intervals.longerThan(limitOf(intervals)), 0);
    longest.sort((a, b) => b.seconds - a.seconds);
    return {
      usualInterval: main?.usual ?? null,
      gaps: { count: Math.max(count, longest.length), longest: longest.slice(0, listedGaps) },
    };
  }

  /** Of every packet one value at least must have come. */
  private need(of: keyof typeof needs): { possible: boolean; missing: string[] } {
    const missing = needs[of].filter(([, tags]) => !tags.some((tag) => this.told.has(tag))).map(([name]) => name);
    return { possible: missing.length === 0, missing };
  }

  private get security(): Health['security'] {
    const found = Object.keys(this.markings.record);
    const [only] = found;
    const marking =
      found.length === 0
        ? 'none found'
        : found.length === 1 && only !== undefined && this.packetsWithout === 0
          ? only
          : found.filter((one) => one !== 'Unclassified').join(', ') || noClassification;
    return { marking, markings: this.markings.record, packetsWithout: this.packetsWithout };
  }

  report({ transport, junkBytes, truncated, sequenceErrors, videoTimes }: ReadReport): Health {
    const iso = (microseconds: number | null): string | null =>
      microseconds === null || microseconds > latestDate ? null : new Date(microseconds / 1000).toISOString();
    const utc = (microseconds: number | null): string | null =>
      microseconds === null ? null : iso(this.utc.from(microseconds));
    const drifts = [...this.clocks.values()].map(({ drift }) => drift.result).filter((drift) => drift !== null);
    return {
      packets: this.packets,
      kinds: this.kinds,
      converted: this.converted,
      repaired: this.repaired,
      checksums: this.checksums,
      badByDesign: this.badByDesign,
      damaged: this.damaged + truncated,
      unreadable: this.unreadable,
      versions: this.versions.record,
      time: {
        rules: this.timeRules,
        outside: this.outside,
        clocks: [...this.findings.clocks].map(([pid, { rule, offset, early, late }]) => ({ pid, rule, ahead: offset / clockRate, early, late })), // prettier-ignore
        first: iso(this.first),
        last: iso(this.last),
        firstUtc: utc(this.first),
        lastUtc: utc(this.last),
        leapSeconds: this.utc.leapSeconds,
        ...this.gaps,
        duplicates: this.duplicates,
        outOfOrder: this.outOfOrder,
        drift: drifts[0] ?? null,
      },
      items: this.items,
      unknownItems: this.unknownItems.record,
      map: this.need('map'),
      footprint: { ...this.need('footprint'), corners: this.corners },
      security: this.security,
      videoTimes: videoTimes && { ...videoTimes, first: iso(videoTimes.first), last: iso(videoTimes.last) },
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
