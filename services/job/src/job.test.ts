import { SortieError } from '@sortie/common/errors';
import {
  Engine,
  JobType,
  Outcome,
  Priority,
  State,
  Step,
  StepState,
  type JobError,
  type ReportStepRequest,
} from '@sortie/common/gen/sortie/job/v1/job';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  cancel,
  commitAttempt,
  create,
  defaultPolicy,
  expireLease,
  finishAttempt,
  reportStep,
  startAttempt,
  type Change,
} from './job.js';

const t0 = Date.UTC(2026, 0, 1);
const at = (seconds: number): Date => new Date(t0 + seconds * 1000);
const policy = defaultPolicy;

const inputs = {
  serviceItemId: 'a'.repeat(32),
  requestedResolutions: ['sd'],
  fileIds: ['i00000000-0000-0000-0000-000000000001'],
  serviceUrl: 'http://localhost/S/VideoServer',
  serviceName: 'S',
  layerId: 3,
  layerName: 'Flight',
};

const queued = (): Change =>
  create(
    {
      jobId: 'j00000000-0000-0000-0000-000000000001',
      type: JobType.JOB_TYPE_PUBLISH,
      owner: 'ana',
      inputs,
      priority: Priority.PRIORITY_UNSPECIFIED,
    },
    at(0),
  );
const running = (): Change => startAttempt(queued().record, 'w1', at(1), policy);

const report = (step: Step, state: StepState, attempt = 1): ReportStepRequest => ({
  lease: { jobId: '', attempt },
  step,
  state,
  engine: Engine.ENGINE_UNSPECIFIED,
  detail: '',
  warnings: [],
});

const failure = (retryable: boolean): JobError => ({
  code: 'ENGINE_CRASHED',
  message: 'it crashed',
  step: Step.STEP_TRANSCODE,
  retryable,
});

const refuses = (code: string, act: () => unknown): void =>
  assert.throws(act, (error: unknown) => error instanceof SortieError && error.code === code);

test('a new job is queued, rings the bell and has its first event', () => {
  const { record, events, queued: rings } = queued();
  assert.is(record.job.state, State.STATE_QUEUED);
  assert.ok(rings);
  assert.equal(
    events.map((event) => [event.sequence, event.fact?.$case]),
    [[1, 'stateChanged']],
  );
});

test('one worker gets the job, the next is refused', () => {
  const { record } = running();
  assert.is(record.job.state, State.STATE_RUNNING);
  assert.equal(record.leaseExpires, at(1 + policy.leaseMs / 1000));
  refuses('JOB_NOT_QUEUED', () => startAttempt(record, 'w2', at(2), policy));
});

test('a step that begins ends the one before it', () => {
  const first = reportStep(running().record, report(Step.STEP_START, StepState.STEP_STATE_RUNNING), at(2), policy);
  const second = reportStep(first.record, report(Step.STEP_PROBE_VIDEO, StepState.STEP_STATE_RUNNING), at(3), policy);
  assert.equal(
    second.record.job.steps.map((run) => [run.step, run.state]),
    [
      [Step.STEP_START, StepState.STEP_STATE_SUCCEEDED],
      [Step.STEP_PROBE_VIDEO, StepState.STEP_STATE_RUNNING],
    ],
  );
  assert.equal(
    second.events.map((event) => event.fact?.$case),
    ['stepEnded', 'stepBegan'],
  );
});

test('reporting a step twice writes nothing the second time', () => {
  const once = reportStep(running().record, report(Step.STEP_START, StepState.STEP_STATE_RUNNING), at(2), policy);
  assert.is(
    reportStep(once.record, report(Step.STEP_START, StepState.STEP_STATE_RUNNING), at(3), policy).events.length,
    0,
  );
});

test('a running step may change its engine, in its place', () => {
  const begun = { ...report(Step.STEP_TRANSCODE, StepState.STEP_STATE_RUNNING), engine: Engine.ENGINE_GPU };
  const onGpu = reportStep(running().record, begun, at(2), policy);
  const onCpu = reportStep(onGpu.record, { ...begun, engine: Engine.ENGINE_CPU }, at(3), policy);
  assert.equal(
    onCpu.record.job.steps.map(({ engine, sequence }) => [engine, sequence]),
    [[Engine.ENGINE_CPU, onGpu.record.job.steps[0]?.sequence]],
  );
  assert.equal(
    onCpu.events.map((event) => event.fact?.$case),
    ['stepBegan'],
  );
});

