// Reads of a file at any place, with the bytes around them kept: headers stand close together.
import type { FileHandle } from 'node:fs/promises';
import { containerBudget } from '../budgets.js';

const windowBytes = 64 * 1024;

/** Counts what a file's tables make us read. */
export class SampleBudget {
  private samples = 0;
  private bytes = 0;
  /** It was not enough: what comes later in the file is left out. */
  spent = false;

  constructor(private readonly fileBytes: number) {}

  /** False when there is none left. */
  take(bytes: number): boolean {
    this.samples++;
    this.bytes += bytes;
    this.spent ||=
      this.samples > containerBudget.samples(this.fileBytes) ||
      this.bytes > containerBudget.sampleBytes(this.fileBytes);
    return !this.spent;
  }
}

export class FileReader {
  readonly budget: SampleBudget;
  private window = Buffer.alloc(0);
  private at = 0;

  constructor(
    private readonly file: FileHandle,
    readonly size: number,
  ) {
    this.budget = new SampleBudget(size);
  }

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

  /** So too, without what stands around: for places far apart. */
  async peek(at: number, length: number): Promise<Buffer> {
    if (at >= this.at && at + length <= this.at + this.window.length) return this.read(at, length);
    const wanted = Math.max(0, Math.min(length, this.size - at));
    const { buffer, bytesRead } = await this.file.read(Buffer.alloc(wanted), 0, wanted, at);
    return buffer.subarray(0, bytesRead);
  }
}

/** One sample of a track of metadata, or the first bytes of one of a track of pictures. */
export interface Sample {
  track: number;
  picture: boolean;
  /** What the file calls the form of the track: the code of its sample entry, or its codec identifier; empty without one. */
  format: string;
  bytes: Buffer;
  /** On the container's clock, seconds. */
  time: number;
}

/** What a reader of samples is to give; it may be changed while it reads. */
export interface Wanted {
  /** Beginnings of pictures, too. */
  pictures: boolean;
  /** Tracks that are of no use. */
  without: Set<number>;
}

/** Of a picture: parameter sets and supplements come before its slices. */
export const pictureBytes = 1504;
