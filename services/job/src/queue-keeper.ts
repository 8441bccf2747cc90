// Looks after the work queue in NATS: makes it when it is missing, and makes anew what NATS does not mend by itself. What
// lies in it is filled up from the job store (announcer.ts).
import type { Logger } from '@sortie/common/log';
import { consumerIsSilent, ensureWorkQueue, renewConsumer, strandedMessage, type Nats } from '@sortie/common/nats';

/** Looks, each of some seconds: an election of a new leader takes less. */
const patience = 3;

export class QueueKeeper {
  private isThere = false;
  private stranded: number | null = null;
  private silent = 0;

  constructor(
    private readonly nats: Nats,
    private readonly replicas: number,
    private readonly log: Logger,
  ) {}

  /** Rejects as long as the queue cannot be used. */
  async look(): Promise<void> {
    try {
      // A NATS that was set up anew has no queue.
      if (!this.isThere) await ensureWorkQueue(this.nats, this.replicas);
      this.isThere = true;
      await this.mendStranded();
      this.silent = 0;
    } catch (error) {
      this.isThere = false;
      await this.mendSilent();
      throw error;
    }
  }

  private async mendStranded(): Promise<void> {
    const oldest = await strandedMessage(this.nats);
    // Seen twice in a row it is no coincidence.
    if (oldest !== null && oldest === this.stranded) {
      this.log.warn({ message: oldest }, 'NATS would never deliver what is in the queue; its consumer is made anew');
      await renewConsumer(this.nats);
    }
    this.stranded = oldest;
  }

  /**
   * A cluster that loses a server while a consumer spreads over it may never find a leader for that consumer, although the
   * stream has one (seen with nats-server 2.9).
   */
  private async mendSilent(): Promise<void> {
    this.silent = (await consumerIsSilent(this.nats)) ? this.silent + 1 : 0;
    if (this.silent < patience) return;
    this.log.warn('the consumer of the work queue does not answer, though its stream does; it is made anew');
    this.silent = 0;
    await renewConsumer(this.nats).catch((error: unknown) => this.log.warn({ err: error }, 'it could not be made'));
  }
}
