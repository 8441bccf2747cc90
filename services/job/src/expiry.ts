// Takes jobs back from workers that are not heard of any more. The silence must be the worker's: as long as the job store or
// this process was away, no worker could have been heard.
import { State } from '@sortie/common/gen/sortie/job/v1/job';
import type { Logger } from '@sortie/common/log';
import { expireLease, type Policy } from './job.js';
import type { Leases } from './leases.js';
import type { Store } from './store.js';

export interface ExpiryParts {
  store: Pick<Store, 'update'>;
  leases: Pick<Leases, 'expired'>;
  policy: Policy;
  log: Logger;
  /** Is reported the jobs that were taken back. */
  onChange: (jobId: string, lastSequence: number) => void;
}

export const expiryIntervalMs = 1_000;
/** A round that comes this much later than it should: the process stood still (SIGSTOP, a paused machine). */
const standstillMs = 3_000;

export class Expiry {
  /** Since when all rounds have been answered, on the monotonic clock; null after one that was not. */
  private answeredSince: number | null = null;
  private lastRound = 0;

  constructor(
    private readonly parts: ExpiryParts,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  async round(): Promise<void> {
    const { store, leases, policy, log, onChange } = this.parts;
    const now = this.clock();
    if (now - this.lastRound > expiryIntervalMs + standstillMs) this.answeredSince = null;
    this.lastRound = now;
    let expired: string[];
    try {
      expired = await leases.expired();
    } catch (error) {
      this.answeredSince = null;
      throw error;
    } finally {
      this.lastRound = this.clock();
    }
    this.answeredSince ??= this.clock();
    // Workers have had a whole lease's time to be heard again.
    if (this.clock() - this.answeredSince < policy.leaseMs) return;
    for (const jobId of expired) {
      try {
        const job = await store.update(jobId, (record, time) => {
          const heardOf = record.leaseExpires === null || record.leaseExpires > time;
          return heardOf ? { record, events: [], queued: false } : expireLease(record, time, policy);
        });
        log.warn({ job: jobId, attempt: job.attempts.length, state: State[job.state] }, 'a lease had expired');
        onChange(jobId, job.lastSequence);
      } catch (error) {
        // One job whose row is locked must not hold up the others.
        log.warn({ job: jobId, err: error }, 'an expired lease could not be taken back yet');
      }
    }
  }
}
