// What the confinement of this machine is worth: asked of the launcher itself, told once, and measured.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SortieError } from '@sortie/common/errors';
import { confinePath } from '@sortie/native';
import { Fields } from './fields.js';
import type { User } from './lend.js';

/** Who closes a way out: Landlock, the filter of system calls, or nobody. */
export type Closed = 'landlock' | 'seccomp' | 'none';

export interface Confinement {
  /** Landlock's ABI; 0 where the kernel has none. */
  landlock: number;
  /** Whether files that are not named are out of reach. */
  files: boolean;
  truncate: Closed;
  network: Closed;
  signals: Closed;
  abstractSockets: Closed;
  seccomp: boolean;
  capabilities: 'dropped' | 'kept';
  /** The user and the group that run there: never root, unless best effort is all there is. */
  uid: number;
  gid: number;
  /** Whether strangers' files are read also where something of this is missing. */
  bestEffort: boolean;
}

const explainMs = 30_000;
const mostAbi = 1_000;

const mostUsers = 2 ** 32 - 1;

/** What the operator says of the confinement. */
export interface ConfineSettings {
  /** Whether strangers' files are read also where a part of the confinement is missing. */
  bestEffort: boolean;
  /** Name or number of the user that root's children run as; null: the launcher's own choice. */
  user: string | null;
}

/** Anything that is not known would go unnoticed, and is refused. */
export function confineSettings(env: Readonly<Record<string, string | undefined>>): ConfineSettings {
  const { SORTIE_CONFINE: word = '', SORTIE_CONFINE_USER: user = '' } = env;
  if (!['', 'strict', 'best-effort'].includes(word))
    throw new SortieError('INVALID_ARGUMENT', `SORTIE_CONFINE is "${word}"; it is "strict" (as when it is not set) or "best-effort".`); // prettier-ignore
  return { bestEffort: word === 'best-effort', user: user === '' ? null : user };
}

let settings: ConfineSettings = { bestEffort: false, user: null };
let asked: Promise<User | null> | null = null;

/** A program says it once, before it reads a stranger's file. */
export function setConfinement(value: ConfineSettings): void {
  settings = value;
  asked = null;
}

/** The settings as options of the launcher. */
export const confineOptions = (): string[] => [
  ...(settings.bestEffort ? ['--best-effort'] : []),
  ...(settings.user === null ? [] : ['--user', settings.user]),
];

/** Whom confined processes run as where that is not the user of this one; null where it is. */
export function confinedUser(): Promise<User | null> {
  if (process.getuid?.() !== 0) return Promise.resolve(null);
  asked ??= confinement().then(({ uid, gid }) => (uid === 0 ? null : { uid, gid }));
  // What was missing may be there the next time.
  asked.catch(() => (asked = null));
  return asked;
}

function read(text: string): Confinement {
  const fields = new Fields(JSON.parse(text), (field) => new Error(`sortie-confine --explain: ${field}`));
  const closed = (field: string): Closed => fields.oneOf(field, ['landlock', 'seccomp', 'none']);
  return {
    landlock: fields.count('landlock', mostAbi),
    files: fields.boolean('files'),
    truncate: closed('truncate'),
    network: closed('network'),
    signals: closed('signals'),
    abstractSockets: closed('abstractSockets'),
    seccomp: fields.boolean('seccomp'),
    capabilities: fields.oneOf('capabilities', ['dropped', 'kept']),
    uid: fields.count('uid', mostUsers),
    gid: fields.count('gid', mostUsers),
    bestEffort: fields.boolean('bestEffort'),
  };
}

/** Throws UNAVAILABLE with what is missing where the launcher would refuse to run anything. */
export async function confinement(): Promise<Confinement> {
  try {
    const { stdout } = await promisify(execFile)(confinePath, [...confineOptions(), '--explain'], {
      timeout: explainMs,
    });
    return read(stdout);
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    const why = stderr.replace(/^sortie-confine: /, '').trim();
    throw new SortieError('UNAVAILABLE', `Strangers' files cannot be confined here: ${why === '' ? 'sortie-confine did not run; is everything built?' : `${why}.`}`, { cause }); // prettier-ignore
  }
}

/** What is not in force, in words for an operator. */
export const missingOf = ({ files, seccomp, capabilities, uid }: Confinement): string[] => [
  ...(files ? [] : ['files by name (Landlock)']),
  ...(seccomp ? [] : ['a filter of system calls (seccomp)']),
  ...(capabilities === 'dropped' ? [] : ['the dropping of capabilities']),
  ...(uid === 0 ? ['a user other than root'] : []),
];

/** Whether all of it is in force. */
export const isWhole = (state: Confinement): boolean => missingOf(state).length === 0;
