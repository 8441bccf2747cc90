// All that is made of packets as they come: their time, what holds at it, where that is, and what it all comes to.
import { nowhere, placesOf, type Places } from './geometry.js';
import { HealthReport } from './health.js';
import { aboutSensor } from './labels.js';
import { Leader } from './leader.js';
import { utcOf, type KlvPacket } from './packet.js';
import type { ClockPiece } from './pieces.js';
import { speakerOf, type TimedPacket } from './read.js';
import { States, type State } from './state.js';
import { nothingFound, type Findings } from './survey.js';
import { Timeline, type MediaTime } from './time.js';
import { Tracks } from './track.js';

export interface Moment {
  when: MediaTime;
  /** Where the telemetry has told of leap seconds: the packet's time stamp in UTC. `utc` of the packet is as sent. */
  utcCorrected: string | undefined;
  /**
   * Null for packets that are damaged, or stand at no time: they say nothing that could be relied on. `leads`: where only one
   * can speak for the moment, it is this one.
   */
  held: { state: State; places: Places; time: number; leads: boolean } | null;
}

export class Telemetry {
  readonly health: HealthReport;
  readonly tracks = new Tracks();
  readonly leader = new Leader();
  private readonly states = new States();
  private readonly timeline: Timeline;

  /** `pieces` and `duration`: of the video, as for a timeline. */
  constructor(
    pieces: readonly ClockPiece[] | null,
    duration: number | null = null,
    private readonly findings: Findings = nothingFound,
  ) {
    this.timeline = new Timeline({ pieces, duration, own: findings.clocks });
    this.health = new HealthReport(duration, findings);
  }

  add(timed: TimedPacket): Moment {
    const { packet } = timed;
    const speaker = speakerOf(timed);
    packet.believed = packet.checksum === 'bad' && this.findings.ownSums.has(speaker);
    const when = this.timeline.timeOf(timed);
    if (packet.damaged || !aboutSensor.includes(packet.kind)) return this.silent(timed, when);
    const state = this.states.of(speaker);
    if (when.time === null) {
      // It cannot be shown, but what it tells holds when the video goes on.
      if (when.timeRule === 'gap') state.update(packet, state.latest);
      return this.silent(timed, when, state);
    }
    const { time } = when;
    state.update(packet, time);
    const places = placesOf(state);
    this.health.add(timed, when, places, state.security);
    this.tracks.add(timed, places, time);
    const leads = this.leader.speaks(timed, time);
    return { when, utcCorrected: this.corrected(packet), held: { state, places, time, leads } };
  }

  private silent(timed: TimedPacket, when: MediaTime, state?: State): Moment {
    this.health.add(timed, when, nowhere, state?.security ?? []);
    return { when, utcCorrected: undefined, held: null };
  }

  private corrected({ timestamp }: KlvPacket): string | undefined {
    const utc = typeof timestamp === 'number' ? this.health.utc.from(timestamp) : null;
    return utc === null ? undefined : utcOf(utc);
  }
}
