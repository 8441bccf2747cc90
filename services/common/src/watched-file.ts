// A value that is read from a file, or from a folder of files, and read anew when that changes. What cannot be read leaves the
// value as it was: an editor that is half done, or a volume that is away for a moment, must not throw everybody out.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from './log.js';

/** Changes are seen within this time. */
export const lookMs = 500;

/** Names that begin with a dot are none of ours: Kubernetes keeps the versions of a mounted secret in such folders. */
export const entriesOf = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();

/** Differs when the content may differ. */
async function stampOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true });
  const own = `${found.ino} ${found.size} ${found.mtimeNs}`;
  if (!found.isDirectory()) return own;
  const inside = await Promise.all(
    (await entriesOf(path)).map(async (name) => `${name} ${await stampOf(join(path, name))}`),
  );
  return [own, ...inside].join('\n');
}

export class WatchedFile<T> {
  private stamp = '';
  private turn: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private failure = '';
  private stopped = false;

  constructor(
    private readonly path: string,
    private readonly read: (path: string) => Promise<T>,
    private current: T,
  ) {}

  get value(): T {
    return this.current;
  }

  /** Looks now. Throws when it cannot be read. */
  refresh(): Promise<void> {
    // One after the other: what is read last must not be overwritten by what was read before.
    const look = this.turn.then(async () => {
      const stamp = await stampOf(this.path);
      if (stamp === this.stamp) return;
      this.current = await this.read(this.path);
      this.stamp = stamp;
    });
    this.turn = look.catch(() => undefined);
    return look;
  }

  /** Looks from now on; each new reason why it cannot be read is logged once. */
  watch(log: Logger): void {
    const again = (): void => {
      if (!this.stopped) this.timer = setTimeout(() => void this.look(log).then(again), lookMs).unref();
    };
    void this.look(log).then(again);
  }

  private async look(log: Logger): Promise<void> {
    try {
      await this.refresh();
      this.failure = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.failure)
        log.error({ path: this.path, err: error }, 'cannot be read; what was read before stays');
      this.failure = message;
    }
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }
}
