// Packets without a transport around them.
import type { FramedPacket } from './carriage.js';
import { CutKeyFramer, startsWithCutKey } from './cut-keys.js';
import { Framer, type FramingReport } from './framing.js';
import { labelBytes } from './label.js';

/** Packets one behind the other; their keys may have lost their beginnings. */
export class RawFramer {
  private framer: Framer | CutKeyFramer | null = null;
  private head = Buffer.alloc(0);

  get report(): FramingReport {
    return this.framer?.report ?? { junkBytes: this.head.length, truncated: 0 };
  }

  push(bytes: Buffer): FramedPacket[] {
    if (this.framer) return this.framed(this.framer.push(bytes));
    this.head = Buffer.concat([this.head, bytes]);
    return this.head.length < labelBytes ? [] : this.begin();
  }

  flush(): FramedPacket[] {
    return [...(this.framer ? [] : this.begin()), ...this.framed(this.framer?.flush() ?? [])];
  }

  private begin(): FramedPacket[] {
    this.framer = startsWithCutKey(this.head, 0) ? new CutKeyFramer() : new Framer();
    const { head } = this;
    this.head = Buffer.alloc(0);
    return this.framed(this.framer.push(head));
  }

  private framed(packets: readonly Buffer[]): FramedPacket[] {
    const repaired = this.framer instanceof CutKeyFramer ? { repaired: 'key completed' as const } : {};
    return packets.map((bytes) => ({ bytes, pts: null, videoPts: null, ...repaired }));
  }
}
