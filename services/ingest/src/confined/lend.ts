// A directory that is lent to the user that confined processes run as, and taken back afterwards. Needed where this process is
// root, whose children are another user (sortie-confine). Each folder is held open while its entries change hands, so that no
// name of that user's leads astray; what is no plain file or folder with one name keeps its owner, and is refused later.
import { constants, type Stats } from 'node:fs';
import { lchown, lstat, open, opendir, type FileHandle } from 'node:fs/promises';

export interface User {
  uid: number;
  gid: number;
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** What the work makes is less deep; a process that makes folders in folders must not use up this one's descriptors. */
const mostLevels = 8;
/** As root: who is called by these numbers. */
const self: User = { uid: 0, gid: 0 };

const openFolder = (path: string): Promise<FileHandle> => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
const isPlain = (entry: Stats): boolean => entry.isDirectory() || (entry.isFile() && entry.nlink === 1);

/** All below a folder that belongs to the one, for the other. */
async function giveBelow(folder: FileHandle, from: User, to: User, levels: number): Promise<void> {
  const inside = `/proc/self/fd/${folder.fd}`;
  for await (const { name } of await opendir(inside)) {
    const path = `${inside}/${name}`;
    const entry = await lstat(path);
    if (entry.uid !== from.uid || !isPlain(entry)) continue;
    if (!entry.isDirectory()) await lchown(path, to.uid, to.gid);
    else if (levels > 1) await give(path, from, to, levels - 1);
  }
}

/** The folder itself changes hands first on its way back, and last on its way out: the other one never works beside. */
async function give(path: string, from: User, to: User, levels = mostLevels): Promise<void> {
  const folder = await openFolder(path);
  try {
    const back = to === self;
    if (back) await folder.chown(to.uid, to.gid);
    await giveBelow(folder, from, to, levels);
    if (!back) await folder.chown(to.uid, to.gid);
  } finally {
    await folder.close();
  }
}

/** Lends a directory while `act` runs. `user`: null where children are the same user. */
export async function whileLent<T>(directory: string | null, user: User | null, act: () => Promise<T>): Promise<T> {
  if (!directory || !user) return act();
  await give(directory, self, user);
  try {
    return await act();
  } finally {
    await give(directory, user, self);
  }
}
