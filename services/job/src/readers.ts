// Whose jobs a caller reads. Services of others act for one user each and read that user's only; the programs of Sortie read all,
// and look themselves at who may see what.
import { SortieError } from '@sortie/common/errors';
import type { Job } from '@sortie/common/gen/sortie/job/v1/job';
import type { Identity, Incoming } from '@sortie/common/identity/identity';

/** The user to whom reading is limited; null for those who read all. */
export function readerOf(identity: Pick<Identity, 'callerOf'>, call: Incoming): string | null {
  const caller = identity.callerOf(call);
  return caller?.kind === 'client' ? caller.user : null;
}

export const mayRead = (reader: string | null, { owner }: Pick<Job, 'owner'>): boolean =>
  reader === null || reader === owner;

/** Throws NOT_FOUND, as if it did not exist. */
export function readable(reader: string | null, job: Job): Job {
  if (!mayRead(reader, job)) throw new SortieError('NOT_FOUND', `Job ${job.jobId} was not found.`);
  return job;
}
