// JobService over gRPC: checks requests, lets the state machine decide, writes the book, rings the bell.
import type { Logger } from '@sortie/common/log';
import { SortieError } from '@sortie/common/errors';
import {
  JobType,
  State,
  Step,
  type JobServiceServer,
  type Lease,
  type ListJobsRequest,
  type WatchJobRequest,
  type WatchJobResponse,
} from '@sortie/common/gen/sortie/job/v1/job';
import { unary } from '@sortie/common/grpc';
import { serverStream } from '@sortie/common/grpc-stream';
import { isFileId, isJobId, newJobId } from '@sortie/common/ids';
import { listenChanged, ringChanged, type Nats } from '@sortie/common/nats';
import { cancel, checkLease, create, finishAttempt, isEnded, reportStep, startAttempt, type Policy } from './job.js';
import type { Outbox } from './outbox.js';
import type { Cursor, ListFilter, Store } from './store.js';

const defaultPageSize = 100;
const maxPageSize = 1000;
/** A worker that was not heard of for so long is gone. */
const workerSeenMs = 60_000;
/** How often a watcher looks by itself, should a bell be lost. */
const lookMs = 1_000;

export interface JobServerParts {
  store: Store;
  outbox: Outbox;
  nats: Nats;
  policy: Policy;
  log: Logger;
}

const leaseOf = (lease: Lease | undefined): Lease => {
  if (!lease) throw SortieError.field('lease', 'is missing');
  return lease;
};

function validJobId(jobId: string): string {
  if (!isJobId(jobId)) throw new SortieError('NOT_FOUND', 'There is no such job: an id is a j and a UUID.');
  return jobId;
}

/** The filters of a page token must be those of the request, or pages would skip and repeat (AIP-158). */
const fingerprint = (filter: ListFilter): string =>
  JSON.stringify([filter.states, filter.owner, filter.serviceName, filter.createdAfter, filter.createdBefore]);

function readPageToken(token: string, filter: ListFilter): Cursor | null {
  if (token === '') return null;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parsed) && parsed.length === 3 && parsed[2] === fingerprint(filter)) {
      const [createTime, jobId] = parsed as unknown[];
      // Four digits of a year: PostgreSQL does not take what Date takes beyond.
      const isTime =
        typeof createTime === 'string' && /^\d{4}-/.test(createTime) && !Number.isNaN(Date.parse(createTime));
      if (isTime && typeof jobId === 'string' && isJobId(jobId)) {
        return { createTime, jobId };
      }
    }
  } catch {
    // Said below.
  }
  throw SortieError.field('page_token', 'is not from an answer to the same filters');
}

const writePageToken = (cursor: Cursor, filter: ListFilter): string =>
  Buffer.from(JSON.stringify([cursor.createTime, cursor.jobId, fingerprint(filter)])).toString('base64url');

function filterOf(request: ListJobsRequest): ListFilter {
  const { states, owner, serviceName, createdAfter, createdBefore } = request;
  return { states, owner, serviceName, createdAfter, createdBefore };
}

