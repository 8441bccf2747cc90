// The main thread's side of the heartbeat.
import { Worker } from 'node:worker_threads';
import { SortieError } from '@sortie/common/errors';
import type { Lease, Progress } from '@sortie/common/gen/sortie/job/v1/job';
import type { HeartbeatNews, HeartbeatOrder } from './heartbeat-thread.js';

const intervalMs = 1_000;

export interface Heartbeat {
  /** Goes out with the next beat. */
  progress(progress: Progress): void;
  stop(): Promise<void>;
}

/** Beats until stopped. `onEnd` is called when the attempt is to end: cancelled, or the lease is lost. */
export function startHeartbeat(
  jobAddress: string,
  lease: Lease,
  leaseMs: number,
  onEnd: (reason: SortieError) => void,
): Heartbeat {
  const order: HeartbeatOrder = { jobAddress, lease, leaseMs, intervalMs: Math.min(intervalMs, leaseMs / 4) };
  const thread = new Worker(new URL('./heartbeat-thread.js', import.meta.url), { workerData: order });
  thread.on('message', (news: HeartbeatNews) => {
    onEnd(
      news.kind === 'cancel'
        ? new SortieError('CANCELLED', 'The job was cancelled.')
        : new SortieError('LEASE_LOST', news.message),
    );
  });
  thread.on('error', (cause) => onEnd(new SortieError('LEASE_LOST', 'The heartbeat failed.', { cause })));
  return {
    progress: (progress) => thread.postMessage(progress),
    stop: async () => {
      await thread.terminate();
    },
  };
}
