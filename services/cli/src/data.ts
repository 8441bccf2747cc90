// The data directory of a Sortie that runs on this machine: its secrets, its logs, and where it answers.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { identityOf, makeKeys } from '@sortie/common/identity/make-keys';
import { natsAuthorization, natsUsers, type NatsUser } from '@sortie/common/identity/nats-accounts';
import { lockNote, takeLock, tryLock, type Lock } from '@sortie/common/lock';
import { saveUser } from '@sortie/common/users';

export interface DataDirectory {
  root: string;
  book: string;
  nats: string;
  /** nats-server's configuration. */
  natsConfig: string;
  storage: string;
  logs: string;
  tokenKey: string;
  /** How the programs know each other. */
  identity: string;
  users: string;
  /** Who signed out. */
  revocations: string;
  /** Password of the administrator that was made at first start; readable by its owner only. */
  adminPassword: string;
  /** Locked by the Sortie that runs here, with its address in it. */
  lock: string;
}

export const adminName = 'admin';

export function dataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  const at = (name: string): string => join(root, name);
  return {
    root,
    book: at('book'),
    nats: at('nats'),
    natsConfig: at('nats.conf'),
    storage: at('storage'),
    logs: at('logs'),
    tokenKey: at('token.key'),
    identity: at('identity'),
    users: at('users.json'),
    revocations: at('revocations'),
    adminPassword: at('admin-password'),
    lock: at('lock'),
  };
}

/** Makes what is missing; what is there stays as it is. */
export async function prepare(data: DataDirectory): Promise<void> {
  await mkdir(data.root, { recursive: true, mode: 0o700 });
  for (const directory of [data.nats, data.storage, data.logs]) await mkdir(directory, { recursive: true });
  if (!existsSync(data.tokenKey)) await writeFile(data.tokenKey, randomBytes(32), { mode: 0o600 });
  makeKeys(data.identity);
  if (!existsSync(data.users)) {
    const password = randomBytes(18).toString('base64url');
    await writeFile(data.adminPassword, password, { mode: 0o600 });
    await saveUser(data.users, { username: adminName, role: 'administrator' }, password);
  }
}

/** New passwords for NATS at each start. `port`: where it is to listen. */
export async function writeNatsConfig(data: DataDirectory, port: number): Promise<void> {
  const passwords = Object.fromEntries(natsUsers.map((user) => [user, randomBytes(24).toString('base64url')]));
  const passwordOf = (user: NatsUser): string => JSON.stringify(passwords[user]);
  const text = `listen: "127.0.0.1:${port}"
jetstream {
  store_dir: ${JSON.stringify(data.nats)}
}
${natsAuthorization(passwordOf)}`;
  await writeFile(data.natsConfig, text, { mode: 0o600 });
  for (const user of natsUsers)
    await writeFile(join(identityOf(data.identity, user), 'nats.key'), `${user}:${String(passwords[user])}`, { mode: 0o600 }); // prettier-ignore
}

/** What the Sortie that runs on a data directory leaves word of. */
export interface RunningNote {
  gateway: string;
  pid: number;
}

const readNote = (text: string): RunningNote | null => (text === '' ? null : (JSON.parse(text) as RunningNote));
/** `runningGateway` has the lock for a moment when it looks. */
const lookMs = 1_000;

/** Makes the data directory ours. Throws when a Sortie runs on it: two would each know only its own jobs. */
export async function own(data: DataDirectory): Promise<Lock> {
  const lock = await takeLock(data.lock, lookMs, (text) => {
    const note = readNote(text);
    const who = note ? `process ${note.pid}, at ${note.gateway}` : 'it is just starting';
    return `A Sortie runs on ${data.root} already (${who}); use that one, stop it, or choose another --data.`;
  });
  lock.note('');
  return lock;
}

/** Address of the gateway that runs on this data directory. Throws when none does. */
export async function runningGateway(data: DataDirectory): Promise<string> {
  const lock = existsSync(data.lock) ? await tryLock(data.lock) : null;
  const note = existsSync(data.lock) && !lock ? readNote(lockNote(data.lock)) : null;
  lock?.release();
  if (!note) {
    throw new Error(`No Sortie runs on ${data.root}; start one with 'npm start', or name its address with --url.`);
  }
  return note.gateway;
}
