// Who signed out, and when: tokens that were issued up to then are void. All gateways that take the same tokens have to know. On
// one machine they share a file; where they do not share one, each knows what it was told itself, until it is started again.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import type { Logger } from '@sortie/common/log';
import { WatchedFile } from '@sortie/common/watched-file';

export interface Revocations {
  /** Epoch milliseconds; 0 for a user who never signed out. */
  until(username: string): number;
  /** Voids what was issued to the user up to then. */
  revoke(username: string, until: number): Promise<void>;
}

type Times = Map<string, number>;

function note(times: Times, username: string, until: number): void {
  times.set(username, Math.max(until, times.get(username) ?? 0));
}

/** Of one gateway, as long as it runs. */
export class OwnRevocations implements Revocations {
  private readonly times: Times = new Map();

  until(username: string): number {
    return this.times.get(username) ?? 0;
  }

  revoke(username: string, until: number): Promise<void> {
    note(this.times, username, until);
    return Promise.resolve();
  }
}

interface Entry {
  username: string;
  until: number;
}

function parse(line: string): Entry | null {
  try {
    const { username, until } = JSON.parse(line) as Partial<Entry>;
    return typeof username === 'string' && typeof until === 'number' ? { username, until } : null;
  } catch {
    // The half line of a write that was cut off.
    return null;
  }
}

async function readTimes(path: string): Promise<Times> {
  const times: Times = new Map();
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    const entry = parse(line);
    if (entry) note(times, entry.username, entry.until);
  }
  return times;
}

/** In a file that gateways of one machine append to: each line is written at once, and nothing is ever written over. */
export class FileRevocations implements Revocations {
  private readonly own = new OwnRevocations();
  private readonly file: WatchedFile<Times>;

  private constructor(private readonly path: string) {
    this.file = new WatchedFile<Times>(path, readTimes, new Map());
  }

  /** Makes the file if need be. Throws when it cannot be written and read. */
  static async open(path: string, log: Logger): Promise<FileRevocations> {
    await writeFile(path, '', { flag: 'a', mode: 0o600 });
    const revocations = new FileRevocations(path);
    await revocations.file.refresh();
    revocations.file.watch(log);
    return revocations;
  }

  until(username: string): number {
    return Math.max(this.own.until(username), this.file.value.get(username) ?? 0);
  }

  async revoke(username: string, until: number): Promise<void> {
    await this.own.revoke(username, until);
    // A line break on both sides keeps it apart from what a crash left half written.
    await appendFile(this.path, `\n${JSON.stringify({ username, until })}\n`, { mode: 0o600, flush: true });
  }

  stop(): void {
    this.file.stop();
  }
}
