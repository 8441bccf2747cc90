/** The book: a row for each job, its events in order, and what is still to be put on the work queue. */
export const sql = `
CREATE TABLE jobs (
  job_id text PRIMARY KEY,
  request_id text UNIQUE,
  owner text NOT NULL,
  service_name text NOT NULL,
  state smallint NOT NULL,
  revision bigint NOT NULL,
  create_time timestamptz NOT NULL,
  -- Fencing number of the running attempt, 0 when none runs.
  lease_attempt integer NOT NULL,
  lease_expires timestamptz,
  queue_after timestamptz NOT NULL,
  cancel_requested boolean NOT NULL,
  -- sortie.job.v1.Job as proto3 JSON, but for progress.
  document jsonb NOT NULL,
  -- sortie.job.v1.Progress of the running step.
  progress jsonb
);

CREATE INDEX jobs_newest ON jobs (create_time DESC, job_id DESC);

CREATE INDEX jobs_open ON jobs (state, queue_after) WHERE state IN (1, 2);

CREATE TABLE job_events (
  job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
  sequence bigint NOT NULL,
  -- sortie.job.v1.JobEvent as proto3 JSON.
  event jsonb NOT NULL,
  PRIMARY KEY (job_id, sequence)
);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id text NOT NULL
);
`;
