// A folder with the driver stand-in, for processes that a test starts with it in their LD_LIBRARY_PATH.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../../../native/standin', import.meta.url));

export interface Standin {
  folder: string;
  /** Faults for processes that start from now on, see native/standin/README.md. */
  set(settings: Record<string, string>): void;
}

export function makeStandin(): Standin {
  execFileSync(join(source, 'build.sh'));
  const folder = mkdtempSync(join(tmpdir(), 'sortie-standin-'));
  chmodSync(folder, 0o755);
  for (const name of readdirSync(join(source, 'build'))) {
    if (name.startsWith('lib')) copyFileSync(join(source, 'build', name), join(folder, name));
  }
  const set = (settings: Record<string, string>): void =>
    writeFileSync(
      join(folder, 'standin.conf'),
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
  set({});
  return { folder, set };
}
