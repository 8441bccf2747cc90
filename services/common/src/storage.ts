// Where files live: a directory (a disk, or a volume shared by all pods). Keys are made by us, `a/b/c`; an object is there whole
// or not at all, and what is reported as stored outlives a power loss.
import { mkdir } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { DirectoryStorage } from './directory-storage.js';

export interface Stored {
  sizeBytes: number;
  /** Lower-case hex. */
  sha256: string;
}

export interface Entry {
  name: string;
  directory: boolean;
  /** Of a directory: when an entry was last added or removed. */
  modified: Date;
  /** Whether it is a file that was not written to its end. */
  temporary: boolean;
}

/** Every method throws STORAGE_FAILED where the storage is not mounted or fails, DISK_FULL where it has no room. */
export interface Storage {
  /** Writes a stream; memory stays flat. `onSize` may throw to stop it; nothing is left then. */
  putStream(key: string, source: AsyncIterable<Uint8Array>, onSize?: (sizeBytes: number) => void): Promise<Stored>;
  /**
   * Stores a local file, which may be moved away; it is read once. Its folders are not durable before `sync`: many files are
   * stored together.
   */
  putFile(key: string, path: string): Promise<Stored>;
  put(key: string, bytes: string | Uint8Array): Promise<void>;
  /** Stores only if there is nothing under the key yet; of several callers exactly one gets true. */
  putNew(key: string, bytes: string | Uint8Array): Promise<boolean>;
  /** Makes all folders at and below the prefix, and those above it, outlive a power loss. */
  sync(prefix: string): Promise<void>;
  /** Null when there is none. */
  get(key: string): Promise<Buffer | null>;
  size(key: string): Promise<number | null>;
  /** Bytes `start` to `end`, both included. */
  read(key: string, start: number, end: number): Readable;
  /** Names directly below a prefix, sorted. */
  children(prefix: string): Promise<string[]>;
  /** What lies directly below a prefix, half-written files among it. */
  entries(prefix: string): Promise<Entry[]>;
  /** One entry of `entries`: a file, or a directory with all that is in it. */
  remove(prefix: string, name: string): Promise<void>;
  /** Removes the folder of a prefix if nothing lies in it. */
  removeEmpty(prefix: string): Promise<void>;
  /** A path at which the object can be read on this machine. */
  localPath(key: string): Promise<string>;
  /** Room that is left, and all there is, bytes. */
  room(): Promise<{ freeBytes: number; totalBytes: number }>;
  /** Tries all that is needed of the storage; throws STORAGE_FAILED with what an operator has to set. */
  check(): Promise<void>;
}

/** Marks the root as that of a new storage when it has no mark yet. */
export async function openStorage(directory: string): Promise<Storage> {
  await mkdir(directory, { recursive: true });
  const storage = new DirectoryStorage(directory);
  await storage.mark();
  return storage;
}
