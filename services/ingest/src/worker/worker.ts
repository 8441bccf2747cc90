// The worker process as a whole: takes jobs from the queue and carries each out under its lease.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SortieError } from '@sortie/common/errors';
import {
  JobServiceClient,
  Outcome,
  Step,
  type JobError,
  type StartAttemptResponse,
} from '@sortie/common/gen/sortie/job/v1/job';
import { askHealth, call, connect } from '@sortie/common/grpc';
import { openIdentity } from '@sortie/common/identity/identity';
import { natsLogin } from '@sortie/common/identity/nats-login';
import type { Logger } from '@sortie/common/log';
import { ackWaitMs, askNats, Nats, nextWork, readWork, type JsMsg } from '@sortie/common/nats';
import { openStorage, type Storage } from '@sortie/common/storage';
import type { Vitals } from '@sortie/common/vitals';
import { Catalogue } from '../catalogue.js';
import { confinement, isWhole, setConfinement, type ConfineSettings, type Confinement } from '../confined/state.js';
import { GpuPool } from '../gpu/admission.js';
import { findGpus } from '../gpu/preflight.js';
import { ingest } from '../pipeline.js';
import { retrying, Run, StepError, type RunSettings } from '../run.js';
import { storageMetrics, type StorageMetrics } from '../storage-metrics.js';
import { whenUsable } from '../storage-check.js';
import { Admission } from './admission.js';
import { LeaseKeeper } from './lease-keeper.js';
import { workerMetrics, type WorkerMetrics } from './metrics.js';
import { reportWorker } from './report.js';
import { makeAttemptDirectory, removeAttemptDirectory, sweepWorkDirectory } from './work-directory.js';

export interface WorkerSettings {
  natsUrl: string;
  jobAddress: string;
  /** Directory of the identity. */
  identity: string;
  confine: ConfineSettings;
  storage: string;
  /** For files in the making; best on the same file system as the storage. */
  workDirectory: string;
  run: RunSettings;
  /** Jobs that this process works on at once. */
  jobs: number;
  /** How long running jobs are finished after a signal to stop, before they are handed back. */
  drainMs: number;
}

export interface WorkerProcess {
  /**
   * Takes no new work and finishes what runs. After the time to drain, or when `hurry` aborts, work is handed back, so that
   * another worker goes on at once.
   */
  stop(hurry?: AbortSignal): Promise<void>;
}

/** Reason of an abort that hands the work back. */
const handedBack = new SortieError('UNAVAILABLE', 'The worker is going away.');
const queueWaitMs = 5_000;
const pauseMs = 1_000;
const sweepMs = 600_000;
/** What a worker that has to go waits for a Job service to take its work back. */
const handBackMs = 5_000;

interface Parts {
  settings: WorkerSettings;
  name: string;
  jobs: JobServiceClient;
  leases: LeaseKeeper;
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
  setConfinement(settings.confine);
  const confined = await confinement();
  tellConfinement(confined, log);
  const storage = await openStorage(settings.storage);
  await whenUsable(storage, log);
  await mkdir(settings.workDirectory, { recursive: true });
  const jobs = connect(JobServiceClient, settings.jobAddress, openIdentity(settings.identity));
  const nats = new Nats(settings.natsUrl, `sortie-worker ${name}`, natsLogin(settings.identity));
  // CUDA takes its time; nothing else is waited for before the worker counts as started.
  const preflight = await findGpus(settings.run.engine, settings.workDirectory, log);
  // Without one of these it can take no work: a rollout must not go on over such a worker.
  await Promise.all([
    health.watch({ name: 'storage', needed: true, ask: () => storage.room() }),
    health.watch({ name: 'nats', needed: true, ask: () => askNats(nats) }),
    health.watch({ name: 'job', needed: true, ask: () => askHealth(jobs) }),
  ]);
  health.start();
  const leases = new LeaseKeeper({ jobAddress: settings.jobAddress, identity: settings.identity, worker: name }, log);
  const parts: Parts = {
    settings,
    name,
    jobs,
    leases,
    storage,
    catalogue: new Catalogue(storage),
    gpus: new GpuPool(preflight.usable),
    metrics: {
      ...workerMetrics(registry, { jobs: settings.jobs, gpus: preflight.usable.length, confinement: confined }),
      ...storageMetrics(registry, storage),
    },
    log,
  };
  const admission = new Admission(storage, settings.workDirectory, () => leases.reserved, log);
  const draining = new AbortController();
  const handingBack = new AbortController();
  const reporting = reportWorker(jobs, name, preflight, confined, draining.signal, log);
  const sweeping = sweepNowAndThen(parts, draining.signal);
  const working = new Set<Promise<void>>();

