// Where a packet stands on the media timeline (0 = first picture shown), and by which rule that is known.
import { ptsDifference, ptsWrap } from '../mpegts/pes.js';
import type { OwnClock } from './survey-clocks.js';
import type { Item } from './item.js';
import { clockRate, Pieces, type ClockPiece, type Place, type Trail } from './pieces.js';
import type { TimedPacket } from './read.js';

/**
 * `pts`: its own; `moved`: its own, which is of another clock than the video's, moved to that; `video`: that of the video
 * before it in the multiplex; `subtitle`: of a sidecar that counts from the video's beginning; `creation`, `creation end`,
 * `video clock`: of a sidecar that tells the time of day, against the time at which the video says that it was created, at its
 * beginning or at its end, or against that of its own pictures or telemetry; `timestamp`: its item 2 against the first one's;
 * `gap`: its own, at which there is no video, because the video's clock jumps over it. `gap` and `none` have no time.
 */
export type TimeRule =
  'pts' | 'moved' | 'video' | 'subtitle' | 'creation' | 'creation end' | 'video clock' | 'timestamp' | 'gap' | 'none';

export interface MediaTime {
  /** Seconds; null when nothing tells. */
  time: number | null;
  timeRule: TimeRule;
}

/** From MISP time, as item 2 tells it, to UTC, where the telemetry says how (ST 0601 items 136 and 137). */
export class UtcClock {
  private correction = 0;
  /** Seconds; null until item 136 has come. */
  leapSeconds: number | null = null;

  update(items: readonly Item[]): void {
    for (const { tag, value } of items) {
      if (typeof value !== 'number') continue;
      if (tag === 136) this.leapSeconds = value;
      else if (tag === 137) this.correction = value;
    }
  }

  /** Microseconds since 1970: item 2 + item 137 − item 136; null until it is known. */
  from(timestamp: number): number | null {
    return this.leapSeconds === null ? null : timestamp + this.correction - this.leapSeconds * 1e6;
  }
}

/** A PTS outside of the video, and this far from the picture beside it, is damaged (compare survey-clocks.ts). */
const farSeconds = 11;
/** Behind one picture packets may come for so long before their time stamps count, and for so long those are believed. */
const staleSeconds = { from: 1, to: 600 };

/** What is known of a stream so far. */
interface Course {
  trail: Trail | null;
  /** PTS of the last picture, and item 2 of the first packet behind it, microseconds. */
  picture: { pts: number; stamp: number } | null;
}

/** What is known of the clocks before the first packet is placed. */
export interface Clocks {
  /** Of the video's clock, in order; none without video; null when the video is not known: the first clock of a packet is 0. */
  pieces: readonly ClockPiece[] | null;
  /** Of the video, seconds; null when it is not known. */
  duration: number | null;
  /** Streams that have clocks of their own, by PID. */
  own: ReadonlyMap<number, OwnClock>;
}

/** Gives each packet of a file its time. */
export class Timeline {
  private firstStamp: number | null = null;
  private pieces: Pieces;
  private readonly unknown: boolean;
  private readonly courses = new Map<number, Course>();

  constructor(private readonly clocks: Clocks) {
    this.pieces = new Pieces(clocks.pieces ?? [], clocks.duration);
    this.unknown = clocks.pieces === null;
  }

  timeOf(packet: TimedPacket): MediaTime {
    const { pid, videoPts } = packet;
    const stamp = packet.packet.timestamp;
    if (packet.mediaTime !== undefined) return { time: packet.mediaTime, timeRule: packet.mediaRule ?? 'subtitle' };
    const own = this.ownPts(packet);
    const first = own?.pts ?? videoPts;
    if (this.unknown && this.pieces.empty && first !== undefined)
      this.pieces = new Pieces([{ mediaTime: 0, pts90k: first }], null);
    if (!this.pieces.empty) {
      const course = this.courseOf(pid ?? -1);
      if (own) {
        const place = this.pieces.place(own.pts, course.trail);
        if (!place) return { time: null, timeRule: 'gap' };
        if (!this.isDamaged(place, own.pts, videoPts)) return this.at(course, own.pts, place, own.rule);
      }
      if (videoPts !== undefined) {
        const pts = this.behindPicture(course, videoPts, stamp);
        const place = this.pieces.place(pts, course.trail);
        return place ? this.at(course, pts, place, 'video') : { time: null, timeRule: 'gap' };
      }
      // Before the first picture there is none to go by: it belongs to the beginning.
      if (pid !== undefined) return { time: 0, timeRule: 'video' };
    }
    if (typeof stamp !== 'number') return { time: null, timeRule: 'none' };
    this.firstStamp ??= stamp;
    return { time: (stamp - this.firstStamp) / 1e6, timeRule: 'timestamp' };
  }

  /** On the video's clock. */
  private ownPts({ pid, pts }: TimedPacket): { pts: number; rule: TimeRule } | null {
    if (pts === undefined) return null;
    const clock = this.clocks.own.get(pid ?? -1);
    if (!clock || clock.rule === 'pts') return { pts, rule: 'pts' };
    if (clock.rule === 'video') return null;
    return { pts: (((pts - clock.offset) % ptsWrap) + ptsWrap) % ptsWrap, rule: 'moved' };
  }

  /** Not one that comes before the video or after it, as long as the pictures beside it are no others. */
  private isDamaged({ outside, time }: Place, pts: number, videoPts: number | undefined): boolean {
    if (!outside || videoPts === undefined || Math.abs(ptsDifference(pts, videoPts)) <= farSeconds * clockRate)
      return false;
    const picture = this.pieces.place(videoPts, null);
    return time < 0 || (picture !== null && picture.time < (this.pieces.duration ?? Infinity) - 1);
  }

  /** PTS of the picture; where that has stood for long, as much later as the time stamps say. */
  private behindPicture(course: Course, videoPts: number, stamp: number | string | undefined): number {
    if (typeof stamp !== 'number') return videoPts;
    if (course.picture?.pts !== videoPts) course.picture = { pts: videoPts, stamp };
    const seconds = (stamp - course.picture.stamp) / 1e6;
    const counts = seconds > staleSeconds.from && seconds <= staleSeconds.to;
    return counts ? (videoPts + Math.round(seconds * clockRate)) % ptsWrap : videoPts;
  }

  private courseOf(pid: number): Course {
    let course = this.courses.get(pid);
    if (!course) this.courses.set(pid, (course = { trail: null, picture: null }));
    return course;
  }

  private at(course: Course, pts: number, { time, piece }: Place, timeRule: TimeRule): MediaTime {
    course.trail = { piece, pts };
    return { time, timeRule };
  }
}
