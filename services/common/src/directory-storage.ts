// The storage in a directory.
import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { hashSynced, syncFolder, writeSynced } from './durable.js';
import { fromFileSystem, SortieError } from './errors.js';
import type { Entry, Storage, Stored } from './storage.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const keyForm = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
/** Lies in the root of every storage: where it is missing, something else is mounted there, or nothing. */
const markName = '.sortie-storage';

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const noFile = (cause?: unknown): SortieError =>
  new SortieError('STORAGE_FAILED', 'What is to be stored is a link or no file; it is not followed.', { cause });

/** What fails in each part of the check, and what an operator sets then. */
const advice = {
  write:
    'it cannot be written; give the directory to the user that Sortie runs as (in a cluster: uid and gid 10001; fsGroup does not reach NFS, EFS needs an access point, csi-driver-nfs its mountPermissions)',
  link: 'it takes no hard links; use a file system that does (a disk, NFS, CephFS; not SMB or a mounted bucket)',
  rename: 'files cannot be renamed in it; use a file system that can (a disk, NFS, CephFS; not a mounted bucket)',
  read: 'what was written does not come back as it was; look at the mount options',
  delete: 'files cannot be deleted from it; look at its owner, its access rights and the mount options',
} as const;

export class DirectoryStorage implements Storage {
  private readonly root: string;

  /** Made plain: `/a/b/` and `/a/b` are one root, which is compared with the parents of keys. */
  constructor(root: string) {
    this.root = resolve(root);
  }

  /** Keys never leave the root, whatever they were made of. */
  private path(key: string): string {
    if (key === '') return this.root;
    if (!keyForm.test(key)) throw new SortieError('INTERNAL', `"${key}" is not a storage key.`);
    return join(this.root, key);
  }

  async mark(): Promise<void> {
    try {
      await writeSynced(join(this.root, markName), 'This directory is a storage of Sortie. Do not remove this file.\n');
      await syncFolder(this.root);
    } catch (error) {
      // Of a storage that cannot be written `check` says more.
      if (codeOf(error) !== 'EEXIST' && !fromFileSystem(error)) throw error;
    }
  }

  private async present(): Promise<void> {
    try {
      await stat(join(this.root, markName));
    } catch (cause) {
      throw new SortieError('STORAGE_FAILED', `The storage is not there: ${markName} is missing in its root. Is the volume mounted?`, { cause }); // prettier-ignore
    }
  }

  /** What was thrown, as an error of the list. */
  private failure(error: unknown): unknown {
    if (error instanceof SortieError) return error;
    if (isMissing(error)) {
      return new SortieError('STORAGE_FAILED', 'The storage changed while it was written; try again.', {
        cause: error,
      });
    }
    return fromFileSystem(error) ?? error;
  }

