// JobService over gRPC: checks requests, lets the state machine decide, writes the job store, reports what has changed.
import type { Audit } from '@sortie/common/audit/audit';
import { callEvent } from '@sortie/common/audit/call-event';
import type { Logger } from '@sortie/common/log';
import { SortieError } from '@sortie/common/errors';
import {
  State,
  Step,
  type Job,
  type JobServiceServer,
  type Lease,
  type WatchJobRequest,
  type WatchJobResponse,
} from '@sortie/common/gen/sortie/job/v1/job';
import { Action } from '@sortie/common/gen/sortie/audit/v1/audit';
import type { Duration } from '@sortie/common/gen/google/protobuf/duration';
import { unary } from '@sortie/common/grpc';
import { serverStream } from '@sortie/common/grpc-stream';
import { isJobId, newJobId } from '@sortie/common/ids';
import type { Identity } from '@sortie/common/identity/identity';
import { mustSpeakFor } from '@sortie/common/identity/speaker';
import { checkText, maxLength } from '@sortie/common/text';
import type { Followers } from './followers.js';
import { checkCreate, filterOf, requestKey, validJobId } from './inputs.js';
import {
  cancel,
  checkLease,
  commitAttempt,
  create,
  finishAttempt,
  reportStep,
  startAttempt,
  type Change,
  type Policy,
} from './job.js';
import type { Leases } from './leases.js';
import type { Locks } from './locks.js';
import { readPageToken, writePageToken } from './page-token.js';
import { mayRead, readable, readerOf } from './readers.js';
import type { Store } from './store.js';
import type { Turns } from './turns.js';
import type { Workers } from './workers.js';

const defaultPageSize = 100;
const maxPageSize = 1000;
const maxBatch = 100;
const maxRenewals = 1000;
const maxLockMs = 3_600_000;

export interface JobServerParts {
  store: Store;
  turns: Turns;
  leases: Leases;
  followers: Followers;
  workers: Workers;
  locks: Locks;
  /** Is reported each job that has changed. */
  onChange: (jobId: string, lastSequence: number) => void;
  policy: Policy;
  identity: Pick<Identity, 'speakerOf' | 'callerOf'>;
  audit: Audit;
  log: Logger;
}

const leaseOf = (lease: Lease | undefined): Lease => {
  if (!lease) throw SortieError.field('lease', 'is missing');
  return { ...lease, jobId: validJobId(lease.jobId) };
};

const durationOf = (milliseconds: number): Duration => ({
  seconds: Math.floor(milliseconds / 1000),
  nanos: (milliseconds % 1000) * 1_000_000,
});

