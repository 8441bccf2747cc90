// Where a page of the audit log ended, as a text for the caller; as that of jobs, see ../page-token.ts.
import { SortieError } from '@sortie/common/errors';
import { isUuid } from '@sortie/common/ids';
import type { AuditCursor, AuditFilter } from './store.js';

const fingerprint = ({ user, action, resource, after, before }: AuditFilter): string =>
  JSON.stringify([user, action, resource, after, before]);

const timeForm = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d(?::\d\d)?$/;
const maxTokenLength = 4_096;

export function readPageToken(token: string, filter: AuditFilter): AuditCursor | null {
  if (token === '') return null;
  try {
    const parsed: unknown =
      token.length <= maxTokenLength ? JSON.parse(Buffer.from(token, 'base64url').toString()) : null;
    if (Array.isArray(parsed) && parsed.length === 3 && parsed[2] === fingerprint(filter)) {
      const [time, eventId] = parsed as unknown[];
      const goodTime = typeof time === 'string' && timeForm.test(time) && !Number.isNaN(Date.parse(time));
      if (goodTime && typeof eventId === 'string' && isUuid(eventId)) return { time, eventId };
    }
  } catch {
    // Reported below.
  }
  throw SortieError.field('page_token', 'is not from an answer to the same filters');
}

export const writePageToken = ({ time, eventId }: AuditCursor, filter: AuditFilter): string =>
  Buffer.from(JSON.stringify([time, eventId, fingerprint(filter)])).toString('base64url');