  const loop = (async () => {
    while (!draining.signal.aborted) {
      if (working.size >= settings.jobs) {
        await Promise.race(working);
        continue;
      }
      try {
        if (!(await admission.open())) {
          await pause(pauseMs, draining.signal);
          continue;
        }
        const message = await nextWork(nats, queueWaitMs);
        if (message && draining.signal.aborted) message.nak();
        else if (message) {
          const work: Promise<void> = handle(parts, message, handingBack.signal).finally(() => working.delete(work));
          working.add(work);
        }
      } catch (error) {
        if (draining.signal.aborted) break;
        log.debug({ err: error }, 'the work queue does not answer');
        await pause(pauseMs, draining.signal);
      }
    }
  })();
  log.info({ worker: name }, 'worker is up');

  return {
    stop: async (hurry) => {
      health.stop();
      draining.abort();
      const handBack = (): void => handingBack.abort(handedBack);
      const limit = setTimeout(handBack, settings.drainMs);
      if (hurry?.aborted) handBack();
      else hurry?.addEventListener('abort', handBack, { once: true });
      if (working.size > 0) log.info({ jobs: working.size, drainMs: settings.drainMs }, 'running jobs are finished');
      // A message that comes in this moment is given back by the loop.
      while (working.size > 0) await Promise.all(working);
      clearTimeout(limit);
      await Promise.all([reporting, sweeping]);
      // A waiting pull ends with the connection.
      await nats.close();
      await loop;
      await leases.stop();
      jobs.close();
    },
  };
}

/** Once, and loudly where strangers' files are read with less than all of it. */
function tellConfinement(confined: Confinement, log: Logger): void {
  if (isWhole(confined)) log.info({ confinement: confined }, 'what reads strangers’ files is confined');
  else
    log.warn(
      { confinement: confined },
      'what reads strangers’ files is NOT confined in full (SORTIE_CONFINE=best-effort): whoever takes it over reaches the files of this user',
    );
}

/** Resolves after a while, or when the signal aborts. */
const pause = (milliseconds: number, signal: AbortSignal): Promise<unknown> =>
  sleep(milliseconds, undefined, { signal }).catch(() => undefined);

async function sweepNowAndThen({ settings, jobs, log }: Parts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweepWorkDirectory(settings.workDirectory, jobs, log).catch((error: unknown) => {
      log.debug({ err: error }, 'the work directory could not be swept; that is tried again');
    });
    await pause(sweepMs, signal);
  }
}

/** One message of the queue: there is work. */
async function handle(parts: Parts, message: JsMsg, handingBack: AbortSignal): Promise<void> {
  const named = readWork(message);
  if (named === null) {
    // Given back it would come again, to every worker in turn.
    parts.log.error({ subject: message.subject, bytes: message.data.length }, 'a message in the work queue cannot be read; it is set aside'); // prettier-ignore
    message.term('it cannot be read');
    return;
  }
  parts.metrics.running.inc();
  try {
    const attempt = await takeFor(message, parts, named, handingBack);
    if (!attempt) return;
    const { jobId = '', attempt: number = 0 } = attempt.lease ?? {};
    const log = parts.log.child({ job: jobId, attempt: number });
    await carryOut(parts, attempt, handingBack, log).catch((error: unknown) =>
      log.warn({ err: error }, 'the attempt could not be reported; the job is queued again when its lease ends'),
    );
  } finally {
    parts.metrics.running.dec();
  }
}

/** From the moment when the job is taken, its lease says who has it, and the message has done its work. */
async function takeFor(
  message: JsMsg,
  parts: Parts,
  jobId: string,
  handingBack: AbortSignal,
): Promise<StartAttemptResponse | null> {
  const alive = setInterval(() => message.working(), ackWaitMs / 3);
  try {
    const attempt = await take(parts, jobId, handingBack);
    message.ack();
    return attempt;
  } catch (error) {
    parts.log.warn({ err: error }, 'no job could be taken; another worker will be asked');
    message.nak(pauseMs);
    return null;
  } finally {
    clearInterval(alive);
  }
}

