// A job as ArcGIS Video Server's REST job resource documents it: these keys, this order, these types.
import { Duration } from '@sortie/common/gen/google/protobuf/duration';
import {
  Engine,
  Job,
  JobType,
  State,
  Step,
  StepState,
  type JobError,
  type StepRun,
} from '@sortie/common/gen/sortie/job/v1/job';
import {
  cancelledMessage,
  failedMessage,
  gpuFailedMessage,
  retryMessage,
  stepMessage,
  stepOrder,
  type Message,
} from './steps.js';

export interface JobDocument {
  jobId: string;
  inputs: { serviceItemId: string; requestedResolutions: string; fileIds: string; serviceUrl: string };
  messages: string[];
  type: string;
  /** When known, that is, once the job has succeeded. */
  results?: { layerId: number; layerName: string; serviceName: string };
  status: string;
  username: string;
  customAttributes: {
    messageCodes: number[];
    savingToStorage: boolean;
    newLayerId: number;
    /** Only when details are asked for. */
    sortie?: JobDetails;
  };
}

/** More than ArcGIS documents, for those who ask with details=true. */
export interface JobDetails {
  state: string;
  steps: StepDetails[];
  /** 0 to 1 over the whole job. */
  progress: number;
  currentStep: CurrentStep | null;
  attempts: {
    number: number;
    worker: string;
    startTime: string | null;
    endTime: string | null;
    error: JobError | null;
  }[];
  error: JobError | null;
  warnings: { code: string; message: string }[];
  createTime: string | null;
  startTime: string | null;
  endTime: string | null;
  lastEvent: number;
}

export interface StepDetails {
  text: string;
  code: number;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  attempt: number;
  detail: string;
  startTime: string | null;
  endTime: string | null;
}

export interface CurrentStep {
  text: string;
  fraction: number | null;
  frames: number;
  fps: number;
  mediaSeconds: number;
  remainingSeconds: number | null;
}

/** The words of the wire. Never "failed" in lower case, nor "error": Esri's clients throw on those. */
const statusWords: Record<State, string> = {
  [State.STATE_UNSPECIFIED]: 'In Progress',
  [State.STATE_QUEUED]: 'In Progress',
  [State.STATE_RUNNING]: 'In Progress',
  [State.STATE_SUCCEEDED]: 'COMPLETED',
  [State.STATE_FAILED]: 'FAILED',
  [State.STATE_CANCELLED]: 'CANCELLED',
  [State.UNRECOGNIZED]: 'In Progress',
};

const typeWords: Partial<Record<JobType, string>> = { [JobType.JOB_TYPE_PUBLISH]: 'Publish Streaming Service' };

/** Code of the warning that the worker gives when it turned from the GPU to the CPU. */
const gpuFailedCode = 'GPU_FAILED';

const stepStates: Partial<Record<StepState, StepDetails['state']>> = {
  [StepState.STEP_STATE_SUCCEEDED]: 'succeeded',
  [StepState.STEP_STATE_FAILED]: 'failed',
  [StepState.STEP_STATE_CANCELLED]: 'cancelled',
};

/**
 * What has happened so far, in the order in which it began. A step that a later attempt repeats is told once; between
 * the attempts stands why there was another.
 */
export function messagesOf(job: Job): Message[] {
  const told: { sequence: number; message: Message }[] = [];
  const seen = new Set<string>();
  for (const run of job.steps) {
    const message = stepMessage(run.step, run.engine);
    if (seen.has(message.text)) continue;
    seen.add(message.text);
    told.push({ sequence: run.sequence, message });
  }
  const transcode = job.steps.findLast((run) => run.step === Step.STEP_TRANSCODE);
  for (const warning of job.warnings) {
    if (warning.code !== gpuFailedCode || !transcode) continue;
    told.push({ sequence: transcode.sequence + 0.5, message: gpuFailedMessage(warning.message) });
  }
  const last = job.attempts.at(-1);
  for (const attempt of job.attempts) {
    if (!attempt.error || (attempt === last && job.error)) continue;
    const { step, code, message } = attempt.error;
    // Attempts that failed alike say so once: a disk may be full for days.
    const alike = `${step} ${code}`;
    if (seen.has(alike)) continue;
    seen.add(alike);
    told.push({ sequence: attempt.endSequence, message: retryMessage(step, engineOf(job, step), message) });
  }
  told.sort((a, b) => a.sequence - b.sequence);
  const messages = told.map(({ message }) => message);
  if (job.error) messages.push(failedMessage(job.error.step, engineOf(job, job.error.step), job.error.message));
  if (job.state === State.STATE_CANCELLED) messages.push(cancelledMessage);
  return messages;
}

