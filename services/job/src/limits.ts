// How many jobs one user may have, waiting and running.
import { limitOf } from '@sortie/common/limits';

export interface JobLimits {
  queuedJobs: number;
  runningJobs: number;
}

/** Owners are served in turn, so that many jobs of one do not keep others waiting: running ones need no limit as a rule. */
export const defaultLimits: JobLimits = { queuedJobs: 10_000, runningJobs: Infinity };

export const jobLimits = (env: NodeJS.ProcessEnv): JobLimits => ({
  queuedJobs: limitOf(env, 'SORTIE_MAX_QUEUED_JOBS', defaultLimits.queuedJobs),
  runningJobs: limitOf(env, 'SORTIE_MAX_RUNNING_JOBS', defaultLimits.runningJobs),
});