test('a stale lease is refused everywhere', () => {
  const { record } = running();
  refuses('LEASE_LOST', () =>
    reportStep(record, report(Step.STEP_START, StepState.STEP_STATE_RUNNING, 7), at(2), policy),
  );
  refuses('LEASE_LOST', () => finishAttempt(record, 7, Outcome.OUTCOME_SUCCEEDED, undefined, at(2), policy));
  refuses('LEASE_LOST', () =>
    reportStep(queued().record, report(Step.STEP_START, StepState.STEP_STATE_RUNNING), at(2), policy),
  );
});

test('success gives the results that were asked for', () => {
  const { record } = finishAttempt(running().record, 1, Outcome.OUTCOME_SUCCEEDED, undefined, at(9), policy);
  assert.is(record.job.state, State.STATE_SUCCEEDED);
  assert.equal(record.job.results, { layerId: 3, layerName: 'Flight', serviceName: 'S' });
  assert.equal(record.job.endTime, at(9));
  assert.is(record.leaseExpires, null);
});

test('a failure that a retry cannot mend ends the job and its running step', () => {
  const step = reportStep(running().record, report(Step.STEP_TRANSCODE, StepState.STEP_STATE_RUNNING), at(2), policy);
  const { record } = finishAttempt(step.record, 1, Outcome.OUTCOME_FAILED, failure(false), at(3), policy);
  assert.is(record.job.state, State.STATE_FAILED);
  assert.is(record.job.steps[0]?.state, StepState.STEP_STATE_FAILED);
  assert.is(record.job.error?.message, 'it crashed');
});

test('a failure that a retry can mend waits longer each time and ends after the last attempt', () => {
  let record = queued().record;
  const waits: number[] = [];
  let now = 0;
  for (let attempt = 1; attempt <= policy.maxAttempts; attempt++) {
    record = startAttempt(record, 'w', at(now), policy).record;
    const change = finishAttempt(record, attempt, Outcome.OUTCOME_FAILED, failure(true), at(now), policy);
    record = change.record;
    if (attempt < policy.maxAttempts) {
      assert.is(record.job.state, State.STATE_QUEUED);
      assert.not(change.queued, 'the bell rings only when the wait is over');
      refuses('JOB_NOT_QUEUED', () => startAttempt(record, 'w', at(now), policy));
      waits.push(record.queueAfter.getTime() - at(now).getTime());
      now = (record.queueAfter.getTime() - t0) / 1000;
    }
  }
  assert.equal(waits, [policy.backOffMs, policy.backOffMs * 2]);
  assert.is(record.job.state, State.STATE_FAILED);
  assert.is(record.job.attempts.filter((attempt) => attempt.error).length, policy.maxAttempts);
});

test('a lost worker is named in its attempt', () => {
  const { record } = expireLease(running().record, at(99), policy);
  assert.is(record.job.state, State.STATE_QUEUED);
  assert.match(record.job.attempts[0]?.error?.message ?? '', 'w1');
});

test('circumstances cost no attempt: lost workers, full disks and absent storages, again and again', () => {
  let record = queued().record;
  let now = 0;
  const next = (code: string): Change => {
    record = startAttempt(record, 'w', at(now), policy).record;
    const attempt = record.job.attempts.length;
    const error = { ...failure(true), code };
    const change =
      code === 'WORKER_LOST'
        ? expireLease(record, at(now), policy)
        : finishAttempt(record, attempt, Outcome.OUTCOME_FAILED, error, at(now), policy);
    record = change.record;
    now = (record.queueAfter.getTime() - t0) / 1000;
    return change;
  };
  for (let round = 0; round < 10; round++) for (const code of ['WORKER_LOST', 'DISK_FULL', 'STORAGE_FAILED', 'UNAVAILABLE']) next(code); // prettier-ignore
  assert.is(record.job.state, State.STATE_QUEUED);
  // The limit of failures of the work itself is as far away as at the beginning.
  for (let round = 1; round < policy.maxAttempts; round++) next('ENGINE_CRASHED');
  assert.is(record.job.state, State.STATE_QUEUED);
  next('ENGINE_CRASHED');
  assert.is(record.job.state, State.STATE_FAILED);
});

