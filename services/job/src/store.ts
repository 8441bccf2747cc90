// The job store in SQL. Every change of a job is one transaction: its row (revision-checked), its lease, and its events. Time
// comes from the database, so that the clocks of several services need not agree.
import type { Database, Queryable, Row } from '@sortie/common/database';
import { SortieError } from '@sortie/common/errors';
import { fitting } from '@sortie/common/fitting';
import { Job, JobEvent, Progress, State } from '@sortie/common/gen/sortie/job/v1/job';
import type { Change, JobRecord } from './job.js';
import { Conditions } from './conditions.js';
import type { Cursor } from './page-token.js';
import { rankOf, type Turns } from './turns.js';

export interface ListFilter {
  states: readonly State[];
  owner: string;
  serviceName: string;
  createdAfter: Date | undefined;
  createdBefore: Date | undefined;
}

/** A request that may come twice: its id in the scope in which it is unique, and a digest of what it asks for. */
export interface RequestKey {
  key: string;
  digest: string;
  /** As the caller gave it: rows of older versions hold it so. */
  requestId: string;
}

interface Versioned {
  record: JobRecord;
  revision: number;
  now: Date;
}

const columns = `job_id, revision, expires, lease_request, queue_after, document, lease_progress, created, now`;
const source = `(SELECT jobs.job_id, revision, leases.expires, leases.request_id AS lease_request, queue_after, document, leases.progress AS lease_progress,
    create_time, create_time::text AS created, owner, service_name, state, jobs.request_id, request_key, request_digest, now() AS now
  FROM jobs LEFT JOIN leases ON leases.job_id = jobs.job_id) AS job`;

function toVersioned(row: Row): Versioned {
  const job = Job.fromJSON(row['document']);
  if (job.state === State.STATE_RUNNING && row['lease_progress'] !== null) {
    job.progress = Progress.fromJSON(row['lease_progress']);
  }
  return {
    record: {
      job,
      leaseExpires: row['expires'] as Date | null,
      leaseRequest: (row['lease_request'] as string | null) ?? '',
      queueAfter: row['queue_after'] as Date,
    },
    revision: row['revision'] as number,
    now: row['now'] as Date,
  };
}

const documentOf = (job: Job): string => JSON.stringify(Job.toJSON({ ...job, progress: undefined }));

/** Two writers met; the loser reads again and decides anew. */
const collisions = 20;
/** A page of a list ends here, whatever its number of jobs: an answer must stay below gRPC's 4 MiB. */
const maxPageBytes = 1024 * 1024;

export class Store {
  /** `onWritten` is told of every change once it is stored. */
  constructor(
    private readonly database: Database,
    private readonly turns: Pick<Turns, 'take' | 'checkRoom'>,
    private readonly onWritten: (change: Change) => void = () => undefined,
  ) {}

  /**
   * Writes a new job, or gives the one that the same request made before. Throws ALREADY_EXISTS when the id came with another
   * request, LIMIT_REACHED when the owner has as many waiting as one may.
   */
  async create(make: (now: Date) => Change, request: RequestKey | null): Promise<{ job: Job; created: boolean }> {
    const result = await this.database.transaction(async (transaction) => {
      const [clock] = await transaction.query('SELECT clock_timestamp() AS now');
      const change = make(clock?.['now'] as Date);
      const { job, queueAfter } = change.record;
      const known = request && (await this.known(transaction, request, job));
      if (known) return { job: known, change: null };
      await this.turns.checkRoom(transaction, job.owner);
      const inserted = await transaction.query(
        `INSERT INTO jobs (job_id, request_key, request_digest, owner, service_name, state, revision, create_time, lease_attempt, lease_expires, queue_after, priority, cancel_requested, document)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, 0, NULL, $8, $9, false, $10::jsonb)
         ON CONFLICT (request_key) DO NOTHING RETURNING job_id`,
        [
          job.jobId,
          request?.key ?? null,
          request?.digest ?? null,
          job.owner,
          job.inputs?.serviceName ?? '',
          job.state,
          job.createTime,
          queueAfter,
          rankOf(job.priority),
          documentOf(job),
        ],
      );
      if (inserted.length === 0) {
        // The same request ran beside us and was faster.
        const winner = request && (await this.known(transaction, request, job));
        if (!winner) throw new SortieError('UNAVAILABLE', 'The job is being created in this moment; try again.');
        return { job: winner, change: null };
      }
      await this.append(transaction, change);
      return { job, change };
    });
    if (result.change) this.onWritten(result.change);
    return { job: result.job, created: result.change !== null };
  }