const engineOf = (job: Job, step: Step): Engine =>
  job.steps.findLast((run) => run.step === step)?.engine ?? Engine.ENGINE_UNSPECIFIED;

export function jobDocument(job: Job, details: boolean): JobDocument {
  const messages = messagesOf(job);
  const { inputs } = job;
  return {
    jobId: job.jobId,
    inputs: {
      serviceItemId: inputs?.serviceItemId ?? '',
      requestedResolutions: inputs?.requestedResolutions.join(',') ?? '',
      fileIds: inputs?.fileIds.join(',') ?? '',
      serviceUrl: inputs?.serviceUrl ?? '',
    },
    messages: messages.map(({ text }) => text),
    type: typeWords[job.type] ?? '',
    ...(job.results ? { results: { ...job.results } } : {}),
    status: statusWords[job.state],
    username: job.owner,
    customAttributes: {
      messageCodes: messages.map(({ code }) => code),
      savingToStorage: job.steps.some((run) => run.step === Step.STEP_SAVE),
      newLayerId: inputs?.layerId ?? 0,
      ...(details ? { sortie: jobDetails(job) } : {}),
    },
  };
}

const iso = (date: Date | undefined): string | null => date?.toISOString() ?? null;
const seconds = (duration: Duration | undefined): number | null =>
  duration ? duration.seconds + duration.nanos / 1e9 : null;

/** Share of the whole that is done: nearly all time goes into the transcode. */
const transcodeShare = 0.9;

function overall(job: Job): number {
  if (job.state === State.STATE_SUCCEEDED) return 1;
  const attempt = job.attempts.at(-1)?.number;
  const others = (1 - transcodeShare) / (stepOrder.length - 1);
  let done = 0;
  for (const run of job.steps) {
    if (run.attempt !== attempt) continue;
    const weight = run.step === Step.STEP_TRANSCODE ? transcodeShare : others;
    if (run.state === StepState.STEP_STATE_SUCCEEDED) done += weight;
    else if (job.progress?.step === run.step) done += weight * (job.progress.fraction ?? 0);
  }
  return Math.min(1, done);
}

export function currentStepOf(job: Pick<Job, 'progress' | 'steps'>): CurrentStep | null {
  const running = job.steps.findLast((run) => run.state === StepState.STEP_STATE_RUNNING);
  if (!running) return null;
  const progress = job.progress?.step === running.step ? job.progress : undefined;
  return {
    text: stepMessage(running.step, running.engine).text,
    fraction: progress?.fraction ?? null,
    frames: progress?.frames ?? 0,
    fps: progress?.fps ?? 0,
    mediaSeconds: seconds(progress?.mediaTime) ?? 0,
    remainingSeconds: seconds(progress?.remaining),
  };
}

const stepDetails = (run: StepRun): StepDetails => ({
  ...stepMessage(run.step, run.engine),
  state: stepStates[run.state] ?? 'running',
  attempt: run.attempt,
  detail: run.detail,
  startTime: iso(run.startTime),
  endTime: iso(run.endTime),
});

const jobDetails = (job: Job): JobDetails => ({
  state: State[job.state].replace(/^STATE_/, ''),
  steps: job.steps.map(stepDetails),
  progress: overall(job),
  currentStep: currentStepOf(job),
  attempts: job.attempts.map(({ number, worker, startTime, endTime, error }) => ({
    number,
    worker,
    startTime: iso(startTime),
    endTime: iso(endTime),
    error: error ?? null,
  })),
  error: job.error ?? null,
  warnings: job.warnings,
  createTime: iso(job.createTime),
  startTime: iso(job.startTime),
  endTime: iso(job.endTime),
  lastEvent: job.lastSequence,
});
