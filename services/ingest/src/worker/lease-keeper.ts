// The main thread's side of the leases.
import { Worker } from 'node:worker_threads';
import { SortieError } from '@sortie/common/errors';
import type { Lease, Progress } from '@sortie/common/gen/sortie/job/v1/job';
import type { Logger } from '@sortie/common/log';
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

interface Kept {
  lease: Lease;
  onEnd: OnEnd;
  reservedBytes: number;
}

const againMs = 1_000;

/** Renews leases until it is stopped. */
export class LeaseKeeper {
  private thread: Worker;
  private stopped = false;
  private readonly kept = new Map<string, Kept>();
  private reservedByAll = 0;

  constructor(
    private readonly settings: LeaseThreadSettings,
    private readonly log: Pick<Logger, 'error'>,
  ) {
    this.thread = this.start();
  }

  private start(): Worker {
    const thread = new Worker(new URL('./lease-thread.js', import.meta.url), { workerData: this.settings });
    thread.on('message', (news: LeaseNews) => this.hear(news));
    thread.on('error', (error) =>
      this.log.error({ err: error }, 'the thread that renews leases failed; it is started again'),
    );
    thread.once('exit', () => {
      // A lease outlives the pause.
      if (!this.stopped) setTimeout(() => this.restart(), againMs).unref();
    });
    return thread;
  }

  private restart(): void {
    if (this.stopped) return;
    this.thread = this.start();
    for (const { lease, reservedBytes } of this.kept.values()) {
      this.order({ kind: 'keep', lease });
      this.order({ kind: 'reserve', lease, bytes: reservedBytes });
    }
  }

  private hear(news: LeaseNews): void {
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
  }

  private order(order: LeaseOrder): void {
    this.thread.postMessage(order);
  }

  /** `onEnd` is called when the attempt is to end: cancelled, or the lease is lost. */
  keep(lease: Lease, onEnd: OnEnd): KeptLease {
    const key = keyOf(lease);
    const entry = { lease, onEnd, reservedBytes: 0 };
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
    this.stopped = true;
    await this.thread.terminate();
  }
}
