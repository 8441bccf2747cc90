// Users in a file, with scrypt hashes. The file is read anew when it changes.
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Logger } from './log.js';
import { WatchedFile } from './watched-file.js';

export const roles = ['viewer', 'publisher', 'administrator'] as const;
export type Role = (typeof roles)[number];

export interface User {
  username: string;
  role: Role;
}

interface UserRecord extends User {
  /** Base64. */
  salt: string;
  hash: string;
}

/** OWASP's minimum for scrypt: 2^17, 8, 1; about 128 MiB and a few hundred milliseconds for each try. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const hashBytes = 32;

const derive = (password: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(password.normalize('NFKC'), salt, hashBytes, cost, (error, key) => (error ? reject(error) : resolve(key))),
  );

const isRecord = (value: unknown): value is UserRecord =>
  typeof value === 'object' &&
  value !== null &&
  ['username', 'role', 'salt', 'hash'].every((key) => typeof (value as Record<string, unknown>)[key] === 'string') &&
  roles.includes((value as UserRecord).role);

async function readRecords(path: string): Promise<UserRecord[]> {
  const parsed: unknown = JSON.parse(await readFile(path, 'utf8'));
  const users = typeof parsed === 'object' && parsed !== null && 'users' in parsed ? parsed.users : null;
  if (!Array.isArray(users) || !users.every(isRecord)) {
    throw new Error(`${path} is not a file of users; make it with 'npx sortie user'.`);
  }
  return users;
}

/** Adds a user or replaces one of the same name. */
export async function saveUser(path: string, user: User, password: string): Promise<void> {
  const records = await readRecords(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  const salt = randomBytes(16);
  const hash = (await derive(password, salt)).toString('base64');
  const others = records.filter((record) => record.username !== user.username);
  const users = [...others, { ...user, salt: salt.toString('base64'), hash }];
  await writeFile(`${path}.new`, `${JSON.stringify({ users }, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** A user as its record stands now. */
export interface Account extends User {
  /** Changes whenever the record does: what was given out under another one holds no more. */
  generation: string;
}

/** Salt, hash and role: a new password brings a new salt, even where it is the old one, or that of a user who was removed. */
const generationOf = ({ salt, hash, role }: UserRecord): string =>
  createHash('sha256')
    .update(JSON.stringify([salt, hash, role]))
    .digest('base64url')
    .slice(0, 16);

const accountOf = (record: UserRecord): Account => ({
  username: record.username,
  role: record.role,
  generation: generationOf(record),
});

/** Each request asks for the account: it is made once. */
interface Entry {
  record: UserRecord;
  account: Readonly<Account>;
}

export class Users {
  private readonly file: WatchedFile<ReadonlyMap<string, Entry>>;

  constructor(path: string) {
    const byName = async (from: string): Promise<ReadonlyMap<string, Entry>> =>
      new Map((await readRecords(from)).map((record) => [record.username, { record, account: accountOf(record) }]));
    this.file = new WatchedFile(path, byName, new Map<string, Entry>());
  }

  /** Sees changes within a second from now on. */
  watch(log: Logger): void {
    this.file.watch(log);
  }

  stop(): void {
    this.file.stop();
  }

  /** Reads the file now, if it has changed. */
  refresh(): Promise<void> {
    return this.file.refresh();
  }

  /** Null when there is none of this name. */
  find(username: string): Account | null {
    return this.file.value.get(username)?.account ?? null;
  }

  /**
   * Null when the name or the password is wrong; takes equally long for both, and memory: how many run at once is up to the
   * caller.
   */
  async check(username: string, password: string): Promise<User | null> {
    await this.file.refresh();
    const record = this.file.value.get(username)?.record;
    const salt = record ? Buffer.from(record.salt, 'base64') : Buffer.alloc(16);
    const expected = record ? Buffer.from(record.hash, 'base64') : Buffer.alloc(hashBytes);
    const derived = await derive(password, salt);
    const same = expected.length === hashBytes && timingSafeEqual(derived, expected);
    return same && record ? { username: record.username, role: record.role } : null;
  }
}
