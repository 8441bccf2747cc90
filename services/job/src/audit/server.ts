// AuditService over gRPC: checks requests, appends and lists.
import { SortieError } from '@sortie/common/errors';
import {
  Action,
  type AuditEvent,
  type AuditServiceServer,
  type ListEventsRequest,
} from '@sortie/common/gen/sortie/audit/v1/audit';
import { unary } from '@sortie/common/grpc';
import { isUuid } from '@sortie/common/ids';
import { callerName } from '@sortie/common/identity/caller';
import type { Identity } from '@sortie/common/identity/identity';
import type { Logger } from '@sortie/common/log';
import { checkText } from '@sortie/common/text';
import { readPageToken, writePageToken } from '../page-token.js';
import type { AuditFilter, AuditStore } from './store.js';

const maxEvents = 100;
const longest = 512;
const defaultPageSize = 100;
const maxPageSize = 1000;
const earliest = Date.parse('2000-01-01T00:00:00Z');
const latest = Date.parse('9999-12-31T23:59:59Z');

export interface AuditServerParts {
  store: AuditStore;
  identity: Pick<Identity, 'callerOf' | 'viewerOf'>;
  log: Logger;
}

function checkTime(field: string, time: Date | undefined): void {
  if (time && !(time.getTime() >= earliest && time.getTime() <= latest))
    throw SortieError.field(field, 'must be a time of the years 2000 to 9999');
}

/** Words of newer versions are kept as they are; their numbers are small. */
const isWord = (value: number): boolean => value > 0 && value < 1000;

function checkEvent(event: AuditEvent): void {
  if (!isUuid(event.eventId)) throw SortieError.field('events.event_id', 'must be a UUID in lower case');
  if (!event.time) throw SortieError.field('events.time', 'is missing');
  checkTime('events.time', event.time);
  if (!isWord(event.action)) throw SortieError.field('events.action', 'is missing');
  if (!isWord(event.result)) throw SortieError.field('events.result', 'is missing');
  for (const name of ['user', 'address', 'caller', 'resource', 'detail'] as const)
    checkText(`events.${name}`, event[name], { max: longest });
}

function filterOf({ user, action, resource, after, before }: ListEventsRequest): AuditFilter {
  checkText('user', user, { max: longest });
  checkText('resource', resource, { max: longest });
  if (action !== Action.ACTION_UNSPECIFIED && !isWord(action))
    throw SortieError.field('action', 'is none that an event can have');
  checkTime('after', after);
  checkTime('before', before);
  return { user, action, resource, after, before };
}

export function newAuditServer({ store, identity, log }: AuditServerParts): AuditServiceServer {
  return {
    recordEvents: unary(log, async ({ events }, call) => {
      if (events.length > maxEvents) throw SortieError.field('events', `at most ${maxEvents} are taken`);
      for (const event of events) checkEvent(event);
      const caller = identity.callerOf(call);
      const recordedBy = caller ? callerName(caller) : '';
      await store.append(events.map((event) => ({ ...event, recordedBy })));
      return {};
    }),

    listEvents: unary(log, async (request, call) => {
      if (identity.viewerOf(call) !== 'all')
        throw new SortieError('PERMISSION_DENIED', 'The audit log is for administrators.');
      const filter = filterOf(request);
      if (request.pageSize < 0) throw SortieError.field('page_size', 'must not be negative');
      const size = Math.min(request.pageSize === 0 ? defaultPageSize : request.pageSize, maxPageSize);
      const { user, action, resource, after, before } = filter;
      const pagesOf = [user, action, resource, after, before];
      const { events, next } = await store.list(filter, size, readPageToken(request.pageToken, pagesOf, isUuid));
      return { events, nextPageToken: writePageToken(next, pagesOf) };
    }),
  };
}
