// Which ffprobe reads strangers' files: the machine's own where it is newer than that of the package ffprobe-static, which is
// of 2018 and there on every machine. Debian's has Debian's security updates besides.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { SortieError } from '@sortie/common/errors';
import type { Logger } from '@sortie/common/log';

export interface Ffprobe {
  path: string;
  /** The first line of `ffprobe -version`. */
  says: string;
}

/** Of a build from git, which tells no release: newer than all that has a number. */
const fromGit: readonly number[] = [Infinity];
const wordForm = /^ffprobe version (\S+)/;
const gitForm = /^(?:N-\d+-g|git-|\d{4}-\d\d-\d\d-git-)/;
const releaseForm = /^n?(\d{1,4}(?:\.\d{1,4}){0,3})(?![\d.])/;

/** The numbers of a release by the first line that a build says; null for what is no such line. */
export function versionOf(line: string): readonly number[] | null {
  const word = wordForm.exec(line)?.[1] ?? '';
  if (gitForm.test(word)) return fromGit;
  return releaseForm.exec(word)?.[1]?.split('.').map(Number) ?? null;
}

function isNewer(one: readonly number[], other: readonly number[]): boolean {
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const [left, right] = [one[index] ?? 0, other[index] ?? 0];
    if (left !== right) return left > right;
  }
  return false;
}

/** The newest; of equals the first. Null when none tells a version. */
export function newest(found: readonly Ffprobe[]): Ffprobe | null {
  let best: { ffprobe: Ffprobe; version: readonly number[] } | null = null;
  for (const ffprobe of found) {
    const version = versionOf(ffprobe.says);
    if (version && (!best || isNewer(version, best.version))) best = { ffprobe, version };
  }
  return best?.ffprobe ?? null;
}

const askMs = 10_000;

/** Null for what does not run here. */
async function ask(path: string): Promise<Ffprobe | null> {
  try {
    const { stdout } = await promisify(execFile)(path, ['-version'], { timeout: askMs });
    return { path, says: stdout.split('\n', 1)[0] ?? '' };
  } catch {
    return null;
  }
}

async function onPath(searched: string): Promise<string | null> {
  for (const folder of searched.split(delimiter).filter((name) => name.startsWith('/'))) {
    const path = join(folder, 'ffprobe');
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path; // prettier-ignore
  }
  return null;
}

/** Null where the package is left out, as in images. */
function packaged(): string | null {
  try {
    return (createRequire(import.meta.url)('ffprobe-static') as { path: string }).path;
  } catch {
    return null;
  }
}

export interface Wanted {
  /** The operator's word; it may be wrong for a moment, and is not judged. Empty where there is none. */
  path?: string | undefined;
  /** Where the machine's own is looked for, as in PATH. */
  searched?: string | undefined;
}

/** That of the operator, else the newest that there is. */
export async function findFfprobe(
  { path = '', searched = '/usr/local/bin:/usr/bin' }: Wanted = {},
  log?: Pick<Logger, 'info'>,
): Promise<string> {
  const paths = path !== '' ? [path] : [await onPath(searched), packaged()];
  const asked = await Promise.all(paths.filter((one) => one !== null).map(ask));
  const found = asked.filter((one) => one !== null);
  const chosen = path !== '' ? (found[0] ?? { path, says: '' }) : newest(found);
  if (!chosen)
    throw new SortieError('UNAVAILABLE', 'There is no ffprobe here: install ffmpeg, or name one in SORTIE_FFPROBE.');
  log?.info({ ffprobe: chosen.path, version: chosen.says }, 'ffprobe is chosen');
  return chosen.path;
}
