// Carries what the book wants done to the work queue. A job is written together with its outbox row, so it is never lost
// between the two; a row that could not be sent is sent later.
import type { Logger } from '@sortie/common/log';
import { ringForWork, type Nats } from '@sortie/common/nats';
import type { Store } from './store.js';

export class Outbox {
  private running: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly store: Store,
    private readonly nats: Nats,
    private readonly log: Logger,
  ) {}

  /** Sends what is there; calls while it runs are served by one more round. */
  flush(): Promise<void> {
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.drain().finally(() => {
      this.running = null;
      if (this.again) {
        this.again = false;
        void this.flush();
      }
    });
    return this.running;
  }

  private async drain(): Promise<void> {
    try {
      while ((await this.store.drainOutbox((jobId) => ringForWork(this.nats, jobId))) > 0);
    } catch (error) {
      this.log.warn({ err: error }, 'the work queue could not be reached; the outbox is kept and sent later');
    }
  }
}
