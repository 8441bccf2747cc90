// All that is made of packets as they come: their time, what holds at it, where that is, and what it all comes to.
import { nowhere, placesOf, type Places } from './geometry.js';
import { HealthReport } from './health.js';
import { aboutSensor } from './labels.js';
import { utcOf, type KlvPacket } from './packet.js';
import { speakerOf, type TimedPacket } from './read.js';
import { States, type State } from './state.js';
import { Timeline, type ClockPiece, type MediaTime } from './time.js';
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

/** Who leads may be silent for so long before another does, seconds. */
const longestSilence = 10;

export class Telemetry {
  readonly health = new HealthReport();
  readonly tracks = new Tracks();
  private readonly states = new States();
  private readonly timeline: Timeline;
  private leader: { speaker: string; time: number } | null = null;

  /** `pieces`: of the video's clock, in order; null: the clock of the first packet that has one. */
  constructor(pieces: readonly ClockPiece[] | null) {
    this.timeline = new Timeline(pieces);
  }

  add(timed: TimedPacket): Moment {
    const { packet } = timed;
    const when = this.timeline.timeOf(timed);
    if (packet.damaged || when.time === null || !aboutSensor.includes(packet.kind)) {
      this.health.add(timed, when, nowhere, []);
      return { when, utcCorrected: undefined, held: null };
    }
    const speaker = speakerOf(timed);
    const state = this.states.of(speaker).update(packet, when.time);
    const places = placesOf(state);
    this.health.add(timed, when, places, state.security);
    this.tracks.add(timed, places, when.time);
    const leads = this.leads(speaker, when.time);
    return { when, utcCorrected: this.corrected(packet), held: { state, places, time: when.time, leads } };
  }

  /** The first to speak, and another one when that is heard no more. */
  private leads(speaker: string, time: number): boolean {
    if (this.leader && this.leader.speaker !== speaker && time - this.leader.time <= longestSilence) return false;
    this.leader = { speaker, time };
    return true;
  }

  private corrected({ timestamp }: KlvPacket): string | undefined {
    const utc = typeof timestamp === 'number' ? this.health.utc.from(timestamp) : null;
    return utc === null ? undefined : utcOf(utc);
  }
}
