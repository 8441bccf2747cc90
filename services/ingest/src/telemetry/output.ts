// The files that telemetry becomes, and how large they may grow together.
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { SortieError } from '@sortie/common/errors';
import { telemetryBudget } from '../budgets.js';

export class OutputBudget {
  private read = 0;
  private written = 0;

  constructor(private readonly videoBytes: number) {}

  /** So many bytes of telemetry came in. */
  came(bytes: number): void {
    this.read += bytes;
  }

  /** So many bytes are about to be written. Throws LIMIT_EXCEEDED when that is too much. */
  take(bytes: number): void {
    this.written += bytes;
    const most = telemetryBudget.files(this.read, this.videoBytes);
    if (this.written <= most) return;
    throw new SortieError(
      'LIMIT_EXCEEDED',
      `The telemetry is far larger when it is written out than it came: ${this.read} bytes would become more than ${Math.floor(most)}. Leave it out, or publish less of it at once.`,
    );
  }
}

/** A text file that grows; never more of it in memory than the stream holds. */
export class GrowingFile {
  private readonly stream: WriteStream;
  private error: Error | null = null;

  constructor(
    path: string,
    private readonly budget: OutputBudget,
    head = '',
  ) {
    this.stream = createWriteStream(path);
    // A full disk shows whenever it likes; whoever writes next hears of it.
    this.stream.on('error', (error) => (this.error = error));
    if (head !== '') this.stream.write(head);
  }

  async write(text: string): Promise<void> {
    if (this.error) throw this.error;
    this.budget.take(Buffer.byteLength(text));
    if (!this.stream.write(text)) await once(this.stream, 'drain');
  }

  async end(tail = ''): Promise<void> {
    if (this.error) throw this.error;
    this.stream.end(tail);
    await finished(this.stream);
  }
}
