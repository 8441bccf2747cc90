// PostgreSQL, by its URL or embedded (PGlite, PostgreSQL compiled to WebAssembly): the same SQL on both.
import { mkdir } from 'node:fs/promises';
import { PGlite, types as pgliteTypes, type Transaction } from '@electric-sql/pglite';
import pg from 'pg';
import { databaseError } from './database-error.js';
import { takeLock } from './lock.js';

export type Row = Record<string, unknown>;

/** Where statements go: the database itself or one transaction of it. */
export interface Queryable {
  /** Rejects with UNAVAILABLE while the database is away, with INVALID_ARGUMENT for values that it cannot hold. */
  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Queryable {
  readonly kind: 'postgres' | 'embedded';
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** How connections are named in pg_stat_activity. */
  name?: string;
  /** 0 for none: a migration takes as long as it takes. */
  statementTimeoutMs?: number;
  maxConnections?: number;
}

// Sequence numbers and sizes stay below 2^53; numbers read better than strings.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const defaultStatementTimeoutMs = 10_000;
/** The server ends a statement that takes too long; a server that cannot say so any more is given up a little later. */
const silenceMs = 2_000;

function openPostgres(url: string, options: DatabaseOptions): Database {
  const { name = 'sortie', statementTimeoutMs = defaultStatementTimeoutMs, maxConnections = 10 } = options;
  const pool = new pg.Pool({
    connectionString: url,
    application_name: name,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    // A connection whose other end has vanished (fail-over, a forgetful firewall) says nothing any more, for as long as TCP
    // retransmits: a quarter of an hour.
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    ...(statementTimeoutMs > 0 && {
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + silenceMs,
    }),
    lock_timeout: 5_000,
    // Whoever vanishes in the middle of a transaction must not keep its locks.
    idle_in_transaction_session_timeout: 10_000,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  return {
    kind: 'postgres',
    async query(sql, parameters = []) {
      try {
        return (await pool.query<Row>(sql, [...parameters])).rows;
      } catch (error) {
        throw databaseError(error);
      }
    },
    async transaction(work) {
      let client: pg.PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        throw databaseError(error);
      }
      // A client that is checked out has no other listener: pg emits what happens to it between two queries.
      const ignore = (): void => undefined;
      client.on('error', ignore);
      let broken = false;
      const query = async (sql: string, parameters: readonly unknown[] = []): Promise<Row[]> => {
        try {
          return (await client.query<Row>(sql, [...parameters])).rows;
        } catch (error) {
          const told = databaseError(error);
          // The connection may be silent or in an unknown state: it is closed, which rolls back.
          broken ||= told !== error;
          throw told;
        }
      };
      try {
        await query('BEGIN');
        const result = await work({ query });
        await query('COMMIT');
        return result;
      } catch (error) {
        if (!broken) await query('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        client.removeListener('error', ignore);
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

/** One that is going has handed its work back by then. */
const lockWaitMs = 20_000;

async function openEmbedded(directory: string): Promise<Database> {
  await mkdir(directory, { recursive: true });
  // The embedded database has no lock of its own: two processes on one directory would lose what the other one writes.
  const lock = await takeLock(`${directory}.lock`, lockWaitMs, (owner) => {
    return `The embedded database ${directory} is in use by another Job service (process ${owner}); stop that one first.`;
  });
  lock.note(String(process.pid));
  const lite = await PGlite.create(directory, { parsers: { [pgliteTypes.INT8]: Number } });
  const on = (target: PGlite | Transaction): Queryable => ({
    query: async (sql, parameters = []) => {
      try {
        return (await target.query<Row>(sql, [...parameters])).rows;
      } catch (error) {
        throw databaseError(error);
      }
    },
  });
  return {
    kind: 'embedded',
    query: (sql, parameters) => on(lite).query(sql, parameters),
    transaction: (work) => lite.transaction((transaction) => work(on(transaction))),
    close: async () => {
      await lite.close();
      lock.release();
    },
  };
}

/** `where` is a `postgres://` URL, or a directory for the embedded database. */
export const openDatabase = (where: string, options: DatabaseOptions = {}): Promise<Database> =>
  /^postgres(ql)?:\/\//.test(where) ? Promise.resolve(openPostgres(where, options)) : openEmbedded(where);
