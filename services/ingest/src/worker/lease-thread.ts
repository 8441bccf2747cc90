// Renews the leases of all attempts of this worker, on a thread of its own: no work of the main thread can hold it up, so a
// lease is lost only when the worker is.
import { parentPort, workerData } from 'node:worker_threads';
import { SortieError } from '@sortie/common/errors';
import { JobServiceClient, type Lease, type Progress } from '@sortie/common/gen/sortie/job/v1/job';
import { call, connect } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';

export interface LeaseThreadSettings {
  jobAddress: string;
  /** Directory of the identity. */
  identity: string;
  worker: string;
}

/** From the main thread. */
export type LeaseOrder =
  | { kind: 'keep'; lease: Lease }
  | { kind: 'progress'; lease: Lease; progress: Progress }
  | { kind: 'reserve'; lease: Lease; bytes: number }
  | { kind: 'release'; lease: Lease };

/** To the main thread. */
export type LeaseNews =
  | { kind: 'cancelled' | 'lost'; lease: Lease }
  /** Room that all running attempts of all workers have yet to fill. */
  | { kind: 'reserved'; bytes: number };

/** Often enough that a cancelled job ends within two seconds. */
const intervalMs = 1_000;
const timeoutMs = 3_000;

const { jobAddress, identity, worker } = workerData as LeaseThreadSettings;
const client = connect(JobServiceClient, jobAddress, openIdentity(identity));
const held = new Map<string, { lease: Lease; progress: Progress | undefined; reservedBytes: number }>();
const keyOf = ({ jobId, attempt }: Lease): string => `${jobId}/${attempt}`;
const report = (news: LeaseNews): void => parentPort?.postMessage(news);

parentPort?.on('message', (order: LeaseOrder) => {
  const key = keyOf(order.lease);
  const entry = held.get(key);
  if (order.kind === 'keep') held.set(key, { lease: order.lease, progress: undefined, reservedBytes: 0 });
  else if (order.kind === 'release') held.delete(key);
  else if (entry && order.kind === 'progress') entry.progress = order.progress;
  else if (entry && order.kind === 'reserve') entry.reservedBytes = order.bytes;
});

async function renew(): Promise<void> {
  const renewals = [...held.values()].map(({ lease, progress, reservedBytes }) => ({ lease, progress, reservedBytes }));
  if (renewals.length === 0) return;
  for (const entry of held.values()) entry.progress = undefined;
  try {
    const { statuses, reservedBytes } = await call(
      client.renewLeases.bind(client),
      { worker, renewals },
      { timeoutMs },
    );
    report({ kind: 'reserved', bytes: reservedBytes });
    for (const { lease, held: stillHeld, cancelRequested } of statuses) {
      if (!lease) continue;
      if (!stillHeld) {
        held.delete(keyOf(lease));
        report({ kind: 'lost', lease });
      } else if (cancelRequested) report({ kind: 'cancelled', lease });
    }
  } catch (thrown) {
    // Nobody is there, which is not the same as a refusal: the work goes on. Whether its lease still holds is found out when
    // somebody answers again, and its output counts for nothing before that.
    const { code } = SortieError.from(thrown);
    if (code === 'INVALID_ARGUMENT') throw thrown;
  }
}

const beat = (): void => {
  void renew().finally(() => setTimeout(beat, intervalMs));
};
beat();
