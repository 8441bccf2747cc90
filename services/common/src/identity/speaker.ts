// For whom a caller acts. Owners and administrators are no fields that anybody fills in as they like.
import { SortieError } from '../errors.js';
import { callerName, type Caller } from './caller.js';
import type { Statement } from './statement.js';

/** `username` null: for anybody. */
export interface Speaker {
  username: string | null;
  administrator: boolean;
}

/** `statement`: what came with the call, checked. Throws PERMISSION_DENIED for callers that speak for nobody. */
export function speakerOf(caller: Caller, statement: Statement | null): Speaker {
  switch (caller.kind) {
    case 'operator':
      return { username: null, administrator: true };
    case 'client':
      return { username: caller.user, administrator: false };
    case 'gateway':
      if (statement) return statement;
      throw new SortieError('PERMISSION_DENIED', 'The gateway did not say which user it speaks for, or its word has run out.');
    // It has heard the user's own caller before.
    case 'ingest-api':
      return { username: null, administrator: false };
    default:
      throw new SortieError('PERMISSION_DENIED', `${callerName(caller)} speaks for no user.`);
  }
} // prettier-ignore

/** For whom a caller reads: an operator or administrator, who sees all, a user, or somebody who has not signed in. */
export type Viewer = 'all' | 'visitor' | Pick<Statement, 'username'>;

/** Throws PERMISSION_DENIED for callers that read for nobody. */
export function viewerOf(caller: Caller, statement: Statement | null): Viewer {
  switch (caller.kind) {
    case 'operator':
      return 'all';
    case 'client':
      return { username: caller.user };
    case 'gateway':
      if (!statement) return 'visitor';
      return statement.administrator ? 'all' : { username: statement.username };
    default:
      throw new SortieError('PERMISSION_DENIED', `${callerName(caller)} reads for no user.`);
  }
} // prettier-ignore

/** Throws PERMISSION_DENIED when `owner` is somebody else. */
export function mustSpeakFor({ username, administrator }: Speaker, owner: string): void {
  if (username === null || username === owner || administrator) return;
  throw new SortieError('PERMISSION_DENIED', `The caller speaks for ${username}, not for ${owner}.`);
}
