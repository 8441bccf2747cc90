// The keys that sign tokens: a file is one key, and a folder holds one in each file. The last by name signs, all of them verify, so
// that a new key is added beside the old one, and the old one goes when the last token that it signed has expired.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@sortie/common/log';
import { entriesOf, WatchedFile } from '@sortie/common/watched-file';
import { checkKeys } from '../arcgis/tokens.js';

async function readKeys(path: string): Promise<readonly Buffer[]> {
  const files = (await stat(path)).isDirectory() ? (await entriesOf(path)).map((name) => join(path, name)) : [path];
  try {
    return checkKeys(await Promise.all(files.reverse().map((file) => readFile(file))));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

export interface KeyRing {
  /** The one that signs comes first. */
  keys: () => readonly Buffer[];
  stop: () => void;
}

/** Throws when there is no good key; later on, the keys that were read last stay in force. */
export async function openKeys(path: string, log: Logger): Promise<KeyRing> {
  const file = new WatchedFile<readonly Buffer[]>(path, readKeys, []);
  await file.refresh();
  file.watch(log);
  return { keys: () => file.value, stop: () => file.stop() };
}
