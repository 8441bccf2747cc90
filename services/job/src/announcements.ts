// Which queued jobs are to be announced to the work queue, and when: at once when they are queued, again now and then should the
// queue have lost the message, and never all of them each time.
import type { Database } from '@sortie/common/database';

/** A message that lies in the queue for so long is sent again: the queue refuses it while the first is there. */
const againSeconds = 120;
const batch = 500;

export class Announcements {
  constructor(private readonly database: Database) {}

  /** Jobs that are to be announced now; another process that asks gets others. Those that cannot be sent go to `postpone`. */
  async claim(): Promise<string[]> {
    const rows = await this.database.query(
      `UPDATE jobs SET announce_time = clock_timestamp() + $2 * interval '1 second'
       WHERE job_id IN (
         SELECT job_id FROM jobs WHERE state = 1 AND announce_time <= clock_timestamp() AND queue_after <= clock_timestamp()
         ORDER BY announce_time LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING job_id`,
      [batch, againSeconds],
    );
    return rows.map((row) => row['job_id'] as string);
  }

  /** They could not be sent: they are due again at once. */
  async postpone(jobIds: readonly string[]): Promise<void> {
    if (jobIds.length === 0) return;
    await this.database.query(
      'UPDATE jobs SET announce_time = clock_timestamp() WHERE job_id = ANY ($1::text[]) AND state = 1',
      [jobIds],
    );
  }

  /** The queue has lost messages: all are due again. */
  async forget(): Promise<void> {
    await this.database.query(
      'UPDATE jobs SET announce_time = clock_timestamp() WHERE state = 1 AND announce_time > clock_timestamp() AND queue_after <= clock_timestamp()',
    );
  }
}