export function newJobServer(parts: JobServerParts): JobServiceServer {
  const { store, turns, leases, followers, workers, locks, onChange, policy, identity, audit, log } = parts;

  return {
    createJob: unary(log, async (request, call) => {
      const inputs = checkCreate(request);
      const { type, owner, priority, validateOnly } = request;
      mustSpeakFor(identity.speakerOf(call), owner);
      if (validateOnly) {
        await store.checkRoom(owner);
        return { job: undefined };
      }
      const make = (now: Date): Change => create({ jobId: newJobId(), type, owner, inputs, priority }, now);
      const { job, created } = await store.create(make, requestKey(request, inputs));
      if (created) {
        log.info({ job: job.jobId, owner, service: inputs.serviceName, layer: inputs.layerId }, 'job created');
      }
      return { job };
    }),

    getJob: unary(log, async ({ jobId }, call) => ({
      job: readable(readerOf(identity, call), await store.get(validJobId(jobId))),
    })),

    batchGetJobs: unary(log, async ({ jobIds }, call) => {
      if (jobIds.length > maxBatch) throw SortieError.field('job_ids', `at most ${maxBatch} are taken`);
      const reader = readerOf(identity, call);
      const { jobs, missing } = await store.getMany(jobIds.filter(isJobId));
      const others = jobs.filter((job) => !mayRead(reader, job)).map((job) => job.jobId);
      return {
        jobs: jobs.filter((job) => mayRead(reader, job)),
        missingIds: [...missing, ...others, ...jobIds.filter((jobId) => !isJobId(jobId))],
      };
    }),

    listJobs: unary(log, async (request, call) => {
      const asked = filterOf(request);
      const reader = readerOf(identity, call);
      if (reader !== null && !['', reader].includes(asked.owner)) return { jobs: [], nextPageToken: '' };
      const filter = { ...asked, owner: reader ?? asked.owner };
      if (request.pageSize < 0) throw SortieError.field('page_size', 'must not be negative');
      const size = Math.min(request.pageSize === 0 ? defaultPageSize : request.pageSize, maxPageSize);
      const { states, owner, serviceName, createdAfter, createdBefore } = filter;
      const pagesOf = [states, owner, serviceName, createdAfter, createdBefore];
      const { jobs, next } = await store.list(filter, size, readPageToken(request.pageToken, pagesOf, isJobId));
      return { jobs, nextPageToken: writePageToken(next, pagesOf) };
    }),

    watchJob: serverStream(log, async function* (request, signal, call) {
      const reader = readerOf(identity, call);
      if (reader !== null) readable(reader, await store.get(validJobId(request.jobId)));
      yield* watch(request, signal, followers);
    }),

    cancelJob: unary(log, async ({ jobId, user }, call) => {
      checkText('user', user, { max: maxLength.user });
      const speaker = identity.speakerOf(call);
      if (user !== '') mustSpeakFor(speaker, user);
      mustSpeakFor(speaker, readable(readerOf(identity, call), await store.get(validJobId(jobId))).owner);
      const job = await store.update(validJobId(jobId), (record, now) => cancel(record, user, now));
      log.info({ job: jobId, user }, 'cancel asked for');
      const noted = callEvent(identity, call, Action.ACTION_CANCEL, jobId, user);
      if (noted) audit.note(noted);
      onChange(jobId, job.lastSequence);
      return { job };
    }),

    startAttempt: unary(log, async ({ jobId: named, worker, requestId, inTurn }) => {
      checkText('worker', worker, { min: 1, max: maxLength.user });
      checkText('request_id', requestId, { max: maxLength.requestId });
      const start = (jobId: string): Promise<Job> =>
        store.update(jobId, (record, now) => startAttempt(record, worker, now, policy, requestId));
      const job = inTurn ? await startNext({ store, turns }, requestId, start) : await start(validJobId(named));
      const { jobId } = job;
      const attempt = job.attempts.length;
      log.info({ job: jobId, attempt, worker }, 'attempt began');
      onChange(jobId, job.lastSequence);
      return { lease: { jobId, attempt }, leaseDuration: durationOf(policy.leaseMs), job };
    }),

    heartbeat: unary(log, async ({ lease, progress }) => {
      const { jobId, attempt } = leaseOf(lease);
      const { statuses } = await leases.renew([{ lease: { jobId, attempt }, progress, reservedBytes: 0 }]);
      if (statuses[0]?.held !== true) {
        checkLease(await store.get(jobId), attempt);
        throw new SortieError('UNAVAILABLE', 'The lease changed in this moment; try again.');
      }
      if (progress) onChange(jobId, 0);
      return { cancelRequested: statuses[0].cancelRequested };
    }),

    renewLeases: unary(log, async ({ renewals }) => {
      if (renewals.length > maxRenewals) throw SortieError.field('renewals', `at most ${maxRenewals} are taken`);
      if (!renewals.every(({ reservedBytes }) => reservedBytes >= 0))
        throw SortieError.field('renewals.reserved_bytes', 'must not be negative');
      const checked = renewals.map((renewal) => ({ ...renewal, lease: leaseOf(renewal.lease) }));
      const renewed = await leases.renew(checked);
      for (const { lease, progress } of checked) if (progress) onChange(lease.jobId, 0);
      return renewed;
    }),

    reportWorker: unary(log, async ({ worker }) => {
      if (!worker || worker.name === '') throw SortieError.field('worker.name', 'is missing');
      checkText('worker.name', worker.name, { max: maxLength.user });
      await workers.note(worker);
      return {};
    }),

    listWorkers: unary(log, async () => ({ workers: await workers.list() })),

    reportStep: unary(log, async (report) => {
      const { jobId, attempt } = leaseOf(report.lease);
      if (report.step === Step.STEP_UNSPECIFIED) throw SortieError.field('step', 'is missing');
      const job = await store.update(jobId, (record, now) => reportStep(record, report, now, policy));
      log.debug({ job: jobId, attempt, step: report.step, state: report.state }, 'step');
      onChange(jobId, job.lastSequence);
      return {};
    }),

    commitAttempt: unary(log, async ({ lease }) => {
      const { jobId, attempt } = leaseOf(lease);
      const job = await store.update(jobId, (record, now) => commitAttempt(record, attempt, now, policy));
      log.info({ job: jobId, attempt, committed: job.committedAttempt }, 'attempt committed');
      onChange(jobId, job.lastSequence);
      return { committedAttempt: job.committedAttempt };
    }),

    finishAttempt: unary(log, async ({ lease, outcome, error }) => {
      const { jobId, attempt } = leaseOf(lease);
      const job = await store.update(jobId, (record, now) =>
        finishAttempt(record, attempt, outcome, error, now, policy),
      );
      log.info({ job: jobId, attempt, state: State[job.state], error: error?.code }, 'attempt ended');
      onChange(jobId, job.lastSequence);
      return { job };
    }),

    acquireLock: unary(log, async ({ name, holder, duration }) => {
      checkText('name', name, { min: 1, max: maxLength.user });
      checkText('holder', holder, { min: 1, max: maxLength.user });
      const durationMs = (duration?.seconds ?? 0) * 1000 + (duration?.nanos ?? 0) / 1e6;
      if (!(durationMs > 0 && durationMs <= maxLockMs))
        throw SortieError.field('duration', 'must be more than 0 and at most an hour');
      return { acquired: await locks.acquire(name, holder, durationMs) };
    }),
  };
}

