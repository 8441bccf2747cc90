// How many bytes each user has stored: uploads and layers, from their records in the storage. Records never change, so each is read
// once; what other processes have stored, or what was removed, is seen by the next look.
import { setTimeout as sleep } from 'node:timers/promises';
import type { File } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Logger } from '@sortie/common/log';
import type { Storage } from '@sortie/common/storage';
import type { Catalogue } from './catalogue.js';

interface Part {
  owner: string;
  sizeBytes: number;
}

/** What is looked at: its name, which is never used again, and how it is read. */
type Found = readonly [name: string, read: () => Promise<Part | null>];

const lookMs = 30_000;

export class Usage {
  private parts = new Map<string, Part>();
  private sums = new Map<string, number>();
  private first: Promise<void> | null = null;

  constructor(
    private readonly storage: Pick<Storage, 'children'>,
    private readonly catalogue: Pick<Catalogue, 'file' | 'pointer'>,
  ) {}

  /** Bytes of one user. The first look is waited for. */
  async of(owner: string): Promise<number> {
    this.first ??= this.look();
    try {
      await this.first;
    } catch (error) {
      // A storage that was away is asked again.
      this.first = null;
      throw error;
    }
    return this.sums.get(owner) ?? 0;
  }

  /** An upload that this process has stored counts at once. */
  note({ fileId, owner, sizeBytes }: File): void {
    this.set(fileId, { owner, sizeBytes });
  }

  private set(name: string, part: Part): void {
    if (this.parts.has(name)) return;
    this.parts.set(name, part);
    this.sums.set(part.owner, (this.sums.get(part.owner) ?? 0) + part.sizeBytes);
  }

  private remove(name: string): void {
    const part = this.parts.get(name);
    if (!part) return;
    this.parts.delete(name);
    this.sums.set(part.owner, (this.sums.get(part.owner) ?? 0) - part.sizeBytes);
  }

  async look(): Promise<void> {
    // What is noted while the names are read is not among them, and stays.
    const before = [...this.parts.keys()];
    const there = new Set<string>();
    for await (const [name, read] of this.found()) {
      there.add(name);
      if (this.parts.has(name)) continue;
      const part = await read();
      if (part) this.set(name, part);
    }
    for (const name of before) if (!there.has(name)) this.remove(name);
  }

  private async *found(): AsyncGenerator<Found, void, undefined> {
    for (const fileId of await this.storage.children('uploads')) {
      // One that comes in at this moment has no record yet.
      yield [fileId, () => this.catalogue.file(fileId).catch(() => null)];
    }
    for (const service of await this.storage.children('layers')) {
      for (const layerId of await this.storage.children(`layers/${service}`)) {
        const read = async (): Promise<Part | null> =>
          (await this.catalogue.pointer(service, Number(layerId)))?.layer ?? null;
        yield [`${service}/${layerId}`, read];
      }
    }
  }
}

/** Looks again and again until the signal aborts. */
export async function keepUsage(usage: Usage, signal: AbortSignal, log: Logger): Promise<void> {
  while (!signal.aborted) {
    await sleep(lookMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    await usage
      .look()
      .catch((error: unknown) => log.debug({ err: error }, 'the usage could not be read; that is tried again'));
  }
}
