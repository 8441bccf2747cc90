// Streams whose checksums are wrong by their sender's design. ST 0601 wants a packet with a wrong checksum dropped; where all of
// them are wrong, that would be the whole flight.
//
// Noise that hits every packet of a run hits their structure too: in a packet of usual size a quarter of the bytes are keys,
// tags, lengths and the time stamp. Noise that leaves none of eight packets whole leaves eight that can be read, with clocks in
// order, in less than one of a hundred recordings, and hardly a picture. So the checksums are of another design where all of
// the first eight or more are wrong, every packet can be read to its end, and the time stamps go on. Where all tell the same
// number, as senders do that do not compute one, four packets are enough.
import { speakerOf, type TimedPacket } from './read.js';

const enough = { wrong: 8, same: 4 };
/** Longest step of item 2 between two packets, microseconds. */
const longestStep = 60e6;

interface Record {
  wrong: number;
  /** Each packet was wrong, could be read to its end, and was not earlier than the one before it. */
  alike: boolean;
  stamp: number | null;
  sum: string | undefined;
  /** All tell the same number, while their time stamps differ. */
  same: boolean;
}

export class SumSurvey {
  private readonly records = new Map<string, Record>();

  add(timed: TimedPacket): void {
    const { packet } = timed;
    if (packet.checksum === undefined) return;
    const speaker = speakerOf(timed);
    const sum = packet.item(1)?.hex;
    let record = this.records.get(speaker);
    if (!record) this.records.set(speaker, (record = { wrong: 0, alike: true, stamp: null, sum, same: true }));
    record.wrong++;
    record.alike &&= packet.checksum === 'bad' && packet.error === undefined && follows(record.stamp, packet.timestamp);
    record.same &&= record.sum === sum && record.stamp !== packet.timestamp;
    if (typeof packet.timestamp === 'number') record.stamp = packet.timestamp;
  }

  /** Speakers whose checksums say nothing about their packets. */
  get result(): Set<string> {
    const found = [...this.records].filter(
      ([, { wrong, alike, same }]) => alike && wrong >= (same ? enough.same : enough.wrong),
    );
    return new Set(found.map(([speaker]) => speaker));
  }
}

const follows = (before: number | null, stamp: number | string | undefined): boolean =>
  typeof stamp === 'number' && (before === null || (stamp >= before && stamp - before <= longestStep));
