/**
 * Owners in turn, and priorities. Which job is next is decided when a worker takes one; `announce_time` and its index, by which
 * services of the version before tell the work queue of each job, may be dropped by the version after this one.
 */
export const statements = [
  // 0 is normal, 1 high, -1 low.
  'ALTER TABLE jobs ADD COLUMN priority smallint NOT NULL DEFAULT 0',
  `CREATE TABLE turns (
    owner text PRIMARY KEY,
    -- When an attempt at one of the owner's jobs last began.
    served timestamptz NOT NULL
  )`,
];
