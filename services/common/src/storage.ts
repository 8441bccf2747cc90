// Where files live: a directory (a disk, or a volume shared by all pods). Keys are made by us, `a/b/c`; an object is
// there whole or not at all.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { SortieError } from './errors.js';

export interface Stored {
  sizeBytes: number;
  /** Lower-case hex. */
  sha256: string;
}

export interface Storage {
  /** Writes a stream; memory stays flat. `onSize` may throw to stop it; nothing is left then. */
  putStream(key: string, source: AsyncIterable<Uint8Array>, onSize?: (sizeBytes: number) => void): Promise<Stored>;
  /** Stores a local file; the file may be moved away. */
  putFile(key: string, path: string): Promise<Stored>;
  put(key: string, bytes: string | Uint8Array): Promise<void>;
  /** Stores only if there is nothing under the key yet; of several callers exactly one gets true. */
  putNew(key: string, bytes: string | Uint8Array): Promise<boolean>;
  /** Null when there is none. */
  get(key: string): Promise<Buffer | null>;
  size(key: string): Promise<number | null>;
  /** Bytes `start` to `end`, both included. */
  read(key: string, start: number, end: number): Readable;
  /** Names directly below a prefix, sorted. */
  children(prefix: string): Promise<string[]>;
  deleteAll(prefix: string): Promise<void>;
  /** A path at which the object can be read on this machine. */
  localPath(key: string): Promise<string>;
  /** Room that is left, and all there is, bytes. */
  room(): Promise<{ freeBytes: number; totalBytes: number }>;
}

const keyForm = /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const missing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** SHA-256 of a file, read once. */
export async function hashFile(path: string): Promise<Stored> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

class DirectoryStorage implements Storage {
  constructor(private readonly root: string) {}

  /** Keys never leave the root, whatever they were made of. */
  private path(key: string): string {
    if (!keyForm.test(key)) throw new SortieError('INTERNAL', `"${key}" is not a storage key.`);
    return join(this.root, key);
  }

  /** Writes beside the target and moves it there, so that no reader sees half of it. */
  private async place<T>(key: string, write: (temporary: string) => Promise<T>): Promise<T> {
    const target = this.path(key);
    await mkdir(dirname(target), { recursive: true });
    const temporary = join(dirname(target), `.${randomUUID()}`);
    try {
      const result = await write(temporary);
      await rename(temporary, target);
      return result;
    } catch (error) {
      await rm(temporary, { force: true });
      throw storageError(error);
    }
  }

  putStream(key: string, source: AsyncIterable<Uint8Array>, onSize?: (sizeBytes: number) => void): Promise<Stored> {
    return this.place(key, async (temporary) => {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      const file = await open(temporary, 'wx');
      try {
        for await (const chunk of source) {
          sizeBytes += chunk.length;
          onSize?.(sizeBytes);
          hash.update(chunk);
          await file.writev([chunk]);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      return { sizeBytes, sha256: hash.digest('hex') };
    });
  }

  async putFile(key: string, path: string): Promise<Stored> {
    const stored = await hashFile(path);
    const target = this.path(key);
    await mkdir(dirname(target), { recursive: true });
    try {
      await rename(path, target);
    } catch {
      // Another file system: copy, and only then show it.
      await this.place(key, (temporary) => copyFile(path, temporary));
    }
    return stored;
  }

  put(key: string, bytes: string | Uint8Array): Promise<void> {
    return this.place(key, (temporary) => writeSynced(temporary, bytes));
  }

  async putNew(key: string, bytes: string | Uint8Array): Promise<boolean> {
    const target = this.path(key);
    await mkdir(dirname(target), { recursive: true });
    const temporary = join(dirname(target), `.${randomUUID()}`);
    try {
      await writeSynced(temporary, bytes);
      // link(2) fails when the target exists, also on NFS: exactly one of several wins, with the whole content.
      await link(temporary, target);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw storageError(error);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string): Promise<Buffer | null> {
    try {
      return await readFile(this.path(key));
    } catch (error) {
      if (missing(error)) return null;
      throw storageError(error);
    }
  }

  async size(key: string): Promise<number | null> {
    try {
      const found = await stat(this.path(key));
      return found.isFile() ? found.size : null;
    } catch (error) {
      if (missing(error)) return null;
      throw storageError(error);
    }
  }

  read(key: string, start: number, end: number): Readable {
    return createReadStream(this.path(key), { start, end, highWaterMark: 256 * 1024 });
  }

  async children(prefix: string): Promise<string[]> {
    try {
      return (await readdir(this.path(prefix))).filter((name) => !name.startsWith('.')).sort();
    } catch (error) {
      if (missing(error)) return [];
      throw storageError(error);
    }
  }

  async deleteAll(prefix: string): Promise<void> {
    await rm(this.path(prefix), { recursive: true, force: true });
  }

  localPath(key: string): Promise<string> {
    return Promise.resolve(this.path(key));
  }

  async room(): Promise<{ freeBytes: number; totalBytes: number }> {
    const { bavail, blocks, bsize } = await statfs(this.root);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }
}

async function writeSynced(path: string, bytes: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function storageError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof SortieError) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new SortieError('DISK_FULL', 'The storage is full; free some space and try again.', { cause: error });
  }
  return new SortieError(
    'STORAGE_FAILED',
    `The storage failed (${String(error.code)}); the operator has to look at it.`,
    {
      cause: error,
    },
  );
}

export async function openStorage(directory: string): Promise<Storage> {
  await mkdir(directory, { recursive: true });
  return new DirectoryStorage(directory);
}
