// Spreads events over the segments of the video. Packets come nearly in order; the last ones of one segment lie in memory,
// the others wait in a file for each segment.
import { appendFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { telemetryBudget } from '../budgets.js';
import type { TimeRange } from './cues.js';
import { emsgBox, type KlvEvent } from './emsg.js';

export class EventSegments {
  private readonly touched = new Set<number>();
  private index = 0;
  private boxes: Buffer[] = [];
  private waiting = 0;
  private count = 0;

  constructor(
    private readonly ranges: readonly TimeRange[],
    private readonly directory: string,
  ) {}

  /** Events before the first segment belong to it; those behind the last one to none. */
  async add(event: KlvEvent): Promise<void> {
    const index = this.find(event.time);
    if (index === null) return;
    if (index !== this.index || this.waiting > telemetryBudget.waitingEvents) await this.spool();
    this.index = index;
    const box = emsgBox(event, ++this.count);
    this.boxes.push(box);
    this.waiting += box.length;
  }

  private find(time: number): number | null {
    const holds = (index: number): boolean => {
      const range = this.ranges[index];
      return range !== undefined && time >= range.start && time < range.start + range.duration;
    };
    if (holds(this.index)) return this.index;
    if (holds(this.index + 1)) return this.index + 1;
    if (time < (this.ranges[0]?.start ?? 0)) return 0;
    // By halves: events may jump to and fro.
    let [low, high] = [0, this.ranges.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (time >= (this.ranges[middle]?.start ?? Infinity)) low = middle;
      else high = middle - 1;
    }
    return holds(low) ? low : null;
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
    this.waiting = 0;
  }

  /** Gives each segment that has events the path of a file with its boxes, and forgets them. */
  async finish(write: (index: number, boxes: string) => Promise<void>): Promise<void> {
    await this.spool();
    for (const index of this.touched) await write(index, this.file(index));
    await rm(this.directory, { recursive: true, force: true });
  }
}
