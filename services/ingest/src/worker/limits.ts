// How much work one job may be.
import { limitOf } from '@sortie/common/limits';

export interface JobBudget {
  /** Decoded pixels of the source over all of its frames, in millions. */
  megapixels: number;
  /** How long one attempt may take from its beginning to its end, seconds. */
  seconds: number;
}

/** About a day of 3840 x 2160 at 60 frames a second, and two days for it. */
export const defaultBudget: JobBudget = { megapixels: 50_000_000, seconds: 2 * 24 * 3600 };

export const jobBudget = (env: NodeJS.ProcessEnv): JobBudget => ({
  megapixels: limitOf(env, 'SORTIE_MAX_JOB_MEGAPIXELS', defaultBudget.megapixels),
  seconds: limitOf(env, 'SORTIE_MAX_JOB_SECONDS', defaultBudget.seconds),
});
