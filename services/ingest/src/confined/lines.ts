// Lines of a stream from a process that is not trusted: memory stays bounded, whatever comes.

const newline = 0x0a;

/** What becomes of a line that is longer than allowed: its beginning is kept, or nobody wants the stream any more. */
export type TooLong = 'cut' | 'stop';

export class LineSplitter {
  private parts: Buffer[] = [];
  private size = 0;
  private skipping = false;

  /**
   * `longest`: bytes of a line. `onLine` gets each line without its end. With `stop` the first line that is too long makes
   * `push` return false, and nothing more is to be pushed.
   */
  constructor(
    private readonly longest: number,
    private readonly tooLong: TooLong,
    private readonly onLine: (line: string) => void,
  ) {}

  push(chunk: Buffer): boolean {
    for (let from = 0; from < chunk.length;) {
      const found = chunk.indexOf(newline, from);
      const end = found < 0 ? chunk.length : found;
      if (!this.keep(chunk.subarray(from, end))) return false;
      if (found >= 0) this.give();
      from = end + 1;
    }
    return true;
  }

  /** The stream is over: what stands behind the last line's end is a line, too. */
  end(): void {
    if (this.size > 0) this.give();
  }

  private keep(bytes: Buffer): boolean {
    const room = this.longest - this.size;
    if (bytes.length > room && this.tooLong === 'stop') return false;
    if (!this.skipping && bytes.length > 0) {
      const kept = bytes.subarray(0, room);
      this.parts.push(Buffer.from(kept));
      this.size += kept.length;
    }
    this.skipping ||= bytes.length > room;
    return true;
  }

  private give(): void {
    const line = Buffer.concat(this.parts).toString('utf8');
    this.parts = [];
    this.size = 0;
    this.skipping = false;
    this.onLine(line);
  }
}
