// The directory that a confined process has written to, looked at after its end and before anybody reads it. What is not
// exactly what the work makes could lead a reader elsewhere: a link, a device, a file that others hold as well.
import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { SortieError } from '@sortie/common/errors';

/** Files that may be there, by their paths relative to the directory; `true` for those that have to be. */
export type KnownFiles = ReadonlyMap<string, boolean>;

const refused = (path: string, why: string): SortieError =>
  new SortieError(
    'ENGINE_CRASHED',
    `What a confined process left behind is refused: ${JSON.stringify(path.slice(0, 100))} ${why}.`,
  );

const setId = 0o6000;
const kindOf = (entry: Stats): string =>
  entry.isSymbolicLink() ? 'a symbolic link' : entry.isFIFO() ? 'a pipe' : entry.isSocket() ? 'a socket' : 'a device';

/** Folders of those files, and those above them. */
function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const path of paths)
    for (let above = posix.dirname(path); above !== '.'; above = posix.dirname(above)) folders.add(above);
  return folders;
}

/**
 * The size of each file. Throws ENGINE_CRASHED for whatever is no plain file or folder of those that are known, has another
 * owner than the directory, or is held under a second name; and when a file is missing. No link is followed.
 */
export async function inspectOutput(directory: string, known: KnownFiles): Promise<Map<string, number>> {
  const folders = foldersOf(known.keys());
  const root = await lstat(directory);
  if (!root.isDirectory()) throw refused('.', 'is no folder any more');
  const sizes = new Map<string, number>();

  const look = async (path: string): Promise<void> => {
    const entry = await lstat(join(directory, path));
    if (!entry.isFile() && !entry.isDirectory()) throw refused(path, `is ${kindOf(entry)}`);
    if (entry.uid !== root.uid) throw refused(path, 'belongs to another user');
    if (entry.isDirectory()) {
      if (!folders.has(path)) throw refused(path, 'is no folder of the work');
      await walk(path);
      return;
    }
    if (!known.has(path)) throw refused(path, 'is no file of the work');
    if (entry.nlink !== 1) throw refused(path, 'has a second name');
    if ((entry.mode & setId) !== 0) throw refused(path, 'would give rights to who runs it');
    sizes.set(path, entry.size);
  };
  // Entries are taken one by one: what is not known ends the walk, so that a flood of names takes no memory.
  const walk = async (folder: string): Promise<void> => {
    for await (const { name } of await opendir(join(directory, folder))) await look(posix.join(folder, name));
  };
  await walk('');
  for (const [path, needed] of known) if (needed && !sizes.has(path)) throw refused(path, 'is missing');
  return sizes;
}
