// The state machine of a job: pure functions from (record, what happened, when) to what is written down. Nothing here
// reads a clock, a database or a socket.
import { isCircumstance, SortieError } from '@sortie/common/errors';
import {
  Outcome,
  State,
  Step,
  StepState,
  type Attempt,
  type Job,
  type JobError,
  type JobEvent,
  type JobInputs,
  type JobType,
  type Priority,
  type ReportStepRequest,
  type StepRun,
} from '@sortie/common/gen/sortie/job/v1/job';

/** What the book holds of one job besides its events. */
export interface JobRecord {
  job: Job;
  /** When the running attempt is given up unless it is heard of again; null when none runs. */
  leaseExpires: Date | null;
  /** The worker's request that began the running attempt; empty when it gave none. */
  leaseRequest: string;
  /** When a queued job may be taken: later than now while it backs off. */
  queueAfter: Date;
}

/** A record as it is to be written, with the events that led there. */
export interface Change {
  record: JobRecord;
  events: JobEvent[];
  /** Whether the job now waits for a worker. */
  queued: boolean;
  /** Whether this ends a lease because it has expired: void when it was renewed meanwhile. */
  expires?: boolean;
  /** Whether an attempt begins: its owner has had a turn. */
  begins?: boolean;
}

export interface Policy {
  leaseMs: number;
  /** A job fails after so many attempts in which its work failed. */
  maxAttempts: number;
  /**
   * It is given up after so many attempts that ended by circumstances: a lost worker, a full disk, a storage that is away.
   * That is nobody's fault, but a job that takes its workers with it must come to an end, too.
   */
  maxInterruptions: number;
  /** Wait before the second attempt; doubled for each one after, up to a limit. */
  backOffMs: number;
  maxBackOffMs: number;
}

export const defaultPolicy: Policy = {
  leaseMs: 10_000,
  maxAttempts: 3,
  maxInterruptions: 100,
  backOffMs: 2_000,
  maxBackOffMs: 120_000,
};

const ended: readonly State[] = [State.STATE_SUCCEEDED, State.STATE_FAILED, State.STATE_CANCELLED];

export const isEnded = (state: State): boolean => ended.includes(state);

type Fact = NonNullable<JobEvent['fact']>;

/** Writes down facts one after the other; each gets the next number. */
class Writer {
  readonly events: JobEvent[] = [];
  readonly job: Job;

  constructor(
    job: Job,
    private readonly now: Date,
  ) {
    this.job = structuredClone(job);
    this.job.updateTime = now;
  }

  get nextSequence(): number {
    return this.job.lastSequence + 1;
  }

  fact(fact: Fact): void {
    const sequence = this.nextSequence;
    this.job.lastSequence = sequence;
    const attempt = this.job.state === State.STATE_RUNNING ? (this.job.attempts.at(-1)?.number ?? 0) : 0;
    this.events.push({ jobId: this.job.jobId, sequence, time: this.now, attempt, fact: structuredClone(fact) });
  }

  enter(state: State): void {
    this.job.state = state;
    if (isEnded(state)) {
      this.job.endTime = this.now;
      this.job.progress = undefined;
    }
    this.fact({ $case: 'stateChanged', value: state });
  }

  endStep(run: StepRun, state: StepState): void {
    run.state = state;
    run.endTime = this.now;
    this.fact({ $case: 'stepEnded', value: run });
  }

  /** Ends the running attempt, and its running step with it. */
  endAttempt(stepState: StepState, error: JobError | undefined): Attempt {
    const attempt = currentAttempt(this.job);
    const running = this.job.steps.find((run) => run.state === StepState.STEP_STATE_RUNNING);
    if (running) this.endStep(running, stepState);
    attempt.endTime = this.now;
    attempt.error = error;
    attempt.endSequence = this.nextSequence;
    this.fact({ $case: 'attemptEnded', value: attempt });
    this.job.progress = undefined;
    return attempt;
  }
}

function currentAttempt(job: Job): Attempt {
  const attempt = job.attempts.at(-1);
  if (!attempt) throw new Error(`${job.jobId} has no attempt`);
  return attempt;
}

export interface NewJob {
  jobId: string;
  type: JobType;
  owner: string;
  inputs: JobInputs;
  priority: Priority;
}

export function create(input: NewJob, now: Date): Change {
  const job: Job = {
    ...input,
    state: State.STATE_UNSPECIFIED,
    results: undefined,
    steps: [],
    attempts: [],
    error: undefined,
    warnings: [],
    progress: undefined,
    createTime: now,
    startTime: undefined,
    endTime: undefined,
    updateTime: now,
    lastSequence: 0,
    cancelRequested: false,
    committedAttempt: 0,
  };
  const writer = new Writer(job, now);
  writer.enter(State.STATE_QUEUED);
  return change(writer, { leaseExpires: null, queueAfter: now, queued: true });
}

