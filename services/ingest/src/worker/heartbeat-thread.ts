// The heartbeat of an attempt, on a thread of its own: no work of the main thread can hold it up, so a lease is lost only
// when the worker is.
import { parentPort, workerData } from 'node:worker_threads';
import { SortieError } from '@sortie/common/errors';
import { JobServiceClient, type Lease, type Progress } from '@sortie/common/gen/sortie/job/v1/job';
import { call, clientCredentials, clientOptions } from '@sortie/common/grpc';

export interface HeartbeatOrder {
  jobAddress: string;
  lease: Lease;
  intervalMs: number;
  leaseMs: number;
}

export type HeartbeatNews = { kind: 'cancel' } | { kind: 'lost'; message: string };

const { jobAddress, lease, intervalMs, leaseMs } = workerData as HeartbeatOrder;
const client = new JobServiceClient(jobAddress, clientCredentials(), clientOptions);
let progress: Progress | undefined;
let lastHeard = Date.now();

const tell = (news: HeartbeatNews): void => parentPort?.postMessage(news);

parentPort?.on('message', (newest: Progress) => {
  progress = newest;
});

async function beat(): Promise<void> {
  const sent = progress;
  progress = undefined;
  try {
    const { cancelRequested } = await call(client.heartbeat.bind(client), { lease, progress: sent }, leaseMs / 3);
    lastHeard = Date.now();
    if (cancelRequested) tell({ kind: 'cancel' });
  } catch (thrown) {
    const error = SortieError.from(thrown);
    if (error.code === 'LEASE_LOST' || error.code === 'NOT_FOUND') {
      tell({ kind: 'lost', message: error.message });
      return;
    }
    // The service may be restarting. Past the lease others may have the job, so what is done here is void.
    if (Date.now() - lastHeard > leaseMs)
      tell({ kind: 'lost', message: 'The Job service did not answer for a whole lease.' });
  }
  setTimeout(() => void beat(), intervalMs);
}

void beat();
