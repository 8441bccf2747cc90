// Jobs as the gateway reads them: requests at the same moment share one call, and a job that has ended never changes again, so it
// is asked for once.
import type { Metadata } from '@grpc/grpc-js';
import {
  State,
  type CancelJobRequest,
  type Job,
  type JobServiceClient,
  type ListJobsRequest,
  type ListJobsResponse,
  type WatchJobResponse,
  type Worker,
} from '@sortie/common/gen/sortie/job/v1/job';
import { SortieError } from '@sortie/common/errors';
import { call, read } from '@sortie/common/grpc';
import { readStream, resuming } from '@sortie/common/grpc-stream';
import { Batch, type BatchAnswers } from './batch.js';

const endedStates: readonly State[] = [State.STATE_SUCCEEDED, State.STATE_FAILED, State.STATE_CANCELLED];
const remembered = 1_000;
const maxBatch = 100;
/** Many times what a call takes on a busy machine. */
const lateMs = 500;

export class Jobs {
  private readonly asked = new Batch<Job>({
    ask: (jobIds) => this.fetch(jobIds),
    missing: (jobId) => new SortieError('NOT_FOUND', `Job ${jobId} was not found.`),
    max: maxBatch,
    lateMs,
  });
  private readonly ended = new Map<string, Job>();

  constructor(private readonly client: JobServiceClient) {}

  get(jobId: string): Promise<Job> {
    const known = this.ended.get(jobId);
    return known ? Promise.resolve(known) : this.asked.get(jobId);
  }

  private async fetch(jobIds: readonly string[]): Promise<BatchAnswers<Job>> {
    const { jobs, missingIds } = await read(this.client.batchGetJobs.bind(this.client), { jobIds: [...jobIds] });
    for (const job of jobs) if (endedStates.includes(job.state)) this.remember(job);
    return { found: new Map(jobs.map((job) => [job.jobId, job])), missing: new Set(missingIds) };
  }

  private remember(job: Job): void {
    const [oldest] = this.ended.keys();
    if (this.ended.size >= remembered && oldest !== undefined) this.ended.delete(oldest);
    this.ended.set(job.jobId, job);
  }

  list(request: ListJobsRequest): Promise<ListJobsResponse> {
    return read(this.client.listJobs.bind(this.client), request);
  }

  async workers(): Promise<Worker[]> {
    return (await read(this.client.listWorkers.bind(this.client), {})).workers;
  }

  /** `speaking`: for whom. */
  async cancel(request: CancelJobRequest, speaking: Metadata): Promise<void> {
    await call(this.client.cancelJob.bind(this.client), request, { speaking });
  }

  /** Events behind a number, and progress, until the job has ended; a Job service that goes is waited for. */
  watch(jobId: string, after: number, signal: AbortSignal): AsyncGenerator<WatchJobResponse, void, undefined> {
    return resuming({
      start: (afterEvent, until) => readStream(() => this.client.watchJob({ jobId, afterEvent }), { signal: until }),
      sequenceOf: ({ update }) => (update?.$case === 'event' ? update.value.sequence : undefined),
      after,
      signal,
    });
  }
}
