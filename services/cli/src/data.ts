// The data directory of a Sortie that runs on this machine: its secrets, its logs, and where it answers.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { saveUser } from '@sortie/common/users';

export interface DataDirectory {
  root: string;
  book: string;
  nats: string;
  storage: string;
  logs: string;
  tokenKey: string;
  users: string;
  /** Password of the administrator that was made at first start; readable by its owner only. */
  adminPassword: string;
  /** Address of the running gateway. */
  running: string;
}

export const adminName = 'admin';

export function dataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  const at = (name: string): string => join(root, name);
  return {
    root,
    book: at('book'),
    nats: at('nats'),
    storage: at('storage'),
    logs: at('logs'),
    tokenKey: at('token.key'),
    users: at('users.json'),
    adminPassword: at('admin-password'),
    running: at('running.json'),
  };
}

/** Makes what is missing; what is there stays as it is. */
export async function prepare(data: DataDirectory): Promise<void> {
  await mkdir(data.root, { recursive: true, mode: 0o700 });
  for (const directory of [data.nats, data.storage, data.logs]) await mkdir(directory, { recursive: true });
  if (!existsSync(data.tokenKey)) await writeFile(data.tokenKey, randomBytes(32), { mode: 0o600 });
  if (!existsSync(data.users)) {
    const password = randomBytes(18).toString('base64url');
    await writeFile(data.adminPassword, password, { mode: 0o600 });
    await saveUser(data.users, { username: adminName, role: 'administrator' }, password);
  }
}

export interface RunningNote {
  gateway: string;
  pid: number;
}

export const noteRunning = (data: DataDirectory, note: RunningNote): Promise<void> =>
  writeFile(data.running, JSON.stringify(note));

export const forgetRunning = (data: DataDirectory): Promise<void> => rm(data.running, { force: true });

/** Address of the gateway that runs on this data directory. Throws when none does. */
export async function runningGateway(data: DataDirectory): Promise<string> {
  const note = await readFile(data.running, 'utf8')
    .then((text) => JSON.parse(text) as RunningNote)
    .catch(() => null);
  if (!note || !isAlive(note.pid)) {
    throw new Error(`No Sortie runs on ${data.root}; start one with 'npm start', or name its address with --url.`);
  }
  return note.gateway;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
