// Time stamps in the video itself (MISB ST 0604): user data of H.264, HEVC and MPEG-2, in the form of ST 0603.

export interface VideoTime {
  /** Microseconds since 1970 on the MISP time scale, or nanoseconds. */
  timestamp: bigint;
  precision: 'microseconds' | 'nanoseconds';
  /** The clock is not locked to its reference (ST 0603 time status, bit 7). */
  unlocked: boolean;
  /** The clock has jumped (bit 6). */
  jumped: boolean;
}

type Identifier = readonly [Buffer, VideoTime['precision']];
const others: readonly Identifier[] = [[Buffer.from('MISPmicrosectime', 'latin1'), 'microseconds']];
const hevc: readonly Identifier[] = [
  [Buffer.from('a8687dd4d7593758a5cef0338b6545f1', 'hex'), 'microseconds'],
  [Buffer.from('cf848278ee23306c9265e8fef22fb8b8', 'hex'), 'nanoseconds'],
];
const all = [...others, ...hevc];
const identifierBytes = 16;
/** Status, and four pairs of bytes with 0xFF between them, so that they never look like a start code. */
const stampBytes = 12;

/** The payload of network abstraction layer units without emulation prevention (ISO/IEC 14496-10 clause 7.4.1). */
function withoutPrevention(bytes: Buffer): Buffer {
  const kept: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    kept.push(byte);
  }
  return Buffer.from(kept);
}

/** Of the beginning of an access unit; null when there is none. `isHevc`: null where that is not known. */
export function videoTimeOf(head: Buffer, isHevc: boolean | null): VideoTime | null {
  for (const [identifier, precision] of isHevc === null ? all : isHevc ? hevc : others) {
    const at = head.indexOf(identifier);
    if (at < 0) continue;
    const from = at + identifierBytes;
    const stamp = withoutPrevention(head.subarray(from, from + 2 * stampBytes)).subarray(0, stampBytes);
    if (stamp.length < stampBytes || stamp[3] !== 0xff || stamp[6] !== 0xff || stamp[9] !== 0xff) continue;
    const bytes = Buffer.from([1, 2, 4, 5, 7, 8, 10, 11].map((index) => stamp[index] ?? 0));
    const status = stamp[0] ?? 0;
    return {
      timestamp: bytes.readBigUInt64BE(),
      precision,
      unlocked: (status & 0x80) !== 0,
      jumped: (status & 0x40) !== 0,
    };
  }
  return null;
}

/** What the stamps of a video come to. */
export interface VideoTimes {
  /** Pictures with a stamp. */
  pictures: number;
  precision: VideoTime['precision'];
  /** Microseconds since 1970 on the MISP time scale. */
  first: number;
  last: number;
  /** Pictures whose clock was not locked to its reference, and that say that it had jumped. */
  unlocked: number;
  jumps: number;
}

/** So many pictures without any stamp: there will be none. */
const enoughWithout = 600;

/** Looks for stamps in the beginnings of pictures, one after the other. */
export class VideoClock {
  /** Null as long as none was found. */
  times: VideoTimes | null = null;
  private without = 0;

  /** Whether it is worth while to look at more pictures, where that costs something. */
  get hopeful(): boolean {
    return this.times !== null || this.without < enoughWithout;
  }

  look(head: Buffer, isHevc: boolean | null): void {
    const found = videoTimeOf(head, isHevc);
    if (!found) {
      this.without++;
      return;
    }
    const { timestamp, precision, unlocked, jumped } = found;
    const microseconds = Number(precision === 'nanoseconds' ? timestamp / 1000n : timestamp);
    this.times ??= { pictures: 0, precision, first: microseconds, last: microseconds, unlocked: 0, jumps: 0 };
    this.times.pictures++;
    this.times.last = microseconds;
    this.times.unlocked += Number(unlocked);
    this.times.jumps += Number(jumped);
  }
}