  /** Whether the owner may have one more job waiting. Throws LIMIT_REACHED. */
  async checkRoom(owner: string): Promise<void> {
    await this.turns.checkRoom(this.database, owner);
  }

  /** The running job whose attempt this request of a worker began; null when there is none. */
  async begunBy(requestId: string): Promise<string | null> {
    const [row] = await this.database.query('SELECT job_id FROM leases WHERE request_id = $1', [requestId]);
    return (row?.['job_id'] as string | undefined) ?? null;
  }

  private async known(on: Queryable, { key, digest, requestId }: RequestKey, asked: Job): Promise<Job | null> {
    const [row] = await on.query(
      `SELECT ${columns}, request_digest FROM ${source}
       WHERE request_key = $1 OR (request_id = $2 AND owner = $3 AND service_name = $4)`,
      [key, requestId, asked.owner, asked.inputs?.serviceName ?? ''],
    );
    if (!row) return null;
    if (row['request_digest'] !== null && row['request_digest'] !== digest) {
      throw new SortieError('ALREADY_EXISTS', 'request_id: came with another request before; choose a new one.', {
        violations: [{ field: 'request_id', description: 'came with another request before' }],
      });
    }
    return toVersioned(row).record.job;
  }

  /** Throws NOT_FOUND. */
  async get(jobId: string): Promise<Job> {
    return (await this.read(jobId)).record.job;
  }

  /** Those that exist, in any order; as many as fit into a page. */
  async getMany(jobIds: readonly string[]): Promise<{ jobs: Job[]; missing: string[] }> {
    const rows = await this.database.query(
      `SELECT ${columns}, length(document::text) AS bytes FROM ${source} WHERE job_id = ANY ($1::text[])`,
      [jobIds],
    );
    const found = new Set(rows.map((row) => row['job_id'] as string));
    return {
      jobs: fitting(rows, (row) => Number(row['bytes']), maxPageBytes).map((row) => toVersioned(row).record.job),
      missing: jobIds.filter((jobId) => !found.has(jobId)),
    };
  }

