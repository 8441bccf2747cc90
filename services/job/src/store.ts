// The book in SQL. Every change of a job is one transaction: its row (revision-checked), its events, and the outbox.
import type { Database, Queryable, Row } from '@sortie/common/database';
import { SortieError } from '@sortie/common/errors';
import { Job, JobEvent, Progress, State, Worker } from '@sortie/common/gen/sortie/job/v1/job';
import type { Change, JobRecord } from './job.js';

export interface ListFilter {
  states: readonly State[];
  owner: string;
  serviceName: string;
  createdAfter: Date | undefined;
  createdBefore: Date | undefined;
}

/** Where a page ended: the last job's place in (create_time, job_id), newest first. */
export interface Cursor {
  createTime: string;
  jobId: string;
}

interface Versioned {
  record: JobRecord;
  revision: number;
}

const columns = 'job_id, revision, lease_expires, queue_after, document, progress, create_time::text AS created';

function toVersioned(row: Row): Versioned {
  const job = Job.fromJSON(row['document']);
  if (job.state === State.STATE_RUNNING && row['progress'] !== null) job.progress = Progress.fromJSON(row['progress']);
  return {
    record: { job, leaseExpires: row['lease_expires'] as Date | null, queueAfter: row['queue_after'] as Date },
    revision: row['revision'] as number,
  };
}

const documentOf = (job: Job): string => JSON.stringify(Job.toJSON({ ...job, progress: undefined }));

/** Two writers met; the loser reads again and decides anew. */
const collisions = 20;

export class Store {
  /** `onWritten` is told of every change once it is in the book. */
  constructor(
    private readonly database: Database,
    private readonly onWritten: (change: Change) => void = () => undefined,
  ) {}

  /** Writes a new job, or gives the one that the same request made before. */
  async create(change: Change, requestId: string | null): Promise<{ job: Job; created: boolean }> {
    const { job } = change.record;
    const result = await this.database.transaction(async (transaction) => {
      const inserted = await transaction.query(
        `INSERT INTO jobs (job_id, request_id, owner, service_name, state, revision, create_time, lease_attempt, lease_expires, queue_after, cancel_requested, document)
         VALUES ($1, $2, $3, $4, $5, 1, $6, 0, NULL, $7, false, $8::jsonb)
         ON CONFLICT (request_id) DO NOTHING RETURNING job_id`,
        [
          job.jobId,
          requestId,
          job.owner,
          job.inputs?.serviceName ?? '',
          job.state,
          job.createTime,
          change.record.queueAfter,
          documentOf(job),
        ],
      );
      if (inserted.length === 0) {
        const [row] = await transaction.query(`SELECT ${columns} FROM jobs WHERE request_id = $1`, [requestId]);
        if (!row) throw new Error('a job vanished while it was created');
        return { job: toVersioned(row).record.job, created: false };
      }
      await this.append(transaction, change);
      return { job, created: true };
    });
    if (result.created) this.onWritten(change);
    return result;
  }

  /** Throws NOT_FOUND. */
  async get(jobId: string): Promise<Job> {
    return (await this.read(this.database, jobId)).record.job;
  }

  /** Decides on the newest record and writes the result; decides again when another writer was faster. */
  async update(jobId: string, decide: (record: JobRecord) => Change): Promise<Job> {
    for (let round = 0; round < collisions; round++) {
      const { record, revision } = await this.read(this.database, jobId);
      const change = decide(record);
      if (change.events.length === 0) return change.record.job;
      if (await this.write(change, revision)) {
        this.onWritten(change);
        return change.record.job;
      }
    }
    throw new SortieError('UNAVAILABLE', `${jobId} is being changed by others all the time; try again.`);
  }

  private async write(change: Change, revision: number): Promise<boolean> {
    const { job, leaseExpires, queueAfter } = change.record;
    const running = job.state === State.STATE_RUNNING;
    return this.database.transaction(async (transaction) => {
      const rows = await transaction.query(
        `UPDATE jobs SET state = $3, revision = revision + 1, lease_attempt = $4, lease_expires = $5, queue_after = $6,
           cancel_requested = $7, document = $8::jsonb, progress = CASE WHEN $9 THEN progress ELSE NULL END
         WHERE job_id = $1 AND revision = $2 RETURNING job_id`,
        [
          job.jobId,
          revision,
          job.state,
          running ? (job.attempts.at(-1)?.number ?? 0) : 0,
          leaseExpires,
          queueAfter,
          job.cancelRequested,
          documentOf(job),
          job.progress !== undefined,
        ],
      );
      if (rows.length === 0) return false;
      await this.append(transaction, change);
      return true;
    });
  }

  private async append(transaction: Queryable, change: Change): Promise<void> {
    await transaction.query(
      `INSERT INTO job_events (job_id, sequence, event)
       SELECT $1, (e ->> 'sequence')::bigint, e FROM jsonb_array_elements($2::jsonb) AS e`,
      [change.record.job.jobId, JSON.stringify(change.events.map((event) => JobEvent.toJSON(event)))],
    );
    if (change.queued) await transaction.query('INSERT INTO outbox (job_id) VALUES ($1)', [change.record.job.jobId]);
  }

  private async read(on: Queryable, jobId: string): Promise<Versioned> {
    const [row] = await on.query(`SELECT ${columns} FROM jobs WHERE job_id = $1`, [jobId]);
    if (!row) throw new SortieError('NOT_FOUND', `Job ${jobId} was not found.`);
    return toVersioned(row);
  }

