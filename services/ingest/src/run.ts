// One attempt at one job, as the steps see it: what to work on, where, and whom to tell.
import { setTimeout as sleep } from 'node:timers/promises';
import { SortieError } from '@sortie/common/errors';
import {
  Engine,
  StepState,
  type Job,
  type JobInputs,
  type JobServiceClient,
  type Lease,
  type Progress,
  type Step,
  type Warning,
} from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import type { Storage } from '@sortie/common/storage';
import type { Catalogue } from './catalogue.js';
import type { GpuPool } from './gpu/admission.js';
import type { EngineSettings } from './gpu/settings.js';
import type { StorageMetrics } from './storage-metrics.js';
import type { KeptLease } from './worker/lease-keeper.js';
import type { JobBudget } from './worker/limits.js';
import type { WorkerMetrics } from './worker/metrics.js';

export interface RunSettings {
  /** The ffprobe to use. */
  ffprobe: string;
  engine: EngineSettings;
  /** Bytes of memory that one job may take. */
  jobMemory: number;
  budget: JobBudget;
}

/** What the steps count. */
export type RunMetrics = Pick<WorkerMetrics, 'transcoded'> & StorageMetrics;

export interface RunParts {
  job: Job;
  lease: Lease;
  jobs: JobServiceClient;
  /** The lease, renewed as long as the attempt runs. */
  kept: KeptLease;
  storage: Storage;
  catalogue: Catalogue;
  metrics: RunMetrics;
  /** The attempt's own directory; everything in it is removed afterwards. */
  directory: string;
  settings: RunSettings;
  /** The GPUs that work; none for the CPU. */
  gpus: GpuPool;
  /** Aborted when the attempt is to end, with the reason. */
  signal: AbortSignal;
  /** Aborted when the lease is lost; that alone ends an attempt whose output is committed. */
  lost: AbortSignal;
  log: Logger;
}

/** What went wrong, and in which step. */
export class StepError extends Error {
  constructor(
    readonly step: Step,
    readonly error: SortieError,
  ) {
    super(error.message, { cause: error });
  }
}

export type ProgressInput = Omit<Progress, 'step'>;

export class Run {
  readonly inputs: JobInputs;
  private current: Step | null = null;
  private begun = false;
  private engine = Engine.ENGINE_UNSPECIFIED;
  private warnings: Warning[] = [];
  private committed = false;

  constructor(readonly parts: RunParts) {
    if (!parts.job.inputs) throw new SortieError('INTERNAL', 'The job has no inputs.');
    this.inputs = parts.job.inputs;
  }

  get signal(): AbortSignal {
    return this.committed ? this.parts.lost : this.parts.signal;
  }

  /** Makes this attempt's output that of the job. Gives the attempt whose output it is: an earlier one, if that was committed. */
  async commit(): Promise<number> {
    const { jobs, lease } = this.parts;
    const { committedAttempt } = await retrying(this.signal, () => call(jobs.commitAttempt.bind(jobs), { lease }));
    // What is committed is brought to its end: a cancel comes too late now.
    this.committed = true;
    return committedAttempt;
  }

  /**
   * Runs one step: told when it begins and when it ends. `detail` makes a line for people of what the step gave. What
   * the step throws comes out as a StepError. `late`: the step itself tells its beginning, with `encodesOn`.
   */
  async step<T>(
    step: Step,
    work: () => Promise<T> | T,
    detail: (result: T) => string = () => '',
    { late = false }: { late?: boolean } = {},
  ): Promise<T> {
    try {
      this.signal.throwIfAborted();
      this.current = step;
      this.begun = false;
      this.engine = Engine.ENGINE_UNSPECIFIED;
      if (!late) await this.begin(step);
      const result = await work();
      this.signal.throwIfAborted();
      if (!this.begun) await this.begin(step);
      await this.report(step, StepState.STEP_STATE_SUCCEEDED, detail(result));
      return result;
    } catch (thrown) {
      throw thrown instanceof StepError ? thrown : new StepError(step, SortieError.from(thrown));
    }
  }

  /** Tells what encodes in the running step; told again when another engine takes over. */
  async encodesOn(engine: Engine): Promise<void> {
    if (this.current === null || (this.begun && this.engine === engine)) return;
    this.engine = engine;
    await this.begin(this.current);
  }

  private async begin(step: Step): Promise<void> {
    this.begun = true;
    await this.report(step, StepState.STEP_STATE_RUNNING, '');
  }

  private async report(step: Step, state: StepState, detail: string): Promise<void> {
    const { warnings, engine } = this;
    this.warnings = [];
    const { jobs, lease } = this.parts;
    await retrying(this.signal, () =>
      call(jobs.reportStep.bind(jobs), { lease, step, state, engine, detail, warnings }),
    );
  }

  /** Something the owner should know that does not stop the job; told with the next report. */
  warn(code: string, message: string): void {
    this.warnings.push({ code, message });
  }

  progress(progress: ProgressInput): void {
    if (this.current !== null) this.parts.kept.progress({ step: this.current, ...progress });
  }
}

/** The Job service or its database may be away: that is waited out for as long as it takes, or until the signal aborts. */
export async function retrying<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  for (let wait = 100; ; wait = Math.min(wait * 2, 2_000)) {
    try {
      return await act();
    } catch (error) {
      const passing = error instanceof SortieError && error.code === 'UNAVAILABLE';
      if (!passing || signal.aborted) throw error;
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }
}
