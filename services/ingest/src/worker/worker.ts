// The worker process as a whole: takes jobs from the queue and carries each out under its lease.
import { hostname } from 'node:os';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import {
  JobServiceClient,
  Outcome,
  Step,
  type JobError,
  type StartAttemptResponse,
} from '@sortie/common/gen/sortie/job/v1/job';
import { askHealth, call, clientCredentials, clientOptions } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import { ackWaitMs, askNats, Nats, nextWork, readWork, type JsMsg } from '@sortie/common/nats';
import { openStorage, type Storage } from '@sortie/common/storage';
import type { Vitals } from '@sortie/common/vitals';
import { Catalogue } from '../catalogue.js';
import { GpuPool } from '../gpu/admission.js';
import { findGpus } from '../gpu/preflight.js';
import { ingest } from '../pipeline.js';
import { retrying, Run, StepError, type RunSettings } from '../run.js';
import { storageMetrics, type StorageMetrics } from '../storage-metrics.js';
import { startHeartbeat } from './heartbeat.js';
import { workerMetrics, type WorkerMetrics } from './metrics.js';
import { reportWorker } from './report.js';

export interface WorkerSettings {
  natsUrl: string;
  jobAddress: string;
  storage: string;
  /** For files in the making; best on the same file system as the storage. */
  workDirectory: string;
  run: RunSettings;
  /** Jobs that this process works on at once. */
  jobs: number;
}

export interface WorkerProcess {
  /** Hands running work back, so that another worker goes on at once. */
  stop(): Promise<void>;
}

/** Reason of an abort that hands the work back. */
const handedBack = new SortieError('UNAVAILABLE', 'The worker is going away.');
const queueWaitMs = 5_000;
const pauseMs = 1_000;

interface Parts {
  settings: WorkerSettings;
  name: string;
  jobs: JobServiceClient;
  storage: Storage;
  catalogue: Catalogue;
  gpus: GpuPool;
  metrics: WorkerMetrics & StorageMetrics;
  log: Logger;
}

export async function startWorker(
  settings: WorkerSettings,
  log: Logger,
  { health, registry }: Vitals,
): Promise<WorkerProcess> {
  const name = `${hostname()}/${process.pid}`;
  const storage = await openStorage(settings.storage);
  await mkdir(settings.workDirectory, { recursive: true });
  const jobs = new JobServiceClient(settings.jobAddress, clientCredentials(), clientOptions);
  const nats = new Nats(settings.natsUrl, `sortie-worker ${name}`);
  // CUDA takes its time; nothing else is waited for before the worker counts as started.
  const preflight = await findGpus(settings.run.engine, settings.workDirectory, log);
  // Without one of these it can take no work: a rollout must not go on over such a worker.
  await Promise.all([
    health.watch({ name: 'storage', needed: true, ask: () => storage.room() }),
    health.watch({ name: 'nats', needed: true, ask: () => askNats(nats) }),
    health.watch({ name: 'job', needed: true, ask: () => askHealth(jobs) }),
  ]);
  health.start();
  const parts: Parts = {
    settings,
    name,
    jobs,
    storage,
    catalogue: new Catalogue(storage),
    gpus: new GpuPool(preflight.usable),
    metrics: {
      ...workerMetrics(registry, { jobs: settings.jobs, gpus: preflight.usable.length }),
      ...storageMetrics(registry, storage),
    },
    log,
  };
  const stopping = new AbortController();
  const reporting = reportWorker(jobs, name, preflight, stopping.signal, log);
  const working = new Set<Promise<void>>();

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      if (working.size >= settings.jobs) {
        await Promise.race(working);
        continue;
      }
      try {
        const message = await nextWork(nats, queueWaitMs);
        if (message && stopping.signal.aborted) message.nak();
        else if (message) {
          const work: Promise<void> = handle(parts, message, stopping.signal).finally(() => working.delete(work));
          working.add(work);
        }
      } catch (error) {
        if (stopping.signal.aborted) break;
        log.debug({ err: error }, 'the work queue does not answer');
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  })();
  log.info({ worker: name }, 'worker is up');

  return {
    stop: async () => {
      health.stop();
      stopping.abort(handedBack);
      await Promise.all(working);
      await reporting;
      // A waiting pull ends with the connection.
      await nats.close();
      await loop;
      jobs.close();
    },
  };
}

