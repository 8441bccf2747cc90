// Tells the Job service, now and then, that this worker is there and what it works with, and how confined.
import { setTimeout } from 'node:timers/promises';
import type { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import { isWhole, missingOf, type Confinement } from '../confined/state.js';
import type { FoundGpus } from '../gpu/preflight.js';

const everyMs = 20_000;

/** Ends when the signal says so. */
export async function reportWorker(
  jobs: JobServiceClient,
  name: string,
  found: FoundGpus,
  confined: Confinement,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  const worker = {
    name,
    seenTime: undefined,
    driver: found.driver,
    gpuReason: found.reason,
    confinement: { full: isWhole(confined), missing: missingOf(confined) },
    gpus: found.gpus.map((gpu) => ({
      device: gpu.device,
      name: gpu.name,
      memoryBytes: gpu.memoryTotal,
      used: found.usable.includes(gpu),
      decode: gpu.decode,
      scale: gpu.scale,
      encode: gpu.encode,
    })),
  };
  while (!signal.aborted) {
    await call(jobs.reportWorker.bind(jobs), { worker }).catch((error: unknown) => {
      log.debug({ err: error }, 'the Job service could not be told about this worker');
    });
    // Rejects at once when the signal is there already.
    await setTimeout(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
