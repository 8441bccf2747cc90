// Spreads events over the segments of the picture. Packets come nearly in order; those of one segment at a time lie in
// memory, the others wait in a file for each segment.
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TimeRange } from './cues.js';
import { emsgBox, type KlvEvent } from './emsg.js';

export class EventSegments {
  private readonly touched = new Set<number>();
  private index = 0;
  private boxes: Buffer[] = [];
  private count = 0;

  constructor(
    private readonly ranges: readonly TimeRange[],
    private readonly directory: string,
  ) {}

  /** Events before the first segment belong to it; those behind the last one to none. */
  async add(event: KlvEvent): Promise<void> {
    const index = this.find(event.time);
    if (index === null) return;
    if (index !== this.index) await this.spool();
    this.index = index;
    this.boxes.push(emsgBox(event, ++this.count));
  }

  private find(time: number): number | null {
    const holds = (index: number): boolean => {
      const range = this.ranges[index];
      return range !== undefined && time >= range.start && time < range.start + range.duration;
    };
    if (holds(this.index)) return this.index;
    if (holds(this.index + 1)) return this.index + 1;
    if (time < (this.ranges[0]?.start ?? 0)) return 0;
    const found = this.ranges.findIndex((_, index) => holds(index));
    return found < 0 ? null : found;
  }

  private file(index: number): string {
    return join(this.directory, String(index));
  }

  private async spool(): Promise<void> {
    if (this.boxes.length === 0) return;
    if (this.touched.size === 0) await mkdir(this.directory, { recursive: true });
    this.touched.add(this.index);
    await appendFile(this.file(this.index), Buffer.concat(this.boxes));
    this.boxes = [];
  }

  /** Gives each segment that has events its boxes, and forgets them. */
  async finish(write: (index: number, boxes: Buffer) => Promise<void>): Promise<void> {
    await this.spool();
    for (const index of this.touched) await write(index, await readFile(this.file(index)));
    await rm(this.directory, { recursive: true, force: true });
  }
}