  /**
   * Keeps the lease of a running attempt and notes its progress. Not an event and not a revision: it must never make
   * another writer decide again. Returns whether the end was asked for, or null when the lease is lost.
   */
  async heartbeat(
    jobId: string,
    attempt: number,
    leaseExpires: Date,
    progress: Progress | undefined,
  ): Promise<{ cancelRequested: boolean } | null> {
    const [row] = await this.database.query(
      `UPDATE jobs SET lease_expires = $3, progress = COALESCE($4::jsonb, progress)
       WHERE job_id = $1 AND lease_attempt = $2 AND state = $5 RETURNING cancel_requested`,
      [jobId, attempt, leaseExpires, progress ? JSON.stringify(Progress.toJSON(progress)) : null, State.STATE_RUNNING],
    );
    return row ? { cancelRequested: row['cancel_requested'] as boolean } : null;
  }

  /** Notes that a worker is there, and forgets those that have not been heard of since `forget`. */
  async noteWorker(worker: Worker, now: Date, forget: Date): Promise<void> {
    await this.database.query(
      `INSERT INTO workers (name, seen_time, document) VALUES ($1, $2, $3::jsonb)
       ON CONFLICT (name) DO UPDATE SET seen_time = $2, document = $3::jsonb`,
      [worker.name, now, JSON.stringify(Worker.toJSON({ ...worker, seenTime: now }))],
    );
    await this.database.query('DELETE FROM workers WHERE seen_time < $1', [forget]);
  }

  /** Workers heard of since `since`, by name. */
  async workers(since: Date): Promise<Worker[]> {
    const rows = await this.database.query('SELECT document FROM workers WHERE seen_time >= $1 ORDER BY name', [since]);
    return rows.map((row) => Worker.fromJSON(row['document']));
  }

  /** Events with a higher number than `after`, in order, at most 500. */
  async events(jobId: string, after: number): Promise<JobEvent[]> {
    const rows = await this.database.query(
      'SELECT event FROM job_events WHERE job_id = $1 AND sequence > $2 ORDER BY sequence LIMIT 500',
      [jobId, after],
    );
    return rows.map((row) => JobEvent.fromJSON(row['event']));
  }

  /** A page of jobs, newest first, and where it ended if there may be more. */
  async list(filter: ListFilter, size: number, after: Cursor | null): Promise<{ jobs: Job[]; next: Cursor | null }> {
    const rows = await this.database.query(
      `SELECT ${columns} FROM jobs
       WHERE (cardinality($1::int[]) = 0 OR state = ANY ($1::int[]))
         AND ($2 = '' OR owner = $2) AND ($3 = '' OR service_name = $3)
         AND ($4::timestamptz IS NULL OR create_time >= $4) AND ($5::timestamptz IS NULL OR create_time < $5)
         AND ($6::timestamptz IS NULL OR (create_time, job_id) < ($6::timestamptz, $7::text))
       ORDER BY create_time DESC, job_id DESC LIMIT $8`,
      [
        [...filter.states],
        filter.owner,
        filter.serviceName,
        filter.createdAfter ?? null,
        filter.createdBefore ?? null,
        after?.createTime ?? null,
        after?.jobId ?? '',
        size + 1,
      ],
    );
    const page = rows.slice(0, size);
    const last = page.at(-1);
    return {
      jobs: page.map((row) => toVersioned(row).record.job),
      next:
        rows.length > size && last ? { createTime: last['created'] as string, jobId: last['job_id'] as string } : null,
    };
  }

  /** Running jobs whose worker was not heard of in time. */
  async expired(now: Date): Promise<string[]> {
    const rows = await this.database.query('SELECT job_id FROM jobs WHERE state = $1 AND lease_expires < $2', [
      State.STATE_RUNNING,
      now,
    ]);
    return rows.map((row) => row['job_id'] as string);
  }

  /** Queued jobs that may be taken now. */
  async waiting(now: Date): Promise<string[]> {
    const rows = await this.database.query(
      'SELECT job_id FROM jobs WHERE state = $1 AND queue_after <= $2 ORDER BY queue_after LIMIT 10000',
      [State.STATE_QUEUED, now],
    );
    return rows.map((row) => row['job_id'] as string);
  }

  /**
   * Gives what lies in the outbox to `send`, oldest first, and forgets it when `send` resolves. Several services do not
   * get in each other's way. Returns how many there were.
   */
  async drainOutbox(send: (jobId: string) => Promise<void>): Promise<number> {
    return this.database.transaction(async (transaction) => {
      const rows = await transaction.query(
        `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING job_id`,
      );
      for (const row of rows) await send(row['job_id'] as string);
      return rows.length;
    });
  }

  /** How many jobs are queued and running, and since when the oldest has been waiting for a worker, if one is. */
  async open(now: Date): Promise<{ queued: number; running: number; oldest: Date | null }> {
    const [row] = await this.database.query(
      `SELECT count(*) FILTER (WHERE state = 1) AS queued, count(*) FILTER (WHERE state = 2) AS running,
         min(queue_after) FILTER (WHERE state = 1 AND queue_after <= $1) AS oldest
       FROM jobs WHERE state IN (1, 2)`,
      [now],
    );
    return {
      queued: row?.['queued'] as number,
      running: row?.['running'] as number,
      oldest: row?.['oldest'] as Date | null,
    };
  }

  /** Rejects unless the database answers. */
  async ask(): Promise<void> {
    await this.database.query('SELECT 1');
  }
}
