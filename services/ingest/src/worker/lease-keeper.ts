// The main thread's side of the leases.
import { Worker } from 'node:worker_threads';
import { SortieError } from '@sortie/common/errors';
import type { Lease, Progress } from '@sortie/common/gen/sortie/job/v1/job';
import type { LeaseNews, LeaseOrder, LeaseThreadSettings } from './lease-thread.js';

/** One lease that is kept. */
export interface KeptLease {
  /** Goes out with the next renewal. */
  progress(progress: Progress): void;
  /** Room in the storage that the attempt has yet to fill, bytes. */
  reserve(bytes: number): void;
  /** Room that other attempts, of all workers, have reserved, as far as is known, bytes. */
  reservedElsewhere(): number;
  release(): void;
}

type OnEnd = (reason: SortieError) => void;

const keyOf = ({ jobId, attempt }: Lease): string => `${jobId}/${attempt}`;

/** Renews leases until it is stopped. */
export class LeaseKeeper {
  private readonly thread: Worker;
  private readonly kept = new Map<string, { onEnd: OnEnd; reservedBytes: number }>();
  private reservedByAll = 0;

  constructor(settings: LeaseThreadSettings) {
    this.thread = new Worker(new URL('./lease-thread.js', import.meta.url), { workerData: settings });
    this.thread.on('message', (news: LeaseNews) => {
      if (news.kind === 'reserved') {
        this.reservedByAll = news.bytes;
        return;
      }
      this.kept
        .get(keyOf(news.lease))
        ?.onEnd(
          news.kind === 'cancelled'
            ? new SortieError('CANCELLED', 'The job was cancelled.')
            : new SortieError('LEASE_LOST', 'The lease was lost: the job was given to somebody else, or has ended.'),
        );
    });
    // Without the thread all leases are lost, sooner or later; better to say so now.
    this.thread.on('error', (cause) => {
      for (const { onEnd } of this.kept.values()) onEnd(new SortieError('LEASE_LOST', 'Leases can no longer be renewed.', { cause })); // prettier-ignore
      throw cause;
    });
  }

  private order(order: LeaseOrder): void {
    this.thread.postMessage(order);
  }

  /** `onEnd` is called when the attempt is to end: cancelled, or the lease is lost. */
  keep(lease: Lease, onEnd: OnEnd): KeptLease {
    const key = keyOf(lease);
    const entry = { onEnd, reservedBytes: 0 };
    this.kept.set(key, entry);
    this.order({ kind: 'keep', lease });
    return {
      progress: (progress) => this.order({ kind: 'progress', lease, progress }),
      reserve: (bytes) => {
        entry.reservedBytes = bytes;
        this.order({ kind: 'reserve', lease, bytes });
      },
      reservedElsewhere: () => Math.max(0, this.reservedByAll - entry.reservedBytes),
      release: () => {
        this.kept.delete(key);
        this.order({ kind: 'release', lease });
      },
    };
  }

  /** What this worker's own attempts have reserved, bytes. */
  get reserved(): number {
    return [...this.kept.values()].reduce((sum, { reservedBytes }) => sum + reservedBytes, 0);
  }

  async stop(): Promise<void> {
    await this.thread.terminate();
  }
}
