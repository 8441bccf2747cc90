// The audit log in SQL: events are added and read, nothing else.
import type { Database } from '@sortie/common/database';
import { Action, AuditEvent } from '@sortie/common/gen/sortie/audit/v1/audit';
import { Conditions } from '../conditions.js';
import type { Cursor } from '../page-token.js';

export interface AuditFilter {
  user: string;
  action: Action;
  resource: string;
  after: Date | undefined;
  before: Date | undefined;
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
    from: Cursor | null,
  ): Promise<{ events: AuditEvent[]; next: Cursor | null }> {
    const conditions = new Conditions([size + 1]);
    const { user, action, resource, after, before } = filter;
    if (user !== '') conditions.and((place) => `username = ${place}`, user);
    if (action !== Action.ACTION_UNSPECIFIED) conditions.and((place) => `action = ${place}::smallint`, action);
    if (resource !== '') conditions.and((place) => `resource = ${place}`, resource);
    if (after) conditions.and((place) => `time >= ${place}`, after);
    if (before) conditions.and((place) => `time < ${place}`, before);
    if (from)
      conditions.and((time, id) => `(time, event_id) < (${time}::timestamptz, ${id}::uuid)`, from.time, from.id);
    const rows = await this.database.query(
      `SELECT event_id::text AS event_id, time::text AS told, document FROM audit_events
       ${conditions.where}
       ORDER BY time DESC, event_id DESC LIMIT $1`,
      conditions.parameters,
    );
    const page = rows.slice(0, size);
    const last = page.at(-1);
    return {
      events: page.map((row) => AuditEvent.fromJSON(row['document'])),
      next: last && rows.length > size ? { time: last['told'] as string, id: last['event_id'] as string } : null,
    };
  }
}
