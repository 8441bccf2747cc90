// Which workers are there.
import type { Database } from '@sortie/common/database';
import { Worker } from '@sortie/common/gen/sortie/job/v1/job';

/** A worker that was not heard of for so long is gone. */
const seenSeconds = 60;

export class Workers {
  constructor(private readonly database: Database) {}

  /** Notes that a worker is there, and forgets those that are gone. */
  async note(worker: Worker): Promise<void> {
    const [clock] = await this.database.query('SELECT now() AS now');
    const seenTime = clock?.['now'] as Date;
    await this.database.query(
      `INSERT INTO workers (name, seen_time, document) VALUES ($1, $2, $3::jsonb)
       ON CONFLICT (name) DO UPDATE SET seen_time = $2, document = $3::jsonb`,
      [worker.name, seenTime, JSON.stringify(Worker.toJSON({ ...worker, seenTime }))],
    );
    await this.database.query("DELETE FROM workers WHERE seen_time < now() - $1 * interval '1 second'", [seenSeconds]);
  }

  /** By name. */
  async list(): Promise<Worker[]> {
    const rows = await this.database.query(
      "SELECT document FROM workers WHERE seen_time >= now() - $1 * interval '1 second' ORDER BY name",
      [seenSeconds],
    );
    return rows.map((row) => Worker.fromJSON(row['document']));
  }
}
