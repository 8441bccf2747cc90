// At its start a program tries what it needs of its storage, and says what to set where something is missing.
import { setTimeout as sleep } from 'node:timers/promises';
import { SortieError } from '@sortie/common/errors';
import type { Logger } from '@sortie/common/log';
import type { Storage } from '@sortie/common/storage';

const againMs = 5_000;

/** Resolves once the storage can be used. A full one can: layers are still read from it. */
export async function whenUsable(storage: Storage, log: Pick<Logger, 'error'>): Promise<void> {
  for (;;) {
    try {
      await storage.check();
      return;
    } catch (error) {
      const { code, message, cause } = SortieError.from(error);
      if (code === 'DISK_FULL') return;
      log.error({ err: cause ?? error, code }, message);
      await sleep(againMs);
    }
  }
}
