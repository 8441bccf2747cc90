// The leases of running attempts: renewed each second by each worker, all of its own at once, and never through the jobs' rows.
import type { Database } from '@sortie/common/database';
import { Progress, type LeaseRenewal, type LeaseStatus } from '@sortie/common/gen/sortie/job/v1/job';

export interface Renewed {
  /** One for each renewal, in their order. */
  statuses: LeaseStatus[];
  /** Room that all running attempts have yet to fill. */
  reservedBytes: number;
}

const keyOf = (jobId: string, attempt: number): string => `${jobId}/${attempt}`;

export class Leases {
  constructor(
    private readonly database: Database,
    private readonly leaseMs: number,
  ) {}

  async renew(renewals: readonly LeaseRenewal[]): Promise<Renewed> {
    const asked = renewals.map(({ lease, progress, reservedBytes }) => ({
      job_id: lease?.jobId ?? '',
      attempt: lease?.attempt ?? 0,
      progress: progress ? Progress.toJSON(progress) : null,
      reserved: reservedBytes,
    }));
    const rows = await this.database.query(
      `UPDATE leases SET expires = clock_timestamp() + $2 * interval '1 millisecond',
         progress = COALESCE(asked.progress, leases.progress), reserved_bytes = asked.reserved
       FROM jsonb_to_recordset($1::jsonb) AS asked (job_id text, attempt int, progress jsonb, reserved bigint)
         JOIN jobs ON jobs.job_id = asked.job_id
       WHERE leases.job_id = asked.job_id AND leases.attempt = asked.attempt
       RETURNING leases.job_id, leases.attempt, jobs.cancel_requested, isfinite(jobs.lease_expires) AS elsewhere`,
      [JSON.stringify(asked), this.leaseMs],
    );
    await this.takeOver(rows.filter((row) => row['elsewhere'] === true).map((row) => row['job_id'] as string));
    const held = new Map(rows.map((row) => [keyOf(row['job_id'] as string, row['attempt'] as number), row]));
    const [sum] = await this.database.query('SELECT COALESCE(sum(reserved_bytes), 0)::bigint AS reserved FROM leases');
    return {
      statuses: renewals.map(({ lease }) => {
        const row = lease && held.get(keyOf(lease.jobId, lease.attempt));
        return { lease, held: row !== undefined, cancelRequested: row?.['cancel_requested'] === true };
      }),
      reservedBytes: sum?.['reserved'] as number,
    };
  }

  /** A service of the version before has noted an end of these leases of its own, which nobody renews: it must not see one. */
  private async takeOver(jobIds: readonly string[]): Promise<void> {
    if (jobIds.length === 0) return;
    await this.database.query(
      `UPDATE jobs SET lease_expires = 'infinity' WHERE job_id = ANY ($1::text[]) AND state = 2 AND isfinite(lease_expires)`,
      [jobIds],
    );
  }

  /** Jobs whose lease has expired. */
  async expired(): Promise<string[]> {
    const rows = await this.database.query('SELECT job_id FROM leases WHERE expires < clock_timestamp()');
    return rows.map((row) => row['job_id'] as string);
  }
}
