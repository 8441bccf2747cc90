// One owner for a directory. The lock is one of the kernel (flock(2)): it belongs to the open file, so it ends with the
// process however that ends, and neither a number of a process that is used again nor another container's numbers matter.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export interface Lock {
  /** Leaves word for those who find the lock taken. */
  note(text: string): void;
  release(): void;
}

const pauseMs = 100;
/** flock's own way to say that somebody else has the lock (flock(1), --conflict-exit-code). */
const taken = 75;

/**
 * Takes the lock of a file, which is made when it is missing and stays; null when another process has it. Node has no
 * flock(2), so flock(1) does it on our open file: it shares the lock with us (fork keeps open file descriptions), and ends.
 */
export async function tryLock(path: string): Promise<Lock | null> {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const flock = spawn('flock', ['--nonblock', '--conflict-exit-code', String(taken), '3'], {
      stdio: ['ignore', 'ignore', 'inherit', fd],
    });
    const [code] = (await once(flock, 'exit')) as [number | null];
    if (code === taken) {
      closeSync(fd);
      return null;
    }
    if (code !== 0) throw new Error(`${path} cannot be locked (flock ended with ${String(code)}).`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    note: (text) => {
      ftruncateSync(fd);
      writeSync(fd, text, 0);
    },
    release: () => closeSync(fd),
  };
}

/** What the owner has left word of; empty when it has not. */
export const lockNote = (path: string): string => readFileSync(path, 'utf8');

/** Waits for `waitMs` for one that is going. Throws `refusal` of the owner's note when it stays. */
export async function takeLock(path: string, waitMs: number, refusal: (note: string) => string): Promise<Lock> {
  for (const end = Date.now() + waitMs; ;) {
    const lock = await tryLock(path);
    if (lock) return lock;
    if (Date.now() > end) throw new Error(refusal(lockNote(path)));
    await setTimeout(pauseMs);
  }
}