/** One message of the queue: a job that may want a worker. */
async function handle(parts: Parts, message: JsMsg, stopping: AbortSignal): Promise<void> {
  const { jobId } = readWork(message);
  const log = parts.log.child({ job: jobId });
  parts.metrics.running.inc();
  const alive = setInterval(() => message.working(), ackWaitMs / 3);
  try {
    const attempt = await take(parts, jobId);
    if (!attempt) {
      message.ack();
      return;
    }
    const outcome = await carryOut(parts, attempt, stopping, log.child({ attempt: attempt.lease?.attempt }));
    if (outcome === Outcome.OUTCOME_HANDED_BACK) message.nak();
    else message.ack();
  } catch (error) {
    log.warn({ err: error }, 'the attempt could not be told about; the job is queued again when its lease ends');
    message.nak(pauseMs);
  } finally {
    parts.metrics.running.dec();
    clearInterval(alive);
  }
}

/** Null when the job needs nobody any more, or has somebody. */
async function take({ jobs, name }: Parts, jobId: string): Promise<StartAttemptResponse | null> {
  try {
    return await call(jobs.startAttempt.bind(jobs), { jobId, worker: name });
  } catch (error) {
    const { code } = SortieError.from(error);
    if (code === 'JOB_ENDED' || code === 'JOB_NOT_QUEUED' || code === 'NOT_FOUND') return null;
    throw error;
  }
}

async function carryOut(
  { settings, jobs, storage, catalogue, gpus, metrics }: Parts,
  { lease, leaseDuration, job }: StartAttemptResponse,
  stopping: AbortSignal,
  log: Logger,
): Promise<Outcome> {
  if (!lease || !job) throw new SortieError('INTERNAL', 'The attempt came without its job.');
  const ending = new AbortController();
  const leaseMs = (leaseDuration?.seconds ?? 0) * 1000 + (leaseDuration?.nanos ?? 0) / 1e6;
  const heartbeat = startHeartbeat(settings.jobAddress, lease, leaseMs, (reason) => ending.abort(reason));
  const signal = AbortSignal.any([ending.signal, stopping]);
  const directory = join(settings.workDirectory, `${lease.jobId}-${lease.attempt}`);
  log.info('attempt begins');
  let outcome = Outcome.OUTCOME_SUCCEEDED;
  let error: JobError | undefined;
  try {
    await mkdir(directory, { recursive: true });
    const run = new Run({
      job,
      lease,
      jobs,
      heartbeat,
      storage,
      catalogue,
      metrics,
      directory,
      settings: settings.run,
      gpus,
      signal,
      log,
    });
    await ingest(run);
  } catch (thrown) {
    ({ outcome, error } = outcomeOf(thrown, signal, log));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  metrics.attempts.inc({ outcome: Outcome[outcome].slice('OUTCOME_'.length).toLowerCase() });
  try {
    if (signal.reason instanceof SortieError && signal.reason.code === 'LEASE_LOST') return outcome;
    await retrying(ending.signal, () => call(jobs.finishAttempt.bind(jobs), { lease, outcome, error }));
  } finally {
    await heartbeat.stop();
  }
  log.info({ outcome: Outcome[outcome], error: error?.code }, 'attempt ended');
  return outcome;
}

/** What an attempt came to, from what it threw. */
function outcomeOf(
  thrown: unknown,
  signal: AbortSignal,
  log: Logger,
): { outcome: Outcome; error: JobError | undefined } {
  const failure = thrown instanceof StepError ? thrown : new StepError(Step.STEP_UNSPECIFIED, SortieError.from(thrown));
  const { code, message, retryable } = failure.error;
  if (signal.reason === handedBack) return { outcome: Outcome.OUTCOME_HANDED_BACK, error: undefined };
  if (signal.aborted && code === 'CANCELLED') return { outcome: Outcome.OUTCOME_CANCELLED, error: undefined };
  log.warn({ step: Step[failure.step], code, err: failure.error.cause ?? failure.error }, 'attempt failed');
  return { outcome: Outcome.OUTCOME_FAILED, error: { code, message, step: failure.step, retryable } };
}
