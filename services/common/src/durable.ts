// Files and folders that outlive a power loss: fsync(2) makes a file's content durable, and that of its folder the name.
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Stored } from './storage.js';

/** Writes a new file, synced. */
export async function writeSynced(path: string, bytes: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What file systems without syncing of folders say (SMB, some of FUSE): there it happens by itself, or not at all. */
const noFolderSync: readonly string[] = ['EINVAL', 'EISDIR', 'EBADF', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EACCES'];

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && noFolderSync.includes(String(error.code)))) throw error;
  } finally {
    await folder.close();
  }
}

const chunkBytes = 1 << 20;

/** Reads a file once: hashes it, copies it to `to` where there is one, and syncs what is kept. */
export async function hashSynced(from: FileHandle, to: FileHandle | null): Promise<Stored> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let sizeBytes = 0;
  for (;;) {
    const { bytesRead } = await from.read(buffer, 0, chunkBytes, sizeBytes);
    if (bytesRead === 0) break;
    const bytes = buffer.subarray(0, bytesRead);
    hash.update(bytes);
    if (to) await to.writeFile(bytes);
    sizeBytes += bytesRead;
  }
  await (to ?? from).datasync();
  return { sizeBytes, sha256: hash.digest('hex') };
}