/**
 * A worker takes a queued job; asking again with the same request id changes nothing. Throws JOB_NOT_QUEUED when another has
 * it or it waits for its next attempt, JOB_ENDED when it is over.
 */
export function startAttempt(record: JobRecord, worker: string, now: Date, policy: Policy, requestId = ''): Change {
  const { job } = record;
  if (requestId !== '' && job.state === State.STATE_RUNNING && record.leaseRequest === requestId) {
    return { record, events: [], queued: false };
  }
  if (isEnded(job.state)) throw new SortieError('JOB_ENDED', `${job.jobId} has ended; there is nothing to do.`);
  if (job.state !== State.STATE_QUEUED || record.queueAfter > now) {
    throw new SortieError('JOB_NOT_QUEUED', `${job.jobId} is not waiting for a worker now.`);
  }
  const writer = new Writer(job, now);
  const attempt: Attempt = {
    number: job.attempts.length + 1,
    worker,
    startTime: now,
    endTime: undefined,
    error: undefined,
    endSequence: 0,
  };
  writer.job.attempts.push(attempt);
  writer.job.startTime ??= now;
  writer.enter(State.STATE_RUNNING);
  writer.fact({ $case: 'attemptBegan', value: attempt });
  const began = change(writer, {
    leaseExpires: later(now, policy.leaseMs),
    leaseRequest: requestId,
    queueAfter: record.queueAfter,
    queued: false,
  });
  return { ...began, begins: true };
}

/** Throws LEASE_LOST unless the named attempt runs: a worker that was given up must not write any more. */
export function checkLease(job: Job, attempt: number): void {
  if (job.state !== State.STATE_RUNNING || currentAttempt(job).number !== attempt) {
    throw new SortieError('LEASE_LOST', `Attempt ${attempt} of ${job.jobId} no longer holds the lease.`);
  }
}

/** A step begins (an open one ends well), changes its engine, or ends. Reporting the same again changes nothing. */
export function reportStep(record: JobRecord, report: ReportStepRequest, now: Date, policy: Policy): Change {
  const attempt = report.lease?.attempt ?? 0;
  checkLease(record.job, attempt);
  const writer = new Writer(record.job, now);
  const { steps } = writer.job;
  const known = steps.findLast((run) => run.step === report.step && run.attempt === attempt);
  if (report.state === StepState.STEP_STATE_RUNNING) {
    if (!known) {
      const open = steps.find((run) => run.state === StepState.STEP_STATE_RUNNING);
      if (open) writer.endStep(open, StepState.STEP_STATE_SUCCEEDED);
      const run: StepRun = {
        step: report.step,
        state: StepState.STEP_STATE_RUNNING,
        attempt,
        startTime: now,
        endTime: undefined,
        engine: report.engine,
        detail: report.detail,
        sequence: writer.nextSequence,
      };
      steps.push(run);
      writer.job.progress = undefined;
      writer.fact({ $case: 'stepBegan', value: run });
    } else if (known.state === StepState.STEP_STATE_RUNNING && known.engine !== report.engine) {
      // Another engine has taken over: the CPU, when a GPU failed.
      known.engine = report.engine;
      writer.fact({ $case: 'stepBegan', value: known });
    }
  } else {
    if (!known) throw SortieError.field('step', 'it has not begun in this attempt');
    if (known.state === StepState.STEP_STATE_RUNNING) {
      if (report.detail !== '') known.detail = report.detail;
      writer.endStep(known, report.state);
    }
  }
  for (const warning of report.warnings) {
    if (writer.job.warnings.some((told) => told.code === warning.code && told.message === warning.message)) continue;
    writer.job.warnings.push(warning);
    writer.fact({ $case: 'warned', value: warning });
  }
  return change(writer, { ...record, leaseExpires: later(now, policy.leaseMs), queued: false });
}

/** The output of the running attempt becomes the job's, unless an earlier attempt was committed: then that one stays. */
export function commitAttempt(record: JobRecord, attempt: number, now: Date, policy: Policy): Change {
  checkLease(record.job, attempt);
  const writer = new Writer(record.job, now);
  if (writer.job.committedAttempt === 0) {
    writer.job.committedAttempt = attempt;
    writer.fact({ $case: 'attemptCommitted', value: { attempt } });
  }
  return change(writer, { ...record, leaseExpires: later(now, policy.leaseMs), queued: false });
}

