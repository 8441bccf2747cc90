// PostgreSQL, by its URL or embedded (PGlite, PostgreSQL compiled to WebAssembly): the same SQL on both.
import { mkdir } from 'node:fs/promises';
import { PGlite, types as pgliteTypes, type Transaction } from '@electric-sql/pglite';
import pg from 'pg';
import { takeLock } from './lock.js';

export type Row = Record<string, unknown>;

/** Where statements go: the database itself or one transaction of it. */
export interface Queryable {
  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface Migration {
  /** Sorts: "0001_jobs". */
  name: string;
  sql: string;
}

// Sequence numbers and sizes stay below 2^53; numbers read better than strings.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

function openPostgres(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 5_000 });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  return {
    async query(sql, parameters = []) {
      return (await pool.query<Row>(sql, [...parameters])).rows;
    },
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const result = await work({
          query: async (sql, parameters = []) => (await client.query<Row>(sql, [...parameters])).rows,
        });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}

/** One that is going has handed its work back by then. */
const lockWaitMs = 10_000;

async function openEmbedded(directory: string): Promise<Database> {
  await mkdir(directory, { recursive: true });
  // The embedded database has no lock of its own: two processes on one directory would lose what the other one writes.
  const lock = await takeLock(`${directory}.lock`, lockWaitMs, (owner) => {
    return `The embedded database ${directory} is in use by another Job service (process ${owner}); stop that one first.`;
  });
  lock.note(String(process.pid));
  const lite = await PGlite.create(directory, { parsers: { [pgliteTypes.INT8]: Number } });
  const on = (target: PGlite | Transaction): Queryable => ({
    query: async (sql, parameters = []) => (await target.query<Row>(sql, [...parameters])).rows,
  });
  return {
    query: (sql, parameters) => on(lite).query(sql, parameters),
    transaction: (work) => lite.transaction((transaction) => work(on(transaction))),
    close: async () => {
      await lite.close();
      lock.release();
    },
  };
}

/** `where` is a `postgres://` URL, or a directory for the embedded database. */
export const openDatabase = (where: string): Promise<Database> =>
  /^postgres(ql)?:\/\//.test(where) ? Promise.resolve(openPostgres(where)) : openEmbedded(where);

/** Whether the database is not there (yet), rather than refusing: no connection, or class 57P (it starts or stops). */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|57P)/.test(error.code);
}

/** Applies what is missing, each migration once and whole, also when several processes start at the same time. */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  const lock = 0x50_27_1e; // any number of ours
  await database.transaction(async (transaction) => {
    await transaction.query('SELECT pg_advisory_xact_lock($1)', [lock]);
    await transaction.query('CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, time timestamptz NOT NULL)');
    const done = new Set((await transaction.query('SELECT name FROM migrations')).map((row) => row['name']));
    for (const { name, sql } of migrations) {
      if (done.has(name)) continue;
      for (const statement of sql.split(/;\s*$/m)) {
        if (statement.trim() !== '') await transaction.query(statement);
      }
      await transaction.query('INSERT INTO migrations (name, time) VALUES ($1, now())', [name]);
    }
  });
}
