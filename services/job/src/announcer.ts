// Keeps a short queue of messages in NATS, one for each job that may begin, so that workers that wait there get to know at once. A
// message says that there is work; which job it is to be is decided when a worker takes one (turns.ts). JetStream may lose
// acknowledged messages; the job store does not: the queue is filled up from it in each round.
import type { Logger } from '@sortie/common/log';
import { announceWork, workQueueLag, type Nats } from '@sortie/common/nats';
import type { Turns } from './turns.js';

/** More than workers take between two rounds. */
const depth = 100;

export class Announcer {
  private failed = false;

  constructor(
    private readonly turns: Pick<Turns, 'next'>,
    private readonly nats: Nats,
    private readonly log: Logger,
  ) {}

  async round(): Promise<void> {
    if (!this.nats.isOpen) return;
    try {
      const { pending } = await workQueueLag(this.nats);
      if (pending < depth) await this.fill(pending);
      this.failed = false;
    } catch (error) {
      if (!this.failed) this.log.warn({ err: error }, 'the work queue could not be filled; that is tried again');
      this.failed = true;
    }
  }

  /** A job of which the queue has a message already gets no second one; the next in turn is announced in its place. */
  private async fill(pending: number): Promise<void> {
    const jobIds = await this.turns.next(depth);
    let missing = jobIds.length - pending;
    for (let at = 0; missing > 0 && at < jobIds.length;) {
      const some = jobIds.slice(at, at + missing);
      at += some.length;
      missing -= await announceWork(this.nats, some);
    }
  }
}