/** The attempt is over, by the worker's own word. */
export function finishAttempt(
  record: JobRecord,
  attempt: number,
  outcome: Outcome,
  error: JobError | undefined,
  now: Date,
  policy: Policy,
): Change {
  checkLease(record.job, attempt);
  const writer = new Writer(record.job, now);
  switch (outcome) {
    case Outcome.OUTCOME_SUCCEEDED: {
      writer.endAttempt(StepState.STEP_STATE_SUCCEEDED, undefined);
      const { layerId = 0, layerName = '', serviceName = '' } = writer.job.inputs ?? {};
      writer.job.results = { layerId, layerName, serviceName };
      writer.enter(State.STATE_SUCCEEDED);
      return change(writer, { leaseExpires: null, queueAfter: now, queued: false });
    }
    case Outcome.OUTCOME_CANCELLED:
      writer.endAttempt(StepState.STEP_STATE_CANCELLED, undefined);
      writer.enter(State.STATE_CANCELLED);
      return change(writer, { leaseExpires: null, queueAfter: now, queued: false });
    case Outcome.OUTCOME_HANDED_BACK:
      writer.endAttempt(StepState.STEP_STATE_CANCELLED, undefined);
      return again(writer, now, now);
    case Outcome.OUTCOME_FAILED:
      if (!error) throw SortieError.field('error', 'a failed attempt says why');
      return failed(writer, error, now, policy);
    default:
      throw SortieError.field('outcome', 'must be one of the named outcomes');
  }
}

/** The worker was not heard of in time: to be called only when the lease has expired. */
export function expireLease(record: JobRecord, now: Date, policy: Policy): Change {
  const { worker } = currentAttempt(record.job);
  const step = record.job.steps.find((run) => run.state === StepState.STEP_STATE_RUNNING)?.step;
  const error: JobError = {
    code: 'WORKER_LOST',
    message: `The worker ${worker} was lost: nothing was heard of it for ${policy.leaseMs / 1000} s.`,
    step: step ?? Step.STEP_UNSPECIFIED,
    retryable: true,
  };
  return { ...failed(new Writer(record.job, now), error, now, policy), expires: true };
}

/** Only failures of the work itself count towards the limit of attempts. */
function failed(writer: Writer, error: JobError, now: Date, policy: Policy): Change {
  writer.endAttempt(StepState.STEP_STATE_FAILED, error);
  const byCircumstance = isCircumstance(error.code);
  const count = writer.job.attempts.filter((attempt) => attempt.error && isCircumstance(attempt.error.code) === byCircumstance).length; // prettier-ignore
  if (error.retryable && count < (byCircumstance ? policy.maxInterruptions : policy.maxAttempts)) {
    const wait = Math.min(policy.maxBackOffMs, policy.backOffMs * 2 ** Math.min(count - 1, 30));
    return again(writer, now, later(now, wait));
  }
  writer.job.error = byCircumstance && error.retryable
    ? { ...error, message: `${error.message} The job was interrupted ${count} times and is given up; publish the video again.` }
    : error; // prettier-ignore
  writer.enter(State.STATE_FAILED);
  return change(writer, { leaseExpires: null, queueAfter: now, queued: false });
}

/** Back into the queue, or out of it when its owner had asked for the end meanwhile. */
function again(writer: Writer, now: Date, queueAfter: Date): Change {
  const cancelled = writer.job.cancelRequested;
  writer.enter(cancelled ? State.STATE_CANCELLED : State.STATE_QUEUED);
  return change(writer, { leaseExpires: null, queueAfter, queued: !cancelled && queueAfter <= now });
}

/** Throws JOB_ENDED when the job is over. Asking twice changes nothing. */
export function cancel(record: JobRecord, user: string, now: Date): Change {
  const { job } = record;
  if (isEnded(job.state)) {
    throw new SortieError('JOB_ENDED', `${job.jobId} has ended; there is nothing left to cancel.`);
  }
  const writer = new Writer(job, now);
  if (!job.cancelRequested) {
    writer.job.cancelRequested = true;
    writer.fact({ $case: 'cancelRequested', value: { user } });
    if (job.state === State.STATE_QUEUED) writer.enter(State.STATE_CANCELLED);
  }
  return change(writer, { ...record, queued: false });
}

const later = (time: Date, milliseconds: number): Date => new Date(time.getTime() + milliseconds);

const change = (
  writer: Writer,
  rest: { leaseExpires: Date | null; leaseRequest?: string; queueAfter: Date; queued: boolean },
): Change => ({
  record: {
    job: writer.job,
    leaseExpires: rest.leaseExpires,
    leaseRequest: rest.leaseRequest ?? '',
    queueAfter: rest.queueAfter,
  },
  events: writer.events,
  queued: rest.queued,
});
