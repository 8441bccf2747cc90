// Where a page of jobs ended, as a text for the caller. Its filters must be those of the next request, or pages would skip and
// repeat (AIP-158). A token that was not made here is refused before it comes near the job store.
import { SortieError } from '@sortie/common/errors';
import { isJobId } from '@sortie/common/ids';
import type { Cursor, ListFilter } from './store.js';

const fingerprint = (filter: ListFilter): string =>
  JSON.stringify([filter.states, filter.owner, filter.serviceName, filter.createdAfter, filter.createdBefore]);

/** As PostgreSQL writes a timestamptz, with microseconds: "2026-11-26 14:00:31.123456+00". */
const timeForm = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d(?::\d\d)?$/;
const maxTokenLength = 4_096;

export function readPageToken(token: string, filter: ListFilter): Cursor | null {
  if (token === '') return null;
  try {
    const parsed: unknown =
      token.length <= maxTokenLength ? JSON.parse(Buffer.from(token, 'base64url').toString()) : null;
    if (Array.isArray(parsed) && parsed.length === 3 && parsed[2] === fingerprint(filter)) {
      const [createTime, jobId] = parsed as unknown[];
      if (typeof createTime === 'string' && timeForm.test(createTime) && !Number.isNaN(Date.parse(createTime))) {
        if (typeof jobId === 'string' && isJobId(jobId)) return { createTime, jobId };
      }
    }
  } catch {
    // Reported below.
  }
  throw SortieError.field('page_token', 'is not from an answer to the same filters');
}

export const writePageToken = (cursor: Cursor, filter: ListFilter): string =>
  Buffer.from(JSON.stringify([cursor.createTime, cursor.jobId, fingerprint(filter)])).toString('base64url');
