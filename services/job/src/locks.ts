// Named locks that expire by themselves: for work that one process of many does at a time, wherever it runs.
import type { Database } from '@sortie/common/database';

export class Locks {
  constructor(private readonly database: Database) {}

  /** Takes the lock, or renews it for its holder. False while somebody else holds it. */
  async acquire(name: string, holder: string, durationMs: number): Promise<boolean> {
    const rows = await this.database.query(
      `INSERT INTO locks (name, holder, expires) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, expires = EXCLUDED.expires
       WHERE locks.holder = EXCLUDED.holder OR locks.expires < clock_timestamp()
       RETURNING name`,
      [name, holder, durationMs],
    );
    return rows.length > 0;
  }
}