/** Several that ask at once meet at the same job, and all but one go on to the next. */
const meetings = 50;

/** The job whose turn it is. Throws JOB_NOT_QUEUED when none waits that may begin. */
async function startNext(
  { store, turns }: Pick<JobServerParts, 'store' | 'turns'>,
  requestId: string,
  start: (jobId: string) => Promise<Job>,
): Promise<Job> {
  const begun = requestId === '' ? null : await store.begunBy(requestId);
  if (begun !== null) return start(begun);
  for (let round = 0; round < meetings; round++) {
    const [jobId] = await turns.next(1);
    if (jobId === undefined) throw new SortieError('JOB_NOT_QUEUED', 'No job waits for a worker now.');
    try {
      return await start(jobId);
    } catch (error) {
      const { code } = SortieError.from(error);
      if (code !== 'JOB_NOT_QUEUED' && code !== 'JOB_ENDED') throw error;
    }
  }
  throw new SortieError('UNAVAILABLE', 'The jobs that wait are being taken by others all the time; try again.');
}

/** All events after the asked one, then live ones, and progress in between, until the job has ended or the caller left. */
async function* watch(
  { jobId, afterEvent }: WatchJobRequest,
  signal: AbortSignal,
  followers: Followers,
): AsyncGenerator<WatchJobResponse, void, undefined> {
  if (afterEvent < 0) throw SortieError.field('after_event', 'must not be negative');
  for await (const update of followers.watch(validJobId(jobId), afterEvent, signal)) {
    yield update.kind === 'event'
      ? { update: { $case: 'event', value: update.event } }
      : { update: { $case: 'progress', value: update.progress } };
  }
}
