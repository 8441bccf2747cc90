// From a run of bytes to whole KLV packets: keys are found, lengths waited for, junk stepped over and counted.
import { lengthIsCut, readLength } from './ber.js';
import { labelBytes, labelStart } from './label.js';

/** No real packet comes near this; a longer length is damage. */
const longestPacket = 256 * 1024;

export interface FramingReport {
  /** Bytes that belong to no packet. */
  junkBytes: number;
  /** Packets whose end never came. */
  truncated: number;
}

export class Framer {
  readonly report: FramingReport = { junkBytes: 0, truncated: 0 };
  private pending: Buffer = Buffer.alloc(0);

  /** Whether the beginning of a packet waits for its end. */
  get waiting(): boolean {
    return this.pending.length > 0;
  }

  /** Takes bytes and gives the packets that are whole now, in order. */
  push(bytes: Buffer): Buffer[] {
    let rest: Buffer = this.pending.length > 0 ? Buffer.concat([this.pending, bytes]) : bytes;
    const packets: Buffer[] = [];
    for (;;) {
      const key = rest.indexOf(labelStart);
      if (key < 0) {
        // The first bytes of a key may be the last ones here.
        const kept = keyPrefixAtEnd(rest);
        this.report.junkBytes += rest.length - kept;
        this.pending = rest.subarray(rest.length - kept);
        return packets;
      }
      this.report.junkBytes += key;
      rest = rest.subarray(key);
      const length = rest.length > labelBytes ? readLength(rest, labelBytes, rest.length) : null;
      const end = length ? length.next + length.value : Infinity;
      if (length && end <= longestPacket) {
        if (rest.length < end) break;
        packets.push(rest.subarray(0, end));
        rest = rest.subarray(end);
      } else if (rest.length <= labelBytes || lengthIsCut(rest, labelBytes, rest.length)) break;
      else {
        // A key with a length that cannot be: look for the next one behind it.
        this.report.junkBytes += labelStart.length;
        rest = rest.subarray(labelStart.length);
      }
    }
    this.pending = Buffer.from(rest);
    return packets;
  }

  /**
   * What waits will not be completed: there was loss, or this is the end. Whole packets inside of it, behind a damaged
   * length, are found still, in one pass.
   */
  flush(): Buffer[] {
    const { pending } = this;
    this.pending = Buffer.alloc(0);
    if (pending.length < labelStart.length) {
      this.report.junkBytes += pending.length;
      return [];
    }
    this.report.truncated++;
    const packets: Buffer[] = [];
    let used = 0;
    for (let key = pending.indexOf(labelStart); key >= 0; key = pending.indexOf(labelStart, key + 1)) {
      const length = readLength(pending, key + labelBytes, pending.length);
      const end = length ? length.next + length.value : Infinity;
      if (end > pending.length) continue;
      packets.push(pending.subarray(key, end));
      used += end - key;
      key = end - 1;
    }
    this.report.junkBytes += pending.length - used;
    return packets;
  }
}

function keyPrefixAtEnd(bytes: Buffer): number {
  for (let count = Math.min(labelStart.length - 1, bytes.length); count > 0; count--) {
    if (bytes.subarray(bytes.length - count).equals(labelStart.subarray(0, count))) return count;
  }
  return 0;
}
