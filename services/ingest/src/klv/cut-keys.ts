// Packets that have lost the first five bytes of their keys: FFmpeg takes a header off that was not there (see repair.ts). Written
// to a file of their own they stand one behind the other, without anything between them.
import { klvBudget } from '../budgets.js';
import { lengthIsCut, readLength } from './ber.js';
import type { FramingReport } from './framing.js';
import { labelBytes } from './label.js';
import { kinds } from './labels.js';

/** With this begin the labels of all sets that are known here. */
export const keyHead = Buffer.from('060e2b3402', 'hex');
const keyTails = Object.values(kinds).map(({ label }) => Buffer.from(label, 'hex').subarray(keyHead.length));
const tailBytes = labelBytes - keyHead.length;

export const startsWithCutKey = (bytes: Buffer, at: number): boolean =>
  keyTails.some((tail) => bytes.compare(tail, 0, tailBytes, at, Math.min(at + tailBytes, bytes.length)) === 0);

/** From a run of such packets to whole ones, their keys completed. */
export class CutKeyFramer {
  readonly report: FramingReport = { junkBytes: 0, truncated: 0 };
  private rest = Buffer.alloc(0);
  /** With this each packet begins that is looked for behind damage. */
  private tail: Buffer | null = null;

  push(bytes: Buffer): Buffer[] {
    const all = Buffer.concat([this.rest, bytes]);
    const packets: Buffer[] = [];
    let at = 0;
    for (;;) {
      at = this.nextKey(all, at);
      if (all.length - at < tailBytes) break;
      const length = readLength(all, at + tailBytes, all.length);
      if (!length && lengthIsCut(all, at + tailBytes, all.length)) break;
      const end = length ? length.next + length.value : Infinity;
      if (end - at > klvBudget.packetBytes) {
        // A length that cannot be: look for the next one behind it.
        this.report.junkBytes += tailBytes;
        at += tailBytes;
        continue;
      }
      if (end > all.length) break;
      const inner = this.swallowed(all.subarray(at, end));
      if (inner === null) packets.push(Buffer.concat([keyHead, all.subarray(at, end)]));
      else {
        this.report.truncated++;
        this.report.junkBytes += inner;
      }
      at = inner === null ? end : at + inner;
    }
    this.rest = Buffer.from(all.subarray(at));
    return packets;
  }

  /** What waits will not be completed. */
  flush(): Buffer[] {
    if (this.rest.length >= tailBytes) this.report.truncated++;
    this.report.junkBytes += this.rest.length;
    this.rest = Buffer.alloc(0);
    return [];
  }

  /** From `at` on; where there is none, the place from which on there may be one when more has come. */
  private nextKey(all: Buffer, at: number): number {
    if (all.length - at < tailBytes) return at;
    if (startsWithCutKey(all, at)) {
      this.tail ??= Buffer.from(all.subarray(at, at + tailBytes));
      return at;
    }
    const key = this.tail ? all.indexOf(this.tail, at + 1) : -1;
    const next = key < 0 ? Math.max(at, all.length - tailBytes + 1) : key;
    this.report.junkBytes += next - at;
    return next;
  }

  /** Where the next packet begins that a damaged length reaches over, if it does. */
  private swallowed(packet: Buffer): number | null {
    if (packet[packet.length - 4] === 1 && packet[packet.length - 3] === 2) return null;
    const next = packet.indexOf(packet.subarray(0, tailBytes), tailBytes);
    return next < 0 ? null : next;
  }
}
