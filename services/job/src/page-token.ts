// Where a page ended, as a text for the caller: the time and the id of its last entry. The filters must be those of the next request,
// or pages would skip and repeat (AIP-158). A token that was not made here is refused before it comes near the job store.
import { SortieError } from '@sortie/common/errors';

/** The place of an entry in (time, id), newest first. */
export interface Cursor {
  /** As PostgreSQL writes a timestamptz, with microseconds: "2026-11-26 14:00:31.123456+00". */
  time: string;
  id: string;
}

const timeForm = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d(?::\d\d)?$/;
const maxTokenLength = 4_096;

/** `filter`: what the pages are of, made of JSON values and dates. Null for the first page. Throws INVALID_ARGUMENT. */
export function readPageToken(token: string, filter: readonly unknown[], isId: (id: string) => boolean): Cursor | null {
  if (token === '') return null;
  try {
    const parsed: unknown =
      token.length <= maxTokenLength ? JSON.parse(Buffer.from(token, 'base64url').toString()) : null;
    if (Array.isArray(parsed) && parsed.length === 3 && parsed[2] === JSON.stringify(filter)) {
      const [time, id] = parsed as unknown[];
      const isTime = typeof time === 'string' && timeForm.test(time) && !Number.isNaN(Date.parse(time));
      if (isTime && typeof id === 'string' && isId(id)) return { time, id };
    }
  } catch {
    // Reported below.
  }
  throw SortieError.field('page_token', 'is not from an answer to the same filters');
}

/** Empty for the last page. */
export const writePageToken = (cursor: Cursor | null, filter: readonly unknown[]): string =>
  cursor ? Buffer.from(JSON.stringify([cursor.time, cursor.id, JSON.stringify(filter)])).toString('base64url') : '';