export function newJobServer({ store, outbox, nats, policy, log }: JobServerParts): JobServiceServer {
  const changed = (jobId: string, lastSequence: number): void => ringChanged(nats, jobId, lastSequence);

  return {
    createJob: unary(log, async ({ requestId, type, owner, inputs }) => {
      if (type !== JobType.JOB_TYPE_PUBLISH) throw SortieError.field('type', 'must be JOB_TYPE_PUBLISH');
      if (owner === '') throw SortieError.field('owner', 'is missing');
      if (!inputs) throw SortieError.field('inputs', 'is missing');
      if (inputs.fileIds.length === 0 || !inputs.fileIds.every(isFileId)) {
        throw SortieError.field('inputs.file_ids', 'must name at least one upload, an i and a UUID each');
      }
      if (inputs.serviceName === '') throw SortieError.field('inputs.service_name', 'is missing');
      const change = create({ jobId: newJobId(), type, owner, inputs }, new Date());
      const { job, created } = await store.create(change, requestId === '' ? null : requestId);
      if (created) {
        void outbox.flush();
        log.info({ job: job.jobId, owner, service: inputs.serviceName, layer: inputs.layerId }, 'job created');
      }
      return { job };
    }),

    getJob: unary(log, async ({ jobId }) => ({ job: await store.get(validJobId(jobId)) })),

    listJobs: unary(log, async (request) => {
      const filter = filterOf(request);
      if (request.pageSize < 0) throw SortieError.field('page_size', 'must not be negative');
      const size = Math.min(request.pageSize === 0 ? defaultPageSize : request.pageSize, maxPageSize);
      const { jobs, next } = await store.list(filter, size, readPageToken(request.pageToken, filter));
      return { jobs, nextPageToken: next ? writePageToken(next, filter) : '' };
    }),

    watchJob: serverStream(log, (request, signal) => watch(request, signal, store, nats)),

    cancelJob: unary(log, async ({ jobId, user }) => {
      const job = await store.update(validJobId(jobId), (record) => cancel(record, user, new Date()));
      log.info({ job: jobId, user }, 'cancel asked for');
      changed(jobId, job.lastSequence);
      return { job };
    }),

    startAttempt: unary(log, async ({ jobId, worker }) => {
      const job = await store.update(validJobId(jobId), (record) => startAttempt(record, worker, new Date(), policy));
      const attempt = job.attempts.length;
      log.info({ job: jobId, attempt, worker }, 'attempt began');
      changed(jobId, job.lastSequence);
      const leaseDuration = {
        seconds: Math.floor(policy.leaseMs / 1000),
        nanos: (policy.leaseMs % 1000) * 1_000_000,
      };
      return { lease: { jobId, attempt }, leaseDuration, job };
    }),

    heartbeat: unary(log, async ({ lease, progress }) => {
      const { jobId, attempt } = leaseOf(lease);
      const expires = new Date(Date.now() + policy.leaseMs);
      const answer = await store.heartbeat(validJobId(jobId), attempt, expires, progress);
      if (!answer) {
        checkLease(await store.get(jobId), attempt);
        throw new SortieError('UNAVAILABLE', 'The lease changed in this moment; try again.');
      }
      if (progress) changed(jobId, 0);
      return answer;
    }),

    reportWorker: unary(log, async ({ worker }) => {
      if (!worker || worker.name === '') throw SortieError.field('worker.name', 'is missing');
      const now = new Date();
      await store.noteWorker(worker, now, new Date(now.getTime() - workerSeenMs));
      return {};
    }),

    listWorkers: unary(log, async () => ({ workers: await store.workers(new Date(Date.now() - workerSeenMs)) })),

    reportStep: unary(log, async (report) => {
      const { jobId, attempt } = leaseOf(report.lease);
      if (report.step === Step.STEP_UNSPECIFIED) throw SortieError.field('step', 'is missing');
      const job = await store.update(validJobId(jobId), (record) => reportStep(record, report, new Date(), policy));
      log.debug({ job: jobId, attempt, step: report.step, state: report.state }, 'step');
      changed(jobId, job.lastSequence);
      return {};
    }),

    finishAttempt: unary(log, async ({ lease, outcome, error }) => {
      const { jobId, attempt } = leaseOf(lease);
      const job = await store.update(validJobId(jobId), (record) =>
        finishAttempt(record, attempt, outcome, error, new Date(), policy),
      );
      log.info({ job: jobId, attempt, state: State[job.state], error: error?.code }, 'attempt ended');
      void outbox.flush();
      changed(jobId, job.lastSequence);
      return { job };
    }),
  };
}

/** All events after the asked one, then live ones, and progress in between, until the job has ended or the caller left. */
async function* watch(
  request: WatchJobRequest,
  signal: AbortSignal,
  store: Store,
  nats: Nats,
): AsyncGenerator<WatchJobResponse, void, undefined> {
  const jobId = validJobId(request.jobId);
  let after = request.afterEvent;
  let lastProgress = '';
  let wake = (): void => undefined;
  let rung = false;
  const ring = (): void => {
    rung = true;
    wake();
  };
  const stopListening = listenChanged(nats, jobId, ring);
  signal.addEventListener('abort', ring);
  try {
    for (;;) {
      rung = false;
      // The job is read first: an event that comes between the two reads is then sent now and not missed.
      const job = await store.get(jobId);
      for (;;) {
        const events = await store.events(jobId, after);
        for (const event of events) {
          yield { update: { $case: 'event', value: event } };
          after = event.sequence;
        }
        if (events.length === 0 || signal.aborted) break;
      }
      if (signal.aborted || isEnded(job.state)) return;
      const progress = JSON.stringify(job.progress ?? '');
      if (job.progress && progress !== lastProgress) yield { update: { $case: 'progress', value: job.progress } };
      lastProgress = progress;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (rung) wake();
      });
    }
  } finally {
    stopListening();
  }
}
