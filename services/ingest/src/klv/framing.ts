// From a run of bytes to whole KLV packets: keys are found, lengths waited for, junk stepped over and counted.
import { lengthIsCut, readLength } from './ber.js';
import { klvBudget } from '../budgets.js';
import { labelBytes, labelStart, startsWithLabel } from './label.js';

export interface FramingReport {
  /** Bytes that belong to no packet. */
  junkBytes: number;
  /** Packets whose end never came. */
  truncated: number;
}

export class Framer {
  readonly report: FramingReport = { junkBytes: 0, truncated: 0 };
  /** The beginning of a packet, in the pieces in which it came, and how many bytes there must be to look again. */
  private parts: Buffer[] = [];
  private size = 0;
  private wanted = 0;

  /** Whether the beginning of a packet waits for its end. */
  get waiting(): boolean {
    return this.size > 0;
  }

  /** Takes bytes and gives the packets that are whole now, in order. They share the bytes, which must not change. */
  push(bytes: Buffer): Buffer[] {
    if (this.size + bytes.length < this.wanted) {
      this.keep(bytes);
      return [];
    }
    const all = this.size > 0 ? Buffer.concat([...this.parts, bytes]) : bytes;
    this.forget();
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
      if (length && end - at <= klvBudget.packetBytes) {
        if (end > all.length) {
          this.wanted = end - at;
          break;
        }
        const packet = all.subarray(at, end);
        const next = swallowed(packet);
        if (next === null) {
          packets.push(packet);
          at = end;
        } else {
          this.report.truncated++;
          this.report.junkBytes += next;
          at += next;
        }
      } else if (all.length - at <= labelBytes || lengthIsCut(all, at + labelBytes, all.length)) break;
      else {
        // A key with a length that cannot be: look for the next one behind it.
        this.report.junkBytes += labelStart.length;
        at += labelStart.length;
      }
    }
    // A copy: what waits must not keep the whole of a large piece.
    if (at < all.length) this.keep(Buffer.from(all.subarray(at)));
    return packets;
  }

  private keep(bytes: Buffer): void {
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  private forget(): void {
    this.parts = [];
    this.size = 0;
    this.wanted = 0;
  }

  /**
   * What waits will not be completed: there was loss, or this is the end. Whole packets inside of it, behind a damaged
   * length, are found still, in one pass.
   */
  flush(): Buffer[] {
    const pending = Buffer.concat(this.parts);
    this.forget();
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

/**
 * A damaged length may reach over the packets behind it: where the next one of the same kind begins, if so. Sets that end
 * as they should, on item 1 (a running sum), are not looked through.
 */
function swallowed(packet: Buffer): number | null {
  const end = packet.length;
  if (packet[end - 4] === 1 && packet[end - 3] === 2) return null;
  const next = packet.indexOf(packet.subarray(0, labelBytes), labelBytes);
  return next < 0 ? null : next;
}

function keyPrefixAtEnd(bytes: Buffer, from: number): number {
  for (let count = Math.min(labelStart.length - 1, bytes.length - from); count > 0; count--) {
    if (bytes.subarray(bytes.length - count).equals(labelStart.subarray(0, count))) return count;
  }
  return 0;
}
