// Whether this worker may take work now: a storage without room, or one that is not there, would only fail what it takes.
import { statfs } from 'node:fs/promises';
import { SortieError } from '@sortie/common/errors';
import type { Logger } from '@sortie/common/log';
import type { Storage } from '@sortie/common/storage';

/** Below this no work is begun. */
export const minFreeBytes = 256 * 1024 * 1024;

/** Room in a directory, bytes. */
export async function freeBytesAt(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

export class Admission {
  private reason = '';

  constructor(
    private readonly storage: Storage,
    private readonly workDirectory: string,
    private readonly reserved: () => number,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
  ) {}

  /** Says so in the log when it changes. */
  async open(): Promise<boolean> {
    const reason = await this.closedBecause();
    if (reason !== this.reason) {
      if (reason === '') this.log.info('there is room again; work is taken');
      else this.log.warn({ reason }, 'no work is taken');
      this.reason = reason;
    }
    return reason === '';
  }

  private async closedBecause(): Promise<string> {
    try {
      const { freeBytes } = await this.storage.room();
      const free = Math.min(freeBytes, await freeBytesAt(this.workDirectory));
      return free - this.reserved() < minFreeBytes ? 'the disk is nearly full' : '';
    } catch (error) {
      return SortieError.from(error).message;
    }
  }
}
