// What the confinement of this machine is worth: asked of the launcher itself, told once, and measured.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SortieError } from '@sortie/common/errors';
import { confinePath } from '@sortie/native';
import { Fields } from './fields.js';

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
  /** Whether strangers' files are read also where something of this is missing. */
  bestEffort: boolean;
}

const explainMs = 30_000;
const mostAbi = 1_000;

/** The operator's word for it; anything else would go unnoticed. */
export function wantsBestEffort({ SORTIE_CONFINE: word }: Readonly<Record<string, string | undefined>>): boolean {
  if (word === undefined || word === '' || word === 'strict') return false;
  if (word === 'best-effort') return true;
  throw new SortieError('INVALID_ARGUMENT', `SORTIE_CONFINE is "${word}"; it is "strict" (as when it is not set) or "best-effort".`); // prettier-ignore
}

let bestEffort = false;

/** The operator's word, by wantsBestEffort: a program says it once, before it reads a stranger's file. */
export function setBestEffort(value: boolean): void {
  bestEffort = value;
}
export const isBestEffort = (): boolean => bestEffort;

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
    bestEffort: fields.boolean('bestEffort'),
  };
}

/** Throws UNAVAILABLE with what is missing where the launcher would refuse to run anything. */
export async function confinement(): Promise<Confinement> {
  const options = [...(bestEffort ? ['--best-effort'] : []), '--explain'];
  try {
    const { stdout } = await promisify(execFile)(confinePath, options, { timeout: explainMs });
    return read(stdout);
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    const why = stderr.replace(/^sortie-confine: /, '').trim();
    throw new SortieError('UNAVAILABLE', `Strangers' files cannot be confined here: ${why === '' ? 'sortie-confine did not run; is everything built?' : `${why}.`}`, { cause }); // prettier-ignore
  }
}

/** Whether all of it is in force. */
export const isWhole = ({ files, seccomp, capabilities }: Confinement): boolean =>
  files && seccomp && capabilities === 'dropped';
