// What the owner is told of the telemetry as a whole, in whole sentences.
import type { Health } from '../klv/health.js';
import type { Leader } from '../klv/leader.js';
import type { LeftOut, TimedPacket } from '../klv/read.js';
import type { Findings } from '../klv/survey.js';
import type { OwnClock } from '../klv/survey-clocks.js';
import { clockRate } from '../klv/pieces.js';
import type { UnreadTrack } from '../tracks/tracks.js';
import type { Notes } from './notes.js';
import { streamName, type SourceName } from './source-names.js';

const packets = (count: number): string => (count === 1 ? '1 telemetry packet' : `${count} telemetry packets`);
const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** Telemetry of programs whose pictures are not shown. */
export function remarkPrograms(notes: Notes, leftOut: readonly LeftOut[]): void {
  for (const { program, packets: count } of leftOut)
    notes.add(
      'TELEMETRY_NOT_READ',
      `program ${program}`,
      () =>
        `The telemetry of program ${program} (${packets(count)}) was left out: the pictures are of another program. Publish that program on its own to see it.`,
    );
}

/** What makers call the forms of their tracks. */
const makers: Readonly<Record<string, string>> = {
  djmd: 'DJI',
  dbgi: 'DJI, for its own use',
  rtmd: 'Sony',
  CTMD: 'Canon',
  camm: 'camera motion metadata',
};

const unreadText: Readonly<Record<UnreadTrack['reason'], (track: number, format: string) => string>> = {
  'form unknown': (track, format) => {
    const maker = makers[format];
    return `Track ${track} of the video holds metadata in the form "${format}"${maker === undefined ? '' : ` (${maker})`}. This track is not read.`;
  },
  'places unknown': (track) =>
    `The subtitle track ${track} of the video seems to tell positions, in a form that is not known here. This track is not read.`,
  'no fix': (track) =>
    `Track ${track} of the video holds the metadata of a GoPro camera without a position: the camera had no satellite fix, or its receiver was off.`,
}; // prettier-ignore

/** Tracks in which there is something that is not taken. */
export function remarkTracks(notes: Notes, tracks: readonly UnreadTrack[]): void {
  for (const { track, format, reason } of tracks)
    notes.add('TELEMETRY_NOT_READ', `track ${track}`, () => unreadText[reason](track, printable(format)));
}

/** The code of a form may hold any bytes. */
const printable = (format: string): string => format.replace(/[^\x20-\x7e]/g, '?');

const clockText: Readonly<Record<OwnClock['rule'], (name: string, ahead: string, least: string, most: string) => string>> = {
  moved: (name, ahead, early, late) =>
    `The telemetry of ${name} is on another clock than the video (${ahead}). It was moved to the pictures that it was sent with; it may belong up to ${early} earlier or ${late} later than it is shown.`,
  video: (name, ahead, _, late) =>
    `The telemetry of ${name} is on another clock than the video (${ahead}, and not by a constant offset). Each packet is shown with the picture that was sent before it; it may belong up to ${late} later.`,
  pts: (name, ahead) =>
    `The telemetry of ${name} was sent beside pictures of other times (${ahead}). Its own times are shown; if the positions do not fit the pictures, they are wrong.`,
}; // prettier-ignore

export function remarkClocks(notes: Notes, { clocks }: Findings, container: string | undefined): void {
  for (const [pid, { rule, offset, early, late }] of clocks) {
    const ahead = `${seconds(Math.abs(offset) / clockRate)} ${offset > 0 ? 'ahead of' : 'behind'} it`;
    const text = clockText[rule](streamName(container, pid), ahead, seconds(early), seconds(late));
    notes.add('TELEMETRY_CLOCK', `clock of ${pid}`, () => text);
  }
}

/** Another aircraft, perhaps, from some moment on. */
export function remarkLeaders(notes: Notes, { changes, count }: Leader, nameOf: SourceName): void {
  const [first] = changes;
  if (!first) return;
  const { time, from, to } = first;
  const more = count > 1 ? ` It changes ${count} times in all.` : '';
  notes.add(
    'TELEMETRY_CLOCK',
    'leaders',
    () =>
      `From ${seconds(time)} on, cues and table show ${describe(to, nameOf)} in place of ${describe(from, nameOf)}, which is not heard any more. Each has a track of its own on the map.${more}`,
  );
}

const tailNumber = 4;

const describe = (packet: TimedPacket, nameOf: SourceName): string => {
  const tail = packet.packet.item(tailNumber)?.value;
  return typeof tail === 'string' && tail !== '' ? `${nameOf(packet)} (${tail})` : nameOf(packet);
};

export function remarkHealth(notes: Notes, health: Health): void {
  const { checksums, badByDesign, damaged, reading, time } = health;
  const { outside } = time;
  const all = packets(health.packets);
  const damagedHere = damaged - reading.truncated;
  if (damagedHere > 0)
    notes.add('TELEMETRY_DAMAGED', 'damaged', () => `${damagedHere} of ${all} did not arrive whole: the checksum is wrong, or the items cannot be read. They are listed in packets.ndjson and marked, and nothing of them is shown.`); // prettier-ignore
  // A recording may well end within a packet.
  if (reading.truncated > 1)
    notes.add('TELEMETRY_DAMAGED', 'truncated', () => `Of ${packets(reading.truncated)} the end is missing: parts of the recording were lost. Nothing of them is shown.`); // prettier-ignore
  if (badByDesign > 0)
    notes.add('TELEMETRY_DAMAGED', 'by design', () => `The checksums of all ${packets(badByDesign)} of one sender are wrong: it does not compute them as ST 0601 says. The packets are shown and marked; damage in them would not be noticed.`); // prettier-ignore
  if (checksums.valueOnly > 0)
    notes.add('TELEMETRY_DAMAGED', 'value only', () => `The sender of ${packets(checksums.valueOnly)} computes checksums over the values alone, not over whole packets as ST 0601 says. They are right in that way, and the packets are shown.`); // prettier-ignore
  const rules = time.rules;
  if ((rules.gap ?? 0) > 0)
    notes.add('TELEMETRY_CLOCK', 'gap', () => `${packets(rules.gap ?? 0)} are of times at which there is no video, because its clock jumps over them. They are listed in packets.ndjson without a time, and not shown.`); // prettier-ignore
  if (health.packets > 0 && outside.before + outside.after === health.packets)
    notes.add('TELEMETRY_CLOCK', 'outside', () => `None of ${all} is of a time within the video: ${outside.before} are before its beginning and ${outside.after} after its end.`); // prettier-ignore
}
