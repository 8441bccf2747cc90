// The audit log as its callers meet it, on both databases.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@sortie/common/database';
import { SortieError } from '@sortie/common/errors';
import { Action, AuditServiceClient, Result, type AuditEvent, type ListEventsRequest } from '@sortie/common/gen/sortie/audit/v1/audit'; // prettier-ignore
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { call, connect } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { clientIdentity, identity } from '@sortie/common/testing/identities';
import { startNats, type TestNats } from '@sortie/common/testing/nats';
import { startPostgres, type TestPostgres } from '@sortie/common/testing/postgres';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { migrateDatabase, startJobService, type JobService } from '../service.js';

interface Context {
  nats: TestNats;
  postgres: TestPostgres | null;
  directory: string;
  database: string;
  service: JobService;
  gateway: AuditServiceClient;
  operator: AuditServiceClient;
}

const log = newLogger('test', 'silent');
const codeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => 'OK',
    (error: unknown) => SortieError.from(error).code,
  );

const event = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  eventId: randomUUID(),
  time: new Date('2026-11-27T06:00:00Z'),
  user: 'ana',
  address: '10.0.0.1',
  caller: '',
  action: Action.ACTION_UPLOAD,
  resource: '',
  result: Result.RESULT_DONE,
  detail: '',
  recordedBy: 'somebody else',
  ...over,
});
const list = (client: AuditServiceClient, over: Partial<ListEventsRequest> = {}): Promise<{ events: AuditEvent[]; nextPageToken: string }> =>
  call(client.listEvents.bind(client), { pageSize: 0, pageToken: '', user: '', action: 0, resource: '', after: undefined, before: undefined, ...over }); // prettier-ignore

