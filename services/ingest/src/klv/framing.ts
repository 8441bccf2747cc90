// From a run of bytes to whole KLV packets: keys are found, lengths waited for, junk stepped over and counted.
import { lengthIsCut, readLength } from './ber.js';
import { labelBytes, labelStart, startsWithLabel } from './label.js';

/** No real packet comes near this; a longer length is damage. */
const longestPacket = 256 * 1024;

export interface FramingReport {
  /** Bytes that belong to no packet. */
  junkBytes: number;
  /** Packets whose end never came. */
  truncated: number;
}

const nothing = Buffer.alloc(0);

export class Framer {
  readonly report: FramingReport = { junkBytes: 0, truncated: 0 };
  private pending: Buffer = nothing;

  /** Whether the beginning of a packet waits for its end. */
  get waiting(): boolean {
    return this.pending.length > 0;
  }

  /** Takes bytes and gives the packets that are whole now, in order. They share the bytes. */
  push(bytes: Buffer): Buffer[] {
    const all = this.pending.length > 0 ? Buffer.concat([this.pending, bytes]) : bytes;
    const packets: Buffer[] = [];
    let at = 0;
    for (;;) {
      if (!startsWithLabel(all, at)) {
        const key = all.indexOf(labelStart, at);
        // The first bytes of a key may be the last ones here.
        const next = key < 0 ? all.length - keyPrefixAtEnd(all, at) : key;
        this.report.junkBytes += next - at;
        at = next;
        if (key < 0) break;
      }
      const length = readLength(all, at + labelBytes, all.length);
      const end = length ? length.next + length.value : Infinity;
      if (length && end - at <= longestPacket) {
        if (end > all.length) break;
        packets.push(all.subarray(at, end));
        at = end;
      } else if (all.length - at <= labelBytes || lengthIsCut(all, at + labelBytes, all.length)) break;
      else {
        // A key with a length that cannot be: look for the next one behind it.
        this.report.junkBytes += labelStart.length;
        at += labelStart.length;
      }
    }
    this.pending = at === all.length ? nothing : Buffer.from(all.subarray(at));
    return packets;
  }

  /**
   * What waits will not be completed: there was loss, or this is the end. Whole packets inside of it, behind a damaged
   * length, are found still, in one pass.
   */
  flush(): Buffer[] {
    const { pending } = this;
    this.pending = nothing;
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

function keyPrefixAtEnd(bytes: Buffer, from: number): number {
  for (let count = Math.min(labelStart.length - 1, bytes.length - from); count > 0; count--) {
    if (bytes.subarray(bytes.length - count).equals(labelStart.subarray(0, count))) return count;
  }
  return 0;
}
