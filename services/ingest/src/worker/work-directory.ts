// Directories of attempts, one each, and those that were left behind by workers that were killed.
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { State, type Job, type JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import { attemptOf, outputName } from '../catalogue.js';

/** Makes the directory of an attempt, empty. */
export async function makeAttemptDirectory(root: string, jobId: string, attempt: number): Promise<string> {
  const directory = join(root, outputName(jobId, attempt));
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  return directory;
}

/** Never fails: what cannot be removed now (a killed engine still holds a file on NFS) is swept later. */
export async function removeAttemptDirectory(directory: string, log: Pick<Logger, 'warn'>): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 }).catch((error: unknown) => {
    log.warn({ err: error }, 'the directory of an attempt could not be removed; it is swept later');
  });
}

/** Whether the attempt still runs. */
export const isRunning = (job: Job | null, attempt: number): boolean =>
  job?.state === State.STATE_RUNNING && job.attempts.at(-1)?.number === attempt;

/** A directory that was made a moment ago belongs to an attempt that the Job service may not show yet. */
const youngMs = 60_000;
/** Trials of the GPUs at a worker's start, which nobody else knows of. */
const preflightForm = /^preflight-/;
const oldMs = 24 * 3_600_000;

/** Removes directories of attempts that do not run. Several workers may share the directory: they do so side by side. */
export async function sweepWorkDirectory(
  root: string,
  jobs: JobServiceClient,
  log: Pick<Logger, 'info'>,
  now: () => number = Date.now,
): Promise<void> {
  for (const name of await readdir(root)) {
    const path = join(root, name);
    const age = now() - (await stat(path).then(({ mtimeMs }) => mtimeMs, () => Date.now())); // prettier-ignore
    const owner = attemptOf(name);
    if (preflightForm.test(name) ? age < oldMs : !owner || age < youngMs) continue;
    if (owner && isRunning(await jobOrNull(jobs, owner.jobId), owner.attempt)) continue;
    await rm(path, { recursive: true, force: true });
    log.info({ directory: name }, 'the directory of an attempt that does not run was removed');
  }
}

/** Null when there is no such job; rejects when nobody answers. */
export async function jobOrNull(jobs: JobServiceClient, jobId: string): Promise<Job | null> {
  try {
    return (await call(jobs.getJob.bind(jobs), { jobId })).job ?? null;
  } catch (error) {
    if (SortieError.from(error).code === 'NOT_FOUND') return null;
    throw error;
  }
}