  /** Null for what is missing in a storage that is there. */
  private async unlessMissing<T>(act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      if (!isMissing(error)) throw this.failure(error);
      await this.present();
      return null;
    }
  }

  /** Makes a folder, but never the root: a volume that is not mounted must not get a new tree under its name. */
  private async folder(path: string): Promise<void> {
    if (path === this.root) return this.present();
    try {
      await mkdir(path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return;
      if (codeOf(error) !== 'ENOENT') throw error;
      await this.folder(dirname(path));
      await mkdir(path).catch((again: unknown) => {
        if (codeOf(again) !== 'EEXIST') throw again;
      });
    }
    await syncFolder(dirname(path));
  }

  /** Writes beside the target and lets `move` put it there, so that no reader sees half of it. */
  private async place<T>(
    key: string,
    write: (temporary: string) => Promise<T>,
    move: (temporary: string, target: string) => Promise<void> = rename,
  ): Promise<T> {
    const target = this.path(key);
    const folder = dirname(target);
    const temporary = join(folder, `.${randomUUID()}`);
    try {
      await this.present();
      await this.folder(folder);
      const result = await write(temporary);
      await move(temporary, target);
      await syncFolder(folder);
      return result;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      // The folder of an object that did not come about.
      await rmdir(folder).catch(() => undefined);
      throw this.failure(error);
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
          // A write may take less than it was given; this one goes on until it has taken all, or fails.
          await file.writeFile(chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      return { sizeBytes, sha256: hash.digest('hex') };
    });
  }

  async putFile(key: string, path: string): Promise<Stored> {
    const target = this.path(key);
    // The file comes from where confined processes write: a link there could lead to what they may not read, a pipe to a wait.
    const from = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
      throw codeOf(error) === 'ELOOP' ? noFile(error) : this.failure(error);
    });
    try {
      if (!(await from.stat()).isFile()) throw noFile();
      await this.present();
      await this.folder(dirname(target));
      const { dev } = await from.stat();
      if (dev === (await stat(dirname(target))).dev) {
        const stored = await hashSynced(from, null);
        await rename(path, target);
        return stored;
      }
      // Another file system: copied, and only then shown.
      return await this.place(key, async (temporary) => {
        const to = await open(temporary, 'wx');
        try {
          return await hashSynced(from, to);
        } finally {
          await to.close();
        }
      });
    } catch (error) {
      throw this.failure(error);
    } finally {
      await from.close();
    }
  }

  put(key: string, bytes: string | Uint8Array): Promise<void> {
    return this.place(key, (temporary) => writeSynced(temporary, bytes));
  }

  async putNew(key: string, bytes: string | Uint8Array): Promise<boolean> {
    let isNew = true;
    await this.place(
      key,
      (temporary) => writeSynced(temporary, bytes),
      async (temporary, target) => {
        // link(2) fails when the target exists, also on NFS: exactly one of several wins, with the whole content.
        await link(temporary, target).catch((error: unknown) => {
          if (codeOf(error) !== 'EEXIST') throw error;
          isNew = false;
        });
        await rm(temporary, { force: true });
      },
    );
    return isNew;
  }

  async sync(prefix: string): Promise<void> {
    const top = this.path(prefix);
    try {
      const entries = await readdir(top, { withFileTypes: true, recursive: true });
      const below = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
      for (const folder of [...below, top]) await syncFolder(folder);
      for (let folder = dirname(top); folder.startsWith(this.root); folder = dirname(folder)) await syncFolder(folder);
    } catch (error) {
      throw this.failure(error);
    }
  }

  get(key: string): Promise<Buffer | null> {
    return this.unlessMissing(() => readFile(this.path(key)));
  }

  async size(key: string): Promise<number | null> {
    const found = await this.unlessMissing(() => stat(this.path(key)));
    return found?.isFile() ? found.size : null;
  }

  read(key: string, start: number, end: number): Readable {
    return createReadStream(this.path(key), { start, end, highWaterMark: 256 * 1024 });
  }

  async children(prefix: string): Promise<string[]> {
    const names = await this.unlessMissing(() => readdir(this.path(prefix)));
    return (names ?? []).filter((name) => !name.startsWith('.')).sort();
  }

  async entries(prefix: string): Promise<Entry[]> {
    const folder = this.path(prefix);
    const found = (await this.unlessMissing(() => readdir(folder, { withFileTypes: true }))) ?? [];
    const entries: Entry[] = [];
    for (const entry of found) {
      const status = await stat(join(folder, entry.name)).catch(() => null);
      if (!status) continue;
      entries.push({
        name: entry.name,
        directory: entry.isDirectory(),
        modified: status.mtime,
        temporary: entry.name.startsWith('.'),
      });
    }
    return entries;
  }

  async remove(prefix: string, name: string): Promise<void> {
    if (name.includes('/') || name === '.' || name === '..') throw new Error(`"${name}" is no entry's name`);
    await rm(join(this.path(prefix), name), { recursive: true, force: true }).catch((error: unknown) => {
      throw this.failure(error);
    });
  }

  async removeEmpty(prefix: string): Promise<void> {
    await rmdir(this.path(prefix)).catch(() => undefined);
  }

  localPath(key: string): Promise<string> {
    return Promise.resolve(this.path(key));
  }

  async room(): Promise<{ freeBytes: number; totalBytes: number }> {
    await this.present();
    const { bavail, blocks, bsize } = await statfs(this.root);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  async check(): Promise<void> {
    await this.mark();
    await this.present();
    const folder = join(this.root, `.check-${randomUUID()}`);
    const [first, second, third] = ['first', 'second', 'third'].map((name) => join(folder, name)) as [string, string, string]; // prettier-ignore
    const content = randomUUID();
    const act = async (what: keyof typeof advice, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (cause) {
        const full = fromFileSystem(cause);
        if (full?.code === 'DISK_FULL') throw full;
        throw new SortieError('STORAGE_FAILED', `The storage is of no use (${codeOf(cause)}): ${advice[what]}.`, {
          cause,
        });
      }
    };
    try {
      await act('write', async () => {
        await mkdir(folder);
        await writeSynced(first, content);
      });
      await act('link', () => link(first, second));
      await act('rename', () => rename(second, third));
      await act('read', async () => {
        if ((await readFile(third, 'utf8')) !== content) throw new Error('other content');
      });
      await act('delete', async () => {
        await rm(third);
        await rm(folder, { recursive: true });
      });
    } finally {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
