// JetStream may lose acknowledged messages and workers may vanish; the book does not. Whatever is not over and has no
// live lease is put back on its way from here.
import { State } from '@sortie/common/gen/sortie/job/v1/job';
import type { Logger } from '@sortie/common/log';
import { renewConsumer, ringForWork, strandedMessage, type NatsConnection } from '@sortie/common/nats';
import { expireLease, type Policy } from './job.js';
import type { Outbox } from './outbox.js';
import type { Store } from './store.js';

export interface Reconciler {
  stop(): Promise<void>;
}

const intervalMs = 1_000;

export interface ReconcilerParts {
  store: Store;
  nats: NatsConnection;
  outbox: Outbox;
  policy: Policy;
  log: Logger;
  /** Makes the work queue when it is missing. */
  ensureQueue: () => Promise<void>;
}

/** Looks after the open jobs every second until stopped. `onChange` is told which jobs have new events. */
export function startReconciler(
  { store, nats, outbox, policy, log, ensureQueue }: ReconcilerParts,
  onChange: (jobId: string, lastSequence: number) => void,
): Reconciler {
  let stopped = false;
  let queueThere = false;
  let stranded: number | null = null;
  let wake = (): void => undefined;

  async function round(): Promise<void> {
    if (!queueThere) await ensureQueue();
    queueThere = true;
    await outbox.flush();
    for (const jobId of await store.expired(new Date())) {
      const job = await store.update(jobId, (record) => {
        const now = new Date();
        const heardOf = record.leaseExpires === null || record.leaseExpires > now;
        return heardOf ? { record, events: [], queued: false } : expireLease(record, now, policy);
      });
      log.warn({ job: jobId, attempt: job.attempts.length, state: State[job.state] }, 'a lease had expired');
      onChange(jobId, job.lastSequence);
    }
    // Ringing for a job that is in the queue already is refused by the stream, so this is harmless.
    for (const jobId of await store.waiting(new Date())) await ringForWork(nats, jobId);
    // Seen twice in a row it is no coincidence.
    const oldest = await strandedMessage(nats);
    if (oldest !== null && oldest === stranded) {
      log.warn({ message: oldest }, 'NATS would never deliver what is in the queue; its consumer is made anew');
      await renewConsumer(nats);
    }
    stranded = oldest;
  }

  const loop = (async () => {
    while (!stopped) {
      try {
        await round();
      } catch (error) {
        log.warn({ err: error }, 'reconciling failed; it goes on');
        // A NATS that was set up anew has no queue; what belongs into it is in the book.
        queueThere = false;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();

  return {
    stop: async () => {
      stopped = true;
      wake();
      await loop;
    },
  };
}
