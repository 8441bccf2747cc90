/**
 * Leases by themselves: a renewal each second must not rewrite the job's row with its document. Queued jobs say when they
 * are to be announced to the work queue next, which takes the outbox's place. Request ids belong to an owner and a service.
 *
 * Services of the version before may still run. They keep leases in columns of `jobs`, which a trigger carries over; for an
 * attempt whose lease is kept here that column says 'infinity', so that they never take it for expired. They go on using
 * `outbox` and `request_id`, which the version after this one may drop.
 */
export const statements = [
  `CREATE TABLE leases (
    job_id text PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    -- Fencing number of the running attempt.
    attempt integer NOT NULL,
    -- The worker's request that began it; a second one with the same id gets the same attempt.
    request_id text NOT NULL DEFAULT '',
    expires timestamptz NOT NULL,
    -- sortie.job.v1.Progress of the running step.
    progress jsonb,
    -- Room in the storage that the attempt has yet to fill.
    reserved_bytes bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 50)`,
  // No index on what changes each second: updates then stay within their page (heap-only tuples).

  `CREATE FUNCTION carry_lease() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.lease_expires IS NULL THEN
      DELETE FROM leases WHERE job_id = NEW.job_id;
    ELSIF NEW.lease_expires <> 'infinity' THEN
      INSERT INTO leases (job_id, attempt, expires, progress)
      VALUES (NEW.job_id, NEW.lease_attempt, NEW.lease_expires, NEW.progress)
      ON CONFLICT (job_id) DO UPDATE
      SET attempt = EXCLUDED.attempt, expires = EXCLUDED.expires, progress = COALESCE(EXCLUDED.progress, leases.progress);
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER carry_lease AFTER INSERT OR UPDATE OF lease_expires ON jobs
  FOR EACH ROW EXECUTE FUNCTION carry_lease()`,
  `INSERT INTO leases (job_id, attempt, expires, progress)
  SELECT job_id, lease_attempt, lease_expires, progress FROM jobs WHERE state = 2 AND lease_expires IS NOT NULL`,

  `ALTER TABLE jobs
    ADD COLUMN announce_time timestamptz NOT NULL DEFAULT now(),
    -- Owner, service and request id, and a digest of what was asked for.
    ADD COLUMN request_key text,
    ADD COLUMN request_digest text`,
  'CREATE INDEX jobs_to_announce ON jobs (announce_time) WHERE state = 1',

  `CREATE TABLE locks (
    name text PRIMARY KEY,
    holder text NOT NULL,
    expires timestamptz NOT NULL
  )`,
];
