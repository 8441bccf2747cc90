// Whose job is next. Owners are served in turn, as fair queueing serves the flows of a network (Nagle, RFC 970): the one who has the
// fewest jobs running comes first, and of those the one who was served longest ago. A priority goes before all turns.
//
// Which job a worker gets is decided when it takes one, so that a job of somebody new waits for the next free worker and not for
// all jobs that were announced before it.
import type { Database, Queryable } from '@sortie/common/database';
import { SortieError } from '@sortie/common/errors';
import { Priority } from '@sortie/common/gen/sortie/job/v1/job';
import type { JobLimits } from './limits.js';

/** As the column of the jobs has it: higher comes first. */
export const rankOf = (priority: Priority): number =>
  priority === Priority.PRIORITY_HIGH ? 1 : priority === Priority.PRIORITY_LOW ? -1 : 0;

/** How many jobs of each owner run. */
const running = 'running AS (SELECT owner, count(*) AS jobs FROM jobs WHERE state = 2 GROUP BY owner)';

/**
 * The first jobs of each owner that waits, each with its turn: 1 for what would be the only job of its owner that runs. Owners are
 * found by steps from one to the next in the index, so that the cost grows with their number and not with that of all jobs.
 */
const first = `
  WITH RECURSIVE owners (owner) AS (
    (SELECT owner FROM jobs WHERE state = 1 ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT (SELECT owner FROM jobs WHERE state = 1 AND owner > owners.owner ORDER BY owner LIMIT 1)
    FROM owners WHERE owners.owner IS NOT NULL),
  ${running},
  room AS (
    SELECT owner, COALESCE(running.jobs, 0) AS jobs, LEAST($1::bigint - COALESCE(running.jobs, 0), $2::bigint) AS room
    FROM owners LEFT JOIN running USING (owner) WHERE owner IS NOT NULL),
  first AS (
    SELECT job_id, owner, priority, create_time,
      room.jobs + row_number() OVER (PARTITION BY owner ORDER BY priority DESC, create_time, job_id) AS turn
    FROM room CROSS JOIN LATERAL (
      SELECT job_id, priority, create_time FROM jobs
      WHERE state = 1 AND jobs.owner = room.owner AND queue_after <= clock_timestamp()
      ORDER BY priority DESC, create_time, job_id LIMIT GREATEST(room.room, 0)) AS waiting)`;

/** PostgreSQL knows no infinite integer. */
const most = (limit: number): number => Math.min(limit, Number.MAX_SAFE_INTEGER);

export class Turns {
  constructor(
    private readonly database: Database,
    private readonly limits: JobLimits,
  ) {}

  /** Jobs that wait for a worker and may have one, in the order in which they are to begin. */
  async next(count: number): Promise<string[]> {
    const rows = await this.database.query(
      `${first} SELECT job_id FROM first LEFT JOIN turns USING (owner)
       ORDER BY priority DESC, turn, served NULLS FIRST, create_time, job_id LIMIT $2::bigint`,
      [most(this.limits.runningJobs), count],
    );
    return rows.map((row) => row['job_id'] as string);
  }

  /** How many workers would have something to do: one for each job that runs or could begin. */
  async workersWanted(): Promise<number> {
    const [row] = await this.database.query(
      `WITH ${running},
       waiting AS (
         SELECT owner, count(*) AS jobs FROM jobs WHERE state = 1 AND queue_after <= clock_timestamp() GROUP BY owner)
       SELECT COALESCE(sum(GREATEST(COALESCE(running.jobs, 0), LEAST($1::bigint, COALESCE(running.jobs, 0) + COALESCE(waiting.jobs, 0)))), 0)::bigint AS wanted
       FROM running FULL JOIN waiting USING (owner)`,
      [most(this.limits.runningJobs)],
    );
    return row?.['wanted'] as number;
  }

  /**
   * An attempt at a job of this owner begins, in this transaction. Throws JOB_NOT_QUEUED when as many run as may; two that begin
   * at once wait for each other here.
   */
  async take(transaction: Queryable, owner: string, jobId: string): Promise<void> {
    const { runningJobs } = this.limits;
    await transaction.query(
      `INSERT INTO turns (owner, served) VALUES ($1, clock_timestamp())
       ON CONFLICT (owner) DO UPDATE SET served = EXCLUDED.served`,
      [owner],
    );
    if (runningJobs === Infinity) return;
    const [row] = await transaction.query('SELECT count(*) AS running FROM jobs WHERE owner = $1 AND state = 2', [
      owner,
    ]);
    if ((row?.['running'] as number) >= runningJobs)
      throw new SortieError('JOB_NOT_QUEUED', `${jobId} waits until one of the ${runningJobs} running jobs of its owner has ended.`); // prettier-ignore
  }

  /** Throws LIMIT_REACHED while the owner has as many jobs waiting as one may; several at once may be let in beyond it. */
  async checkRoom(on: Queryable, owner: string): Promise<void> {
    const { queuedJobs } = this.limits;
    if (queuedJobs === Infinity) return;
    const [row] = await on.query('SELECT count(*) AS waiting FROM jobs WHERE owner = $1 AND state = 1', [owner]);
    if ((row?.['waiting'] as number) < queuedJobs) return;
    throw new SortieError(
      'LIMIT_REACHED',
      `${queuedJobs} jobs of ${owner} wait in the queue, which is the limit for one user. Try again in a minute, when some of them have begun.`,
      { retryAfterSeconds: 60 },
    );
  }
}
