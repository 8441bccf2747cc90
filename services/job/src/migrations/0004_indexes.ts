/** For the lists of an owner's and a service's jobs, newest first, and for request ids. */
export const statements = [
  'DROP INDEX CONCURRENTLY IF EXISTS jobs_by_owner',
  'CREATE INDEX CONCURRENTLY jobs_by_owner ON jobs (owner, create_time DESC, job_id DESC)',
  'DROP INDEX CONCURRENTLY IF EXISTS jobs_by_service',
  'CREATE INDEX CONCURRENTLY jobs_by_service ON jobs (service_name, create_time DESC, job_id DESC)',
  'DROP INDEX CONCURRENTLY IF EXISTS jobs_by_request',
  'CREATE UNIQUE INDEX CONCURRENTLY jobs_by_request ON jobs (request_key)',
];
