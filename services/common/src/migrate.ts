// Brings a database's schema to where the programs want it. A step of its own before they start: a migration may take longer
// than any start is allowed to. Every migration works beside the programs of the version before, which may still run.
import type { Database, Queryable } from './database.js';

export interface Migration {
  /** Sorts: "0001_jobs". */
  name: string;
  statements: readonly string[];
  /**
   * Index builds that must not lock the table: each statement by itself, outside of a transaction (CREATE INDEX
   * CONCURRENTLY). Statements are repeatable then: they drop what a broken try has left.
   */
  concurrently?: boolean;
}

/** Statements that stand apart by a semicolon at a line's end; not for bodies of functions. */
export const statementsOf = (sql: string): string[] => sql.split(/;$/m).filter((statement) => statement.trim() !== '');

const lock = 0x50_27_1e; // any number of ours
const table = 'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, time timestamptz NOT NULL)';

async function applied(on: Queryable): Promise<Set<unknown>> {
  const [found] = await on.query("SELECT to_regclass('migrations') IS NOT NULL AS there");
  if (found?.['there'] !== true) return new Set();
  return new Set((await on.query('SELECT name FROM migrations')).map((row) => row['name']));
}

/** Names of the migrations that are still to be applied. */
export async function pending(database: Database, migrations: readonly Migration[]): Promise<string[]> {
  const done = await applied(database);
  return migrations.map(({ name }) => name).filter((name) => !done.has(name));
}

/** One migration, whole. */
async function apply(database: Database, { name, statements, concurrently = false }: Migration): Promise<void> {
  const note = (on: Queryable): Promise<unknown> =>
    on.query('INSERT INTO migrations (name, time) VALUES ($1, now())', [name]);
  if (concurrently && database.kind === 'postgres') {
    for (const statement of statements) await database.query(statement);
    await note(database);
    return;
  }
  await database.transaction(async (transaction) => {
    // The embedded database has one user only, and nothing to be concurrent with.
    for (const statement of statements) await transaction.query(statement.replaceAll(' CONCURRENTLY', ''));
    await note(transaction);
  });
}

const pauseMs = 500;

/**
 * Applies what is missing, in order; of several programs that start at the same time one does it. `database` must have been
 * opened with one connection, which holds the lock. `report` is called with each name.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
  report: (name: string) => void = () => undefined,
): Promise<void> {
  // Asked again and again: a statement that waits for the lock would hold a snapshot, and CREATE INDEX CONCURRENTLY waits for
  // all older snapshots to go.
  while ((await database.query('SELECT pg_try_advisory_lock($1) AS got', [lock]))[0]?.['got'] !== true) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  try {
    await database.query(table);
    const missing = await pending(database, migrations);
    for (const migration of migrations.filter(({ name }) => missing.includes(name))) {
      report(migration.name);
      await apply(database, migration);
    }
  } finally {
    await database.query('SELECT pg_advisory_unlock($1)', [lock]).catch(() => undefined);
  }
}