/** The job that has its turn; null when none waits any more. */
async function take(
  { jobs, name }: Parts,
  jobId: string,
  handingBack: AbortSignal,
): Promise<StartAttemptResponse | null> {
  // Asked again when the answer was lost, the same request gives the same attempt.
  const request = { jobId, worker: name, requestId: randomUUID(), inTurn: true };
  try {
    return await retrying(handingBack, () => call(jobs.startAttempt.bind(jobs), request));
  } catch (error) {
    const { code } = SortieError.from(error);
    if (code === 'JOB_ENDED' || code === 'JOB_NOT_QUEUED' || code === 'NOT_FOUND') return null;
    throw error;
  }
}

const isLost = (signal: AbortSignal): boolean =>
  signal.reason instanceof SortieError && signal.reason.code === 'LEASE_LOST';

/** setTimeout takes no more than 31 bits of milliseconds, 24 days: a longer limit is none. */
const longestTimer = 2 ** 31 - 1;

const tooLong = (seconds: number): SortieError =>
  new SortieError('LIMIT_EXCEEDED', `The job took longer than ${seconds} s, which is the limit. Publish the video in parts, or with fewer resolutions, or ask the operator for more.`); // prettier-ignore

/** Works on the job and reports the end of the attempt, whatever became of it. */
async function carryOut(
  parts: Parts,
  { lease, job }: StartAttemptResponse,
  handingBack: AbortSignal,
  log: Logger,
): Promise<Outcome> {
  if (!lease || !job) throw new SortieError('INTERNAL', 'The attempt came without its job.');
  const { settings, jobs, leases, storage, catalogue, gpus, metrics } = parts;
  const ending = new AbortController();
  const lost = new AbortController();
  const kept = leases.keep(lease, (reason) => {
    if (reason.code === 'LEASE_LOST') lost.abort(reason);
    ending.abort(reason);
  });
  const signal = AbortSignal.any([ending.signal, handingBack]);
  const { seconds } = settings.run.budget;
  const limit =
    seconds * 1000 > longestTimer ? undefined : setTimeout(() => ending.abort(tooLong(seconds)), seconds * 1000);
  let directory: string | null = null;
  log.info('attempt begins');
  try {
    let end: { outcome: Outcome; error: JobError | undefined } = {
      outcome: Outcome.OUTCOME_SUCCEEDED,
      error: undefined,
    };
    try {
      directory = await makeAttemptDirectory(settings.workDirectory, lease.jobId, lease.attempt);
      const run = new Run({ job, lease, jobs, kept, storage, catalogue, metrics, directory, settings: settings.run, gpus, signal, lost: lost.signal, log }); // prettier-ignore
      await ingest(run);
    } catch (thrown) {
      end = outcomeOf(thrown, signal, log);
    }
    metrics.attempts.inc({ outcome: Outcome[end.outcome].slice('OUTCOME_'.length).toLowerCase() });
    if (isLost(lost.signal)) return end.outcome;
    await finish(jobs, lease, end, lost.signal, handingBack);
    log.info({ outcome: Outcome[end.outcome], error: end.error?.code }, 'attempt ended');
    return end.outcome;
  } finally {
    clearTimeout(limit);
    kept.release();
    if (directory !== null) await removeAttemptDirectory(directory, log);
  }
}

/** The Job service is waited for; by a worker that has to go, not for long. */
async function finish(
  jobs: JobServiceClient,
  lease: StartAttemptResponse['lease'],
  end: { outcome: Outcome; error: JobError | undefined },
  lost: AbortSignal,
  handingBack: AbortSignal,
): Promise<void> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const hurry = (): void => {
    timer = setTimeout(() => late.abort(handedBack), handBackMs);
  };
  if (handingBack.aborted) hurry();
  else handingBack.addEventListener('abort', hurry, { once: true });
  try {
    await retrying(AbortSignal.any([lost, late.signal]), () => call(jobs.finishAttempt.bind(jobs), { lease, ...end }));
  } finally {
    clearTimeout(timer);
    handingBack.removeEventListener('abort', hurry);
  }
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
  const reason: unknown = signal.reason;
  if (reason instanceof SortieError && reason.code === 'LIMIT_EXCEEDED')
    return { outcome: Outcome.OUTCOME_FAILED, error: { code: reason.code, message: reason.message, step: failure.step, retryable: false } }; // prettier-ignore
  if (signal.aborted && code === 'CANCELLED') return { outcome: Outcome.OUTCOME_CANCELLED, error: undefined };
  log.warn({ step: Step[failure.step], code, err: failure.error.cause ?? failure.error }, 'attempt failed');
  return { outcome: Outcome.OUTCOME_FAILED, error: { code, message, step: failure.step, retryable } };
}
