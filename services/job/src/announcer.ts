// Carries queued jobs to the work queue. JetStream may lose acknowledged messages; the job store does not: whatever waits for a
// worker is announced until one takes it.
import type { Logger } from '@sortie/common/log';
import { announceWork, type Nats } from '@sortie/common/nats';
import type { Announcements } from './announcements.js';

export class Announcer {
  constructor(
    private readonly announcements: Announcements,
    private readonly nats: Nats,
    private readonly log: Logger,
  ) {}

  /** Announces all that is due. */
  async round(): Promise<void> {
    for (;;) {
      // Without NATS nothing is claimed: what is due stays due.
      if (!this.nats.isOpen) return;
      const jobIds = await this.announcements.claim();
      if (jobIds.length === 0) return;
      const failed = await announceWork(this.nats, jobIds);
      if (failed.length === 0) continue;
      this.log.warn({ jobs: failed.length }, 'the work queue could not be reached; queued jobs are announced later');
      await this.announcements.postpone(failed);
      return;
    }
  }
}
