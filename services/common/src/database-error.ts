// What a database's errors mean to those who asked: it is away, it cannot hold what it was given, or we have made a mistake.
import { SortieError } from './errors.js';

/**
 * Codes of the absence of a database: Node's of the connection, and SQLSTATE classes (PostgreSQL documentation, appendix A):
 * 08 connection exception, 53 insufficient resources, 57 operator intervention (it starts, stops, or has ended a statement
 * that took too long), 40 transaction rollback (serialization, deadlock), 55P03 lock not available, 25P03 and 25P04
 * idle-in-transaction and transaction timeout, 25006 a read-only server: a replica that is not yet the primary.
 */
const awayCode =
  /^(?:ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ETIMEDOUT|EPIPE|08|40|53|57|55P03|25P03|25P04|25006)/;

/** Errors that pg and pg-pool throw without a code. */
const awayTexts = [
  'Connection terminated',
  'Connection ended unexpectedly',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Cannot use a pool after calling end on the pool',
];

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** Whether the database is not there (yet), rather than refusing. */
export function isAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isAway);
  if (!(error instanceof Error)) return false;
  return awayCode.test(codeOf(error)) || awayTexts.some((text) => error.message.includes(text));
}

/** Class 22, data exception (a NUL in a text, a date of the year 300,000), and 54000, a value too long for an index. */
const isBadValue = (error: unknown): boolean => error instanceof Error && /^(?:22|54000)/.test(codeOf(error));

/** The error as the services tell it; what is our own mistake comes back as it is. */
export function databaseError(error: unknown): unknown {
  if (isAway(error)) {
    return new SortieError('UNAVAILABLE', 'The job store does not answer; try again in a moment.', { cause: error });
  }
  if (isBadValue(error)) {
    return new SortieError('INVALID_ARGUMENT', 'A value of the request cannot be stored: it is out of range.', {
      cause: error,
    });
  }
  return error;
}
