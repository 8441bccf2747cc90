// JetStream may lose acknowledged messages and workers may vanish; the book does not. Whatever is not over and has no
// live lease is put back on its way from here.
import { State } from '@sortie/common/gen/sortie/job/v1/job';
import type { Logger } from '@sortie/common/log';
import { ringForWork, type Nats } from '@sortie/common/nats';
import { expireLease, type Policy } from './job.js';
import type { Outbox } from './outbox.js';
import type { QueueKeeper } from './queue-keeper.js';
import type { Store } from './store.js';

export interface Reconciler {
  stop(): Promise<void>;
}

const intervalMs = 1_000;

export interface ReconcilerParts {
  store: Store;
  nats: Nats;
  outbox: Outbox;
  policy: Policy;
  log: Logger;
  queue: QueueKeeper;
}

/** Looks after the open jobs every second until stopped. `onChange` is told which jobs have new events. */
export function startReconciler(
  { store, nats, outbox, policy, log, queue }: ReconcilerParts,
  onChange: (jobId: string, lastSequence: number) => void,
): Reconciler {
  let stopped = false;
  let wake = (): void => undefined;

  async function round(): Promise<void> {
    for (const jobId of await store.expired(new Date())) {
      const job = await store.update(jobId, (record) => {
        const now = new Date();
        const heardOf = record.leaseExpires === null || record.leaseExpires > now;
        return heardOf ? { record, events: [], queued: false } : expireLease(record, now, policy);
      });
      log.warn({ job: jobId, attempt: job.attempts.length, state: State[job.state] }, 'a lease had expired');
      onChange(jobId, job.lastSequence);
    }
    await queue.look();
    await outbox.flush();
    // Ringing for a job that is in the queue already is refused by the stream, so this is harmless.
    for (const jobId of await store.waiting(new Date())) await ringForWork(nats, jobId);
  }

  const loop = (async () => {
    while (!stopped) {
      try {
        await round();
      } catch (error) {
        log.warn({ err: error }, 'reconciling failed; it goes on');
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