test('a job that takes every worker with it comes to an end that says so', () => {
  let record = queued().record;
  let now = 0;
  for (let round = 0; round < policy.maxInterruptions; round++) {
    assert.is(record.job.state, State.STATE_QUEUED, `after ${round}`);
    record = expireLease(startAttempt(record, 'w', at(now), policy).record, at(now), policy).record;
    const wait = record.queueAfter.getTime() - at(now).getTime();
    assert.ok(wait <= policy.maxBackOffMs);
    now = (record.queueAfter.getTime() - t0) / 1000;
  }
  assert.is(record.job.state, State.STATE_FAILED);
  assert.match(record.job.error?.message ?? '', `interrupted ${policy.maxInterruptions} times`);
});

test('the same request for an attempt gets the same one; the first attempt that is committed stays', () => {
  const first = startAttempt(queued().record, 'w', at(1), policy, 'r1');
  const again = startAttempt(first.record, 'w', at(2), policy, 'r1');
  assert.is(again.events.length, 0);
  refuses('JOB_NOT_QUEUED', () => startAttempt(first.record, 'w', at(2), policy, 'r2'));
  const committed = commitAttempt(first.record, 1, at(3), policy);
  assert.is(committed.record.job.committedAttempt, 1);
  assert.is(commitAttempt(committed.record, 1, at(4), policy).events.length, 0);
  const lost = expireLease(committed.record, at(50), policy);
  refuses('LEASE_LOST', () => commitAttempt(lost.record, 1, at(51), policy));
  const second = startAttempt(lost.record, 'w', at(60), policy, 'r3');
  assert.is(commitAttempt(second.record, 2, at(61), policy).record.job.committedAttempt, 1);
});

test('work that is handed back is queued at once and costs no attempt', () => {
  let record = queued().record;
  for (let round = 1; round <= policy.maxAttempts + 2; round++) {
    record = startAttempt(record, 'w', at(round), policy).record;
    const change = finishAttempt(record, round, Outcome.OUTCOME_HANDED_BACK, undefined, at(round), policy);
    assert.ok(change.queued);
    record = change.record;
  }
  assert.is(record.job.state, State.STATE_QUEUED);
});

test('a queued job is cancelled at once, a running one when its worker lets go', () => {
  assert.is(cancel(queued().record, 'ana', at(1)).record.job.state, State.STATE_CANCELLED);
  const asked = cancel(running().record, 'ana', at(2));
  assert.is(asked.record.job.state, State.STATE_RUNNING);
  assert.ok(asked.record.job.cancelRequested);
  const { record } = finishAttempt(asked.record, 1, Outcome.OUTCOME_CANCELLED, undefined, at(3), policy);
  assert.is(record.job.state, State.STATE_CANCELLED);
  refuses('JOB_ENDED', () => cancel(record, 'ana', at(4)));
});

test('a job whose worker was lost after cancel was asked for is not tried again', () => {
  const asked = cancel(running().record, 'ana', at(2));
  assert.is(expireLease(asked.record, at(99), policy).record.job.state, State.STATE_CANCELLED);
});

test('events are numbered without gaps over a whole life', () => {
  const parts = [queued()];
  const next = (act: (change: Change) => Change): void => {
    const last = parts.at(-1);
    if (last) parts.push(act(last));
  };
  next(({ record }) => startAttempt(record, 'w1', at(1), policy));
  next(({ record }) => reportStep(record, report(Step.STEP_START, StepState.STEP_STATE_RUNNING), at(2), policy));
  next(({ record }) => expireLease(record, at(60), policy));
  next(({ record }) => startAttempt(record, 'w2', at(120), policy));
  next(({ record }) => finishAttempt(record, 2, Outcome.OUTCOME_SUCCEEDED, undefined, at(130), policy));
  const numbers = parts.flatMap((part) => part.events.map((event) => event.sequence));
  assert.equal(
    numbers,
    numbers.map((_, index) => index + 1),
  );
  assert.is(parts.at(-1)?.record.job.lastSequence, numbers.length);
});

test.run();
