/** The audit log: appended to, and never changed. A role that may not drop triggers cannot get around that one. */
export const statements = [
  `CREATE TABLE audit_events (
    event_id uuid PRIMARY KEY,
    time timestamptz NOT NULL,
    username text NOT NULL,
    -- sortie.audit.v1.Action.
    action smallint NOT NULL,
    resource text NOT NULL,
    -- sortie.audit.v1.AuditEvent as proto3 JSON.
    document jsonb NOT NULL
  )`,
  'CREATE INDEX audit_by_time ON audit_events (time DESC, event_id DESC)',
  'CREATE INDEX audit_by_user ON audit_events (username, time DESC, event_id DESC)',
  `CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'audit_events is appended to only: % is refused', TG_OP;
  END $$`,
  `CREATE TRIGGER refuse_audit_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,
  // Also where session_replication_role would leave triggers out.
  'ALTER TABLE audit_events ENABLE ALWAYS TRIGGER refuse_audit_change',
];
