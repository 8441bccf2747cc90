// The identities of all programs on one machine, made at the first start: readable by the user that runs Sortie, and by nobody else.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveKey } from './identity.js';
import { newStatementKeys } from './statement.js';

/** What each program gets; the operator's is for people and scripts. */
const holders = {
  gateway: { callers: false, signs: true, hears: false },
  'ingest-api': { callers: true, signs: false, hears: true },
  job: { callers: true, signs: false, hears: true },
  worker: { callers: false, signs: false, hears: false },
  operator: { callers: false, signs: false, hears: false },
} as const;
export type Holder = keyof typeof holders;

/** Where the identity of a program lies below `root`. */
export const identityOf = (root: string, holder: Holder): string => join(root, holder);

/** What a caller of a machine shows: the content of its `caller.key`. `name`: also `client/<user>`. */
export const callerKey = (master: Buffer, name: string): string => `${name}:${deriveKey(master, name).toString('base64url')}`; // prettier-ignore

/** Makes them all, or leaves them as they are: they belong together. */
export function makeKeys(root: string): void {
  if (existsSync(root)) return;
  const fresh = `${root}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const master = randomBytes(32);
  const statement = newStatementKeys();
  for (const [holder, { callers, signs, hears }] of Object.entries(holders)) {
    const directory = join(fresh, holder);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const put = (name: string, content: string): void => writeFileSync(join(directory, name), content, { mode: 0o600 });
    put('caller.key', callerKey(master, holder));
    if (callers) put('callers.key', `${master.toString('base64')}\n`);
    if (signs) put('statement.key', statement['statement.key']);
    if (hears) put('statement.pub', statement['statement.pub']);
  }
  renameSync(fresh, root);
}
