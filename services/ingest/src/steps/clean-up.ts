// Removing Temporary Files: whatever lies in the job's directory that is no part of the layer.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../run.js';

/** What a layer is made of, at the top of its directory. */
const layerEntries = [
  'ABR.m3u8',
  'abr.json',
  'audio',
  'poster.jpg',
  'previews.jpg',
  'previews.json',
  'telemetry',
  'video',
];

/** Names of what was removed. */
export async function cleanUp(run: Run): Promise<string[]> {
  const { directory } = run.parts;
  const strays = (await readdir(directory)).filter((name) => !layerEntries.includes(name));
  for (const name of strays) await rm(join(directory, name), { recursive: true, force: true });
  await removeHalfWritten(directory);
  return strays;
}

/** Segments are written under a temporary name and renamed when whole; what kept that name is none. */
async function removeHalfWritten(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith('.tmp')) await rm(join(entry.parentPath, entry.name), { force: true });
  }
}
