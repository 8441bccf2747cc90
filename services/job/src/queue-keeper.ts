// Looks after the work queue in NATS: makes it when it is missing, and makes anew what NATS does not mend by itself. What
// lies in it can always be made again from the book.
import type { Logger } from '@sortie/common/log';
import {
  consumerIsSilent,
  ensureWorkQueue,
  queuedMessages,
  renewConsumer,
  strandedMessage,
  type Nats,
} from '@sortie/common/nats';

/** Looks, each of some seconds: an election of a new leader takes less. */
const patience = 3;

/** What the job store says of the queue. */
export interface QueueContent {
  /** How many jobs wait for a worker now: each should have a message in the queue. */
  due(): Promise<number>;
  /** The queue has lost messages: all are to be announced again. */
  lost(): Promise<void>;
}

export class QueueKeeper {
  private isThere = false;
  private stranded: number | null = null;
  private silent = 0;
  private missing = false;

  constructor(
    private readonly nats: Nats,
    private readonly replicas: number,
    private readonly log: Logger,
    private readonly content: QueueContent | null = null,
  ) {}

  /** Rejects as long as the queue cannot be used. */
  async look(): Promise<void> {
    try {
      // A NATS that was set up anew has no queue.
      if (!this.isThere) await ensureWorkQueue(this.nats, this.replicas);
      this.isThere = true;
      await this.mendStranded();
      await this.mendLost();
      this.silent = 0;
    } catch (error) {
      this.isThere = false;
      await this.mendSilent();
      throw error;
    }
  }

  /** A queue that was purged, or made anew after its directory was lost. */
  private async mendLost(): Promise<void> {
    if (!this.content) return;
    const [due, messages] = [await this.content.due(), await queuedMessages(this.nats)];
    // Seen twice in a row: a job that was queued in this very moment is announced in the next.
    if (messages < due && this.missing) {
      this.log.warn({ due, messages }, 'the work queue has lost messages; queued jobs are announced again');
      await this.content.lost();
    }
    this.missing = messages < due;
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
