// Jobs as the gateway reads them: requests for the same job at the same moment share one call, and a job that has ended
// never changes again, so it is asked for once.
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

const endedStates: readonly State[] = [State.STATE_SUCCEEDED, State.STATE_FAILED, State.STATE_CANCELLED];
const remembered = 1_000;

export class Jobs {
  private readonly asked = new Map<string, Promise<Job>>();
  private readonly ended = new Map<string, Job>();

  constructor(private readonly client: JobServiceClient) {}

  get(jobId: string): Promise<Job> {
    const known = this.ended.get(jobId);
    if (known) return Promise.resolve(known);
    let answer = this.asked.get(jobId);
    if (!answer) {
      answer = this.fetch(jobId).finally(() => this.asked.delete(jobId));
      this.asked.set(jobId, answer);
    }
    return answer;
  }

  private async fetch(jobId: string): Promise<Job> {
    const { job } = await read(this.client.getJob.bind(this.client), { jobId });
    if (!job) throw new SortieError('NOT_FOUND', `Job ${jobId} was not found.`);
    if (endedStates.includes(job.state)) {
      const [oldest] = this.ended.keys();
      if (this.ended.size >= remembered && oldest !== undefined) this.ended.delete(oldest);
      this.ended.set(jobId, job);
    }
    return job;
  }

  list(request: ListJobsRequest): Promise<ListJobsResponse> {
    return read(this.client.listJobs.bind(this.client), request);
  }

  async workers(): Promise<Worker[]> {
    return (await read(this.client.listWorkers.bind(this.client), {})).workers;
  }

  async cancel(request: CancelJobRequest): Promise<void> {
    await call(this.client.cancelJob.bind(this.client), request);
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
