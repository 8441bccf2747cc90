// States as cues: each lasts until the next one begins.
import type { Cue, CueSegmenter } from '../klv/cues.js';

/** A cue whose successor does not come is over by then, seconds. */
const longestCue = 30;

/** Of packets at the same moment the last counts; late ones stand where they come. */
export class CueWriter {
  private waiting: { start: number; text: string } | null = null;

  constructor(
    private readonly segmenter: CueSegmenter,
    private readonly duration: number,
  ) {}

  async add(time: number, text: string): Promise<void> {
    // What was sent before the first frame holds when that comes.
    const start = Math.max(0, this.waiting?.start ?? 0, time);
    if (this.waiting && start > this.waiting.start) await this.segmenter.add(this.cue(this.waiting, start));
    this.waiting = { start, text };
  }

  async end(): Promise<void> {
    if (this.waiting && this.waiting.start < this.duration) {
      await this.segmenter.add(this.cue(this.waiting, Math.min(this.duration, this.waiting.start + longestCue)));
    }
    await this.segmenter.end();
  }

  private cue({ start, text }: { start: number; text: string }, next: number): Cue {
    return { start, end: Math.min(next, start + longestCue), text };
  }
}
