// One attempt at one job, from the upload to the layer, by the steps and in the confined processes of a worker. Only the Job
// service and the queue are not there.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { JobServiceClient, ReportStepRequest } from '@sortie/common/gen/sortie/job/v1/job';
import { Job } from '@sortie/common/gen/sortie/job/v1/job';
import { SortieError, type ErrorCode } from '@sortie/common/errors';
import { newJobId } from '@sortie/common/ids';
import type { Logger } from '@sortie/common/log';
import { openStorage } from '@sortie/common/storage';
import { Counter } from 'prom-client';
import { Catalogue } from '../catalogue.js';
import { GpuPool } from '../gpu/admission.js';
import { engineSettings } from '../gpu/settings.js';
import { findFfprobe } from '../media/ffprobe.js';
import { ingest } from '../pipeline.js';
import { defaultBudget } from '../worker/limits.js';
import { Run, StepError } from '../run.js';
import type { Input } from './inputs.js';

export interface Outcome {
  /** COMPLETED, or the code of the error. */
  code: 'COMPLETED' | ErrorCode;
  message: string;
  /** What a person is told besides: details of steps, warnings. */
  told: string[];
  /** What only the log is told. */
  logged: string[];
  cause: unknown;
}

const jobMemory = 2 * 1024 ** 3;
const serviceName = 'Fuzz';
const uploadBytes = 64 * 1024 * 1024;

type Answer<Response> = (error: null, response: Response) => void;

/** Takes what it is told, and grants what it is asked. */
function jobService(told: string[]): JobServiceClient {
  const service = {
    reportStep: ({ detail, warnings }: ReportStepRequest, _metadata: unknown, _options: unknown, answer: Answer<object>) => {
      told.push(...(detail === '' ? [] : [detail]), ...warnings.map(({ message }) => message));
      answer(null, {});
    },
    commitAttempt: (_request: unknown, _metadata: unknown, _options: unknown, answer: Answer<{ committedAttempt: number }>) =>
      answer(null, { committedAttempt: 1 }),
  }; // prettier-ignore
  return service as unknown as JobServiceClient;
}

function logInto(logged: string[]): Logger {
  const note = (facts: unknown, text?: string): void => void logged.push(`${text ?? ''} ${inspect(facts)}`);
  return { info: note, warn: note, error: note, debug: note } as unknown as Logger;
}

/** `root`: an empty folder; the attempt's own is `attempt` in it, the storage's `storage`. */
export async function attempt(root: string, inputs: readonly Input[], signal: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { code: 'COMPLETED', message: '', told: [], logged: [], cause: undefined };
  const directory = join(root, 'attempt');
  await mkdir(directory);
  const log = logInto(outcome.logged);
  try {
    const storage = await openStorage(join(root, 'storage'));
    const catalogue = new Catalogue(storage);
    await catalogue.createService(serviceName, 'fuzz', '', Sharing.SHARING_PRIVATE);
    const { layerId } = await catalogue.reserveLayer(serviceName, { layerName: 'a', description: '' }, { owner: 'fuzz', requestId: '', asked: null }); // prettier-ignore
    const fileIds: string[] = [];
    for (const { name, bytes } of inputs)
      fileIds.push((await catalogue.upload(name, once(bytes), () => ({ description: '', owner: 'fuzz' }), uploadBytes)).fileId); // prettier-ignore
    const jobId = newJobId();
    const job = Job.fromPartial({ jobId, owner: 'fuzz', inputs: { serviceName, layerId, layerName: 'a', fileIds } });
    const run = new Run({
      job,
      lease: { jobId, attempt: 1 },
      jobs: jobService(outcome.told),
      kept: { progress: () => undefined, reserve: () => undefined, reservedElsewhere: () => 0, release: () => undefined },
      storage,
      catalogue,
      metrics: { transcoded: () => undefined, stored: new Counter({ name: 'stored', help: 'Bytes.', labelNames: ['kind'], registers: [] }) },
      directory,
      settings: {
        ffprobe: await findFfprobe(),
        engine: { ...engineSettings({}), engine: 'cpu', preset: 'ultrafast', threads: 1 },
        jobMemory,
        budget: defaultBudget,
      },
      gpus: new GpuPool([]),
      signal,
      lost: signal,
      log,
    }); // prettier-ignore
    await ingest(run);
  } catch (thrown) {
    const error = thrown instanceof StepError ? thrown.error : SortieError.from(thrown);
    Object.assign(outcome, { code: error.code, message: error.message, cause: error.cause });
  }
  return outcome;
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
