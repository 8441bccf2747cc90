/** For the queue: how many jobs of an owner wait, and in which order. */
export const statements = [
  'DROP INDEX CONCURRENTLY IF EXISTS jobs_waiting',
  'CREATE INDEX CONCURRENTLY jobs_waiting ON jobs (owner, priority DESC, create_time, job_id) INCLUDE (queue_after) WHERE state = 1',
];