for (const kind of ['embedded', 'PostgreSQL'] as const) {
  const it = suite<Context>(`audit log on ${kind}`);
  const record = ({ gateway }: Context, ...events: AuditEvent[]): Promise<unknown> =>
    call(gateway.recordEvents.bind(gateway), { events });

  it.before(async (context) => {
    context.directory = await mkdtemp(join(tmpdir(), 'sortie-audit-'));
    context.nats = await startNats();
    context.postgres = kind === 'PostgreSQL' ? await startPostgres() : null;
    context.database = context.postgres?.url ?? join(context.directory, 'book');
    await migrateDatabase(context.database, log);
    const settings = { listen: '127.0.0.1:0', database: context.database, natsUrl: context.nats.url, identity: identity('job') }; // prettier-ignore
    context.service = await startJobService(settings, log);
    const address = `127.0.0.1:${context.service.port}`;
    context.gateway = connect(AuditServiceClient, address, identity('gateway'));
    context.operator = connect(AuditServiceClient, address, identity('operator'));
  });
  it.after(async (context) => {
    context.gateway.close();
    context.operator.close();
    await context.service.stop();
    await context.postgres?.stop();
    await context.nats.stop();
    await rm(context.directory, { recursive: true });
  });

  it('what comes again is there once, newest first, by page and filter', async (context) => {
    const user = `u${randomUUID()}`;
    const minute = (n: number): Date => new Date(Date.UTC(2026, 10, 27, 6, n));
    const events = Array.from(
      { length: 5 },
      (_, n) =>
      event({ user, time: minute(n), resource: `s/${n}`, action: n % 2 === 0 ? Action.ACTION_READ : Action.ACTION_SHARE }), // prettier-ignore
    );
    await record(context, ...events);
    await record(context, event({ ...events[0], detail: 'changed' }));
    const resources = async (over: Partial<ListEventsRequest>): Promise<string[]> =>
      (await list(context.operator, { user, ...over })).events.map(({ resource }) => resource);
    assert.equal(await resources({}), ['s/4', 's/3', 's/2', 's/1', 's/0']);
    assert.equal(await resources({ action: Action.ACTION_SHARE }), ['s/3', 's/1']);
    assert.equal(await resources({ resource: 's/2' }), ['s/2']);
    assert.equal(await resources({ after: minute(1), before: minute(3) }), ['s/2', 's/1']);
    const first = (await list(context.operator, { user, resource: 's/0' })).events[0];
    assert.equal(first, { ...events[0], recordedBy: 'gateway' }, 'as it was recorded first, by whom it was');
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await list(context.operator, { user, pageSize: 2, pageToken });
      seen.push(...page.events.map(({ resource }) => resource));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    assert.equal(seen, ['s/4', 's/3', 's/2', 's/1', 's/0']);
    const { nextPageToken } = await list(context.operator, { user, pageSize: 2 });
    assert.is(await codeOf(list(context.operator, { pageToken: nextPageToken })), 'INVALID_ARGUMENT');
  });

  it('what no event can be is refused with all that came with it', async (context) => {
    const user = `u${randomUUID()}`;
    for (const wrong of [{ eventId: 'x' }, { time: undefined }, { action: 0 }, { result: 0 }, { detail: 'd'.repeat(600) }])
      assert.is(await codeOf(record(context, event({ user }), event({ user, ...wrong }))), 'INVALID_ARGUMENT'); // prettier-ignore
    assert.equal((await list(context.operator, { user })).events, []);
  });

  it('nobody changes or removes what is there', async (context) => {
    const user = `u${randomUUID()}`;
    await record(context, event({ user }));
    // The embedded database is one process's only.
    if (kind === 'embedded') await context.service.stop();
    const database = await openDatabase(context.database);
    for (const statement of [
      "UPDATE audit_events SET username = ''",
      "UPDATE audit_events SET username = '' WHERE false",
      'DELETE FROM audit_events',
      'TRUNCATE audit_events',
      "SET session_replication_role = 'replica'; DELETE FROM audit_events",
    ]) {
      const parts = statement.split('; ');
      const message = await database
        .transaction(async (transaction) => {
          for (const part of parts) await transaction.query(part);
        })
        .then(
          () => 'done',
          (error: unknown) => (error as Error).message,
        );
      assert.match(message, 'audit_events is appended to only', statement);
    }
    const [row] = await database.query('SELECT count(*) AS n FROM audit_events WHERE username = $1', [user]);
    assert.is(row?.['n'], 1);
    await database.close();
    if (kind === 'embedded') {
      const settings = { listen: `127.0.0.1:${context.service.port}`, database: context.database, natsUrl: context.nats.url, identity: identity('job') }; // prettier-ignore
      context.service = await startJobService(settings, log);
    }
  });

  it('programs record and administrators read, and nobody else', async (context) => {
    const { gateway, service } = context;
    const listAs = (username: string, administrator: boolean): Promise<string> =>
      codeOf(call(gateway.listEvents.bind(gateway), { pageSize: 0, pageToken: '', user: '', action: 0, resource: '', after: undefined, before: undefined }, { speaking: identity('gateway').speakFor({ username, administrator }) })); // prettier-ignore
    assert.is(await listAs('root', true), 'OK');
    assert.is(await listAs('ana', false), 'PERMISSION_DENIED');
    assert.is(await codeOf(list(gateway)), 'PERMISSION_DENIED', 'a visitor');
    for (const own of [clientIdentity('ana'), identity('worker')]) {
      const client = connect(AuditServiceClient, `127.0.0.1:${service.port}`, own);
      assert.is(await codeOf(list(client)), 'PERMISSION_DENIED');
      assert.is(await codeOf(call(client.recordEvents.bind(client), { events: [event()] })), 'PERMISSION_DENIED');
      client.close();
    }
  });

  it('the Job service records what its own callers are refused', async ({ operator, service }) => {
    const user = `u${randomUUID().slice(0, 8)}`;
    const client = connect(JobServiceClient, `127.0.0.1:${service.port}`, clientIdentity(user));
    assert.is(await codeOf(call(client.acquireLock.bind(client), { name: 'x', holder: 'x', duration: undefined })), 'PERMISSION_DENIED'); // prettier-ignore
    client.close();
    for (;;) {
      const [found] = (await list(operator, { user })).events;
      if (found) {
        const { caller, resource, result, recordedBy, address } = found;
        assert.equal([caller, resource, result, recordedBy, address], [`client/${user}`, '/sortie.job.v1.JobService/AcquireLock', Result.RESULT_REFUSED, 'job', '127.0.0.1']); // prettier-ignore
        return;
      }
    }
  });

  it.run();
}
