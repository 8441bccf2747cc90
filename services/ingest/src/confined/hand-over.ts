// What a confined process gets at is opened here and handed over as descriptors, which it opens again by their names in
// /proc/self/fd (proc_pid_fd(5)). So the user that it runs as need not be let into the folders above: where root starts Sortie
// that is another user, who has no business in root's home. Its own rights to the file itself count all the same.
import { open, type FileHandle } from 'node:fs/promises';
import type { Program } from './run.js';

/** The name under which a path that is handed over, or one below it, is found there; any other text is left as it is. */
export type Inside = (path: string) => string;

export interface HandedOver {
  /** Descriptors of this process, in the order in which the child has them from the first one on. */
  files: readonly number[];
  inside: Inside;
  /** Names of what may be read and written to there. */
  read: readonly string[];
  write: readonly string[];
  close: () => Promise<void>;
}

/** Behind standard input, output, error and what is told (serve.ts). */
const firstDescriptor = 4;

type Given = Pick<Program, 'read' | 'write' | 'codeRoot'>;

export async function handOver({ read, write, codeRoot }: Given): Promise<HandedOver> {
  const paths = [...new Set([...read, ...(write === null ? [] : [write]), ...(codeRoot === null ? [] : [codeRoot])])];
  const handles: FileHandle[] = [];
  const close = async (): Promise<void> => {
    for (const handle of handles) await handle.close();
  };
  try {
    for (const path of paths) handles.push(await open(path));
  } catch (error) {
    await close();
    throw error;
  }
  const names = new Map(paths.map((path, index) => [path, `/proc/self/fd/${firstDescriptor + index}`]));
  return {
    files: handles.map(({ fd }) => fd),
    inside: (path) => nameIn(names, path),
    read: read.map((path) => nameIn(names, path)),
    write: write === null ? [] : [nameIn(names, write)],
    close,
  };
}

/** By the nearest of the folders that are known. */
function nameIn(names: ReadonlyMap<string, string>, path: string): string {
  const above = [...names.keys()].filter((known) => path === known || path.startsWith(`${known}/`));
  const nearest = above.reduce((longest, known) => (known.length > longest.length ? known : longest), '');
  const name = names.get(nearest);
  return name === undefined ? path : name + path.slice(nearest.length);
}