  /** Decides on the newest record and writes the result; decides again when another writer was faster. */
  async update(jobId: string, decide: (record: JobRecord, now: Date) => Change): Promise<Job> {
    for (let round = 0; round < collisions; round++) {
      const { record, revision, now } = await this.read(jobId);
      const change = decide(record, now);
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
    return this.database
      .transaction(async (transaction) => {
        if (change.expires) {
          // Renewed between the reading and now: its worker lives.
          const ended = await transaction.query(
            'DELETE FROM leases WHERE job_id = $1 AND expires < clock_timestamp() RETURNING job_id',
            [job.jobId],
          );
          if (ended.length === 0) throw new LeaseRenewed();
        }
        if (change.begins) await this.turns.take(transaction, job.owner, job.jobId);
        const rows = await transaction.query(
          `UPDATE jobs SET state = $3::smallint, revision = revision + 1, lease_attempt = $4,
           lease_expires = CASE WHEN $5 THEN 'infinity'::timestamptz ELSE NULL END, queue_after = $6, cancel_requested = $7, document = $8::jsonb, progress = NULL
         WHERE job_id = $1 AND revision = $2 RETURNING job_id`,
          [
            job.jobId,
            revision,
            job.state,
            running ? (job.attempts.at(-1)?.number ?? 0) : 0,
            running,
            queueAfter,
            job.cancelRequested,
            documentOf(job),
          ],
        );
        if (rows.length === 0) return false;
        if (running) {
          await transaction.query(
            `INSERT INTO leases (job_id, attempt, request_id, expires) VALUES ($1, $2, $3, $4)
           ON CONFLICT (job_id) DO UPDATE
           SET attempt = $2, request_id = $3, expires = GREATEST(leases.expires, $4), progress = CASE WHEN $5 THEN leases.progress ELSE NULL END`,
            [
              job.jobId,
              job.attempts.at(-1)?.number,
              change.record.leaseRequest,
              leaseExpires,
              job.progress !== undefined,
            ],
          );
        } else await transaction.query('DELETE FROM leases WHERE job_id = $1', [job.jobId]);
        await this.append(transaction, change);
        return true;
      })
      .catch((error: unknown) => {
        if (error instanceof LeaseRenewed) return false;
        throw error;
      });
  }

  private async append(transaction: Queryable, change: Change): Promise<void> {
    await transaction.query(
      `INSERT INTO job_events (job_id, sequence, event)
       SELECT $1, (e ->> 'sequence')::bigint, e FROM jsonb_array_elements($2::jsonb) AS e`,
      [change.record.job.jobId, JSON.stringify(change.events.map((event) => JobEvent.toJSON(event)))],
    );
  }

  private async read(jobId: string): Promise<Versioned> {
    const [row] = await this.database.query(`SELECT ${columns} FROM ${source} WHERE job_id = $1`, [jobId]);
    if (!row) throw new SortieError('NOT_FOUND', `Job ${jobId} was not found.`);
    return toVersioned(row);
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
    const conditions = new Conditions([size + 1, maxPageBytes]);
    const { states, owner, serviceName, createdAfter, createdBefore } = filter;
    if (states.length > 0) conditions.and((place) => `state = ANY (${place}::int[])`, [...states]);
    if (owner !== '') conditions.and((place) => `owner = ${place}`, owner);
    if (serviceName !== '') conditions.and((place) => `service_name = ${place}`, serviceName);
    if (createdAfter) conditions.and((place) => `create_time >= ${place}`, createdAfter);
    if (createdBefore) conditions.and((place) => `create_time < ${place}`, createdBefore);
    if (after)
      conditions.and((time, id) => `(create_time, job_id) < (${time}::timestamptz, ${id}::text)`, after.time, after.id);
    const rows = await this.database.query(
      `SELECT * FROM (
         SELECT page.*, sum(length(document::text)) OVER (ORDER BY create_time DESC, job_id DESC) AS bytes,
           row_number() OVER (ORDER BY create_time DESC, job_id DESC) AS place, count(*) OVER () AS found
         FROM (SELECT * FROM ${source} ${conditions.where}
               ORDER BY create_time DESC, job_id DESC LIMIT $1) AS page
       ) AS measured WHERE bytes <= $2 OR place = 1 ORDER BY place`,
      conditions.parameters,
    );
    const page = rows.slice(0, size);
    const last = page.at(-1);
    const more = last !== undefined && Number(last['found']) > page.length;
    return {
      jobs: page.map((row) => toVersioned(row).record.job),
      next: more ? { time: last['created'] as string, id: last['job_id'] as string } : null,
    };
  }

  /** How many jobs are queued and running, and for how long the oldest has been waiting for a worker, seconds; 0 if none waits. */
  async open(): Promise<{ queued: number; running: number; oldestSeconds: number }> {
    const [row] = await this.database.query(
      `SELECT count(*) FILTER (WHERE state = 1) AS queued, count(*) FILTER (WHERE state = 2) AS running,
         COALESCE(extract(epoch FROM clock_timestamp() - min(queue_after) FILTER (WHERE state = 1 AND queue_after <= clock_timestamp())), 0)::float8 AS oldest
       FROM jobs WHERE state IN (1, 2)`,
    );
    return {
      queued: row?.['queued'] as number,
      running: row?.['running'] as number,
      oldestSeconds: row?.['oldest'] as number,
    };
  }

  /** Rejects unless the database answers. */
  async ask(): Promise<void> {
    await this.database.query('SELECT 1');
  }
}

/** The lease that was to be ended was renewed in this moment. */
class LeaseRenewed extends Error {}
