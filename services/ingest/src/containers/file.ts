// Reads of a file at any place, with the bytes around them kept: headers stand close together.
import type { FileHandle } from 'node:fs/promises';

const windowBytes = 64 * 1024;

export class FileReader {
  private window = Buffer.alloc(0);
  private at = 0;

  constructor(
    private readonly file: FileHandle,
    readonly size: number,
  ) {}

  /** Fewer bytes than asked for only at the end of the file. They are valid until the next read. */
  async read(at: number, length: number): Promise<Buffer> {
    if (at < this.at || at + length > this.at + this.window.length) {
      const wanted = Math.max(0, Math.min(Math.max(length, windowBytes), this.size - at));
      const { buffer, bytesRead } = await this.file.read(Buffer.alloc(wanted), 0, wanted, at);
      this.window = buffer.subarray(0, bytesRead);
      this.at = at;
    }
    return this.window.subarray(at - this.at, at - this.at + length);
  }
}

/** One sample of a track that is neither picture nor sound. */
export interface Sample {
  track: number;
  bytes: Buffer;
  /** On the container's clock, seconds. */
  time: number;
}

/** A sample longer than this is no telemetry. */
export const longestSample = 1024 * 1024;
