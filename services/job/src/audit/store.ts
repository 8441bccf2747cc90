// The audit log in SQL: events are added and read, nothing else.
import type { Database } from '@sortie/common/database';
import { Action, AuditEvent } from '@sortie/common/gen/sortie/audit/v1/audit';

export interface AuditFilter {
  user: string;
  action: Action;
  resource: string;
  after: Date | undefined;
  before: Date | undefined;
}

/** Where a page ended. */
export interface AuditCursor {
  /** As PostgreSQL writes it. */
  time: string;
  eventId: string;
}

export class AuditStore {
  constructor(private readonly database: Database) {}

  /** All or none; those that are there already stay as they are. */
  async append(events: readonly AuditEvent[]): Promise<void> {
    await this.database.query(
      `INSERT INTO audit_events (event_id, time, username, action, resource, document)
       SELECT (e ->> 'eventId')::uuid, (e ->> 'time')::timestamptz, COALESCE(e ->> 'user', ''), (a #>> '{}')::smallint, COALESCE(e ->> 'resource', ''), e
       FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS events (e, place)
       JOIN jsonb_array_elements($2::jsonb) WITH ORDINALITY AS actions (a, number) ON place = number
       ON CONFLICT (event_id) DO NOTHING`,
      [JSON.stringify(events.map((event) => AuditEvent.toJSON(event))), JSON.stringify(events.map(({ action }) => action))],
    ); // prettier-ignore
  }

  /** A page, newest first, and where it ended if there is more. */
  async list(
    filter: AuditFilter,
    size: number,
    from: AuditCursor | null,
  ): Promise<{ events: AuditEvent[]; next: AuditCursor | null }> {
    const parameters: unknown[] = [size + 1];
    const conditions: string[] = [];
    const where = (condition: (place: string) => string, value: unknown): void => {
      parameters.push(value);
      conditions.push(condition(`$${parameters.length}`));
    };
    if (filter.user !== '') where((place) => `username = ${place}`, filter.user);
    if (filter.action !== Action.ACTION_UNSPECIFIED) where((place) => `action = ${place}::smallint`, filter.action);
    if (filter.resource !== '') where((place) => `resource = ${place}`, filter.resource);
    if (filter.after) where((place) => `time >= ${place}`, filter.after);
    if (filter.before) where((place) => `time < ${place}`, filter.before);
    if (from) {
      parameters.push(from.time, from.eventId);
      conditions.push(`(time, event_id) < ($${parameters.length - 1}::timestamptz, $${parameters.length}::uuid)`);
    }
    const rows = await this.database.query(
      `SELECT event_id::text AS event_id, time::text AS told, document FROM audit_events
       ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
       ORDER BY time DESC, event_id DESC LIMIT $1`,
      parameters,
    );
    const page = rows.slice(0, size);
    const last = page.at(-1);
    return {
      events: page.map((row) => AuditEvent.fromJSON(row['document'])),
      next: last && rows.length > size ? { time: last['told'] as string, eventId: last['event_id'] as string } : null,
    };
  }
}
