// Files below a directory that a confined process could write to. No symbolic link is followed, neither at the end of a path
// nor on the way: each folder is opened from the one above, as openat(2) with O_NOFOLLOW does. Node has no openat; a
// descriptor's name in /proc/self/fd stands for it (proc_pid_fd(5)).
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

async function openBelow(root: string, path: string, flags: number): Promise<FileHandle> {
  const names = path.split('/');
  const last = names.pop() ?? '';
  if ([...names, last].some((name) => name === '' || name === '.' || name === '..'))
    throw new Error(`"${path}" is no path below a directory.`);
  let folder = await open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const name of names) {
      const next = await open(`/proc/self/fd/${folder.fd}/${name}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      await folder.close();
      folder = next;
    }
    return await open(`/proc/self/fd/${folder.fd}/${last}`, flags | O_NOFOLLOW, 0o644);
  } finally {
    await folder.close();
  }
}

/** To read; a pipe is not waited for, and nothing but a file is given. */
export async function openFileBelow(root: string, path: string): Promise<FileHandle> {
  const file = await openBelow(root, path, O_RDONLY | O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`${path} is no file.`);
}

/** Of at most `most` bytes; more is an error. */
export async function readFileBelow(root: string, path: string, most: number): Promise<Buffer> {
  const file = await openFileBelow(root, path);
  try {
    const { size } = await file.stat();
    if (size > most) throw new Error(`${path} has ${size} bytes; at most ${most} are read.`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Writes a file that is not there yet. */
export async function writeFileBelow(root: string, path: string, content: string | Buffer): Promise<void> {
  const file = await openBelow(root, path, O_WRONLY | O_CREAT | O_EXCL);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}
