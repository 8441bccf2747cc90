// The Job service as its clients meet it: real gRPC sockets, a real nats-server, and both databases.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Client as GenericClient, status } from '@grpc/grpc-js';
import { SortieError } from '@sortie/common/errors';
import {
  Engine,
  JobServiceClient,
  JobType,
  Outcome,
  Priority,
  State,
  Step,
  StepState,
  type CreateJobRequest,
  type Job,
  type JobEvent,
  type Lease,
  type ListJobsRequest,
  type WatchJobResponse,
} from '@sortie/common/gen/sortie/job/v1/job';
import { call, connect } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { nextWork, readWork, Nats } from '@sortie/common/nats';
import { clientIdentity, clientOfAll, identity, identityDirectory } from '@sortie/common/testing/identities';
import { startNats, type TestNats } from '@sortie/common/testing/nats';
import { startPostgres, type TestPostgres } from '@sortie/common/testing/postgres';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultPolicy } from './job.js';
import { migrateDatabase, startJobService, type JobService } from './service.js';

interface Context {
  natsServer: TestNats;
  nats: Nats;
  postgres: TestPostgres | null;
  directory: string;
  database: string;
  service: JobService;
  client: JobServiceClient;
}

const log = newLogger('test', process.env['TEST_LOG'] ?? 'silent');
const policy = { ...defaultPolicy, leaseMs: 600, backOffMs: 50 };

const request = (over: Partial<CreateJobRequest> = {}): CreateJobRequest => ({
  requestId: '',
  type: JobType.JOB_TYPE_PUBLISH,
  priority: Priority.PRIORITY_UNSPECIFIED,
  validateOnly: false,
  owner: 'ana',
  inputs: {
    serviceItemId: 'a'.repeat(32),
    requestedResolutions: ['sd'],
    fileIds: [`i${randomUUID()}`],
    serviceUrl: 'http://localhost/S/VideoServer',
    serviceName: 'S',
    layerId: 0,
    layerName: 'L',
  },
  ...over,
});

const list = (over: Partial<ListJobsRequest> = {}): ListJobsRequest => ({
  pageSize: 0,
  pageToken: '',
  states: [],
  owner: '',
  serviceName: '',
  createdAfter: undefined,
  createdBefore: undefined,
  ...over,
});

async function refused(code: string, act: Promise<unknown>): Promise<SortieError> {
  try {
    await act;
  } catch (error) {
    assert.instance(error, SortieError);
    assert.is((error as SortieError).code, code, (error as SortieError).message);
    return error as SortieError;
  }
  throw new Error(`should have been refused with ${code}`);
}

for (const kind of ['embedded', 'PostgreSQL'] as const) {
  const it = suite<Context>(`job service on ${kind}`);

  const start = async (context: Context): Promise<void> => {
    context.service = await startJobService(
      {
        listen: '127.0.0.1:0',
        database: context.database,
        natsUrl: context.natsServer.url,
        identity: identity('job'),
        policy,
      },
      log,
    );
    context.client = clientOfAll(JobServiceClient, `127.0.0.1:${context.service.port}`);
  };
  const create = async ({ client }: Context, over: Partial<CreateJobRequest> = {}): Promise<Job> => {
    const { job } = await call(client.createJob.bind(client), request(over));
    assert.ok(job);
    return job;
  };
  const get = async ({ client }: Context, jobId: string): Promise<Job> => {
    const { job } = await call(client.getJob.bind(client), { jobId });
    assert.ok(job);
    return job;
  };
  const take = async ({ client }: Context, jobId: string, worker = 'w'): Promise<Lease> => {
    const { lease } = await call(client.startAttempt.bind(client), { jobId, worker, requestId: '', inTurn: false });
    assert.ok(lease);
    return lease;
  };
  const begin = ({ client }: Context, lease: Lease, step: Step): Promise<unknown> =>
    call(client.reportStep.bind(client), {
      lease,
      step,
      state: StepState.STEP_STATE_RUNNING,
      engine: Engine.ENGINE_UNSPECIFIED,
      detail: '',
      warnings: [],
    });
  const finish = async ({ client }: Context, lease: Lease, outcome: Outcome): Promise<unknown> =>
    call(client.finishAttempt.bind(client), { lease, outcome, error: undefined });
  const until = async (what: () => Promise<boolean>): Promise<void> => {
    for (let round = 0; round < 400; round++) {
      if (await what()) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.unreachable('it did not come about');
  };

  it.before(async (context) => {
    context.natsServer = await startNats();
    context.nats = new Nats(context.natsServer.url, 'test');
    await context.nats.wait(30_000);
    context.directory = await mkdtemp(join(tmpdir(), 'sortie-book-'));
    context.postgres = kind === 'PostgreSQL' ? await startPostgres() : null;
    context.database = context.postgres?.url ?? join(context.directory, 'book');
    if (context.postgres) await migrateDatabase(context.database, log);
    await start(context);
  });

  it.after(async (context) => {
    context.client.close();
    await context.service.stop();
    await context.nats.close();
    await context.postgres?.stop();
    await context.natsServer.stop();
    await rm(context.directory, { recursive: true, force: true });
  });

  it('the same request id gives the same job', async (context) => {
    const requestId = randomUUID();
    const same = request({ requestId });
    const first = await create(context, same);
    const many = await Promise.all(Array.from({ length: 5 }, () => create(context, same)));
    for (const { jobId } of many) assert.is(jobId, first.jobId);
    assert.is.not((await create(context)).jobId, first.jobId);
  });

  it('a request id belongs to its owner and service, and to one request', async (context) => {
    const requestId = 'flight';
    const mine = request({ requestId, owner: 'ana' });
    const { jobId } = await create(context, mine);
    const { inputs } = mine;
    assert.ok(inputs);
    const theirs = await create(context, { ...mine, owner: 'ben' });
    assert.is.not(theirs.jobId, jobId, 'another owner');
    const elsewhere = await create(context, { ...mine, inputs: { ...inputs, serviceName: 'T' } });
    assert.is.not(elsewhere.jobId, jobId, 'another service');
    const moved = await create(context, { ...mine, inputs: { ...inputs, serviceUrl: 'http://other/S/VideoServer' } });
    assert.is(moved.jobId, jobId, 'the address by which the caller came');
    const { client } = context;
    const other = { ...mine, inputs: { ...inputs, layerName: 'Other' } };
    const error = await refused('ALREADY_EXISTS', call(client.createJob.bind(client), other));
    assert.is(error.violations[0]?.field, 'request_id');
  });

  it('a try to take a job whose answer was lost gets the same attempt again', async (context) => {
    const { jobId } = await create(context);
    const { client } = context;
    const order = { jobId, worker: 'w', requestId: randomUUID(), inTurn: false };
    const first = await call(client.startAttempt.bind(client), order);
    const again = await call(client.startAttempt.bind(client), order);
    assert.equal(again.lease, first.lease);
    assert.is(again.job?.attempts.length, 1);
    await refused('JOB_NOT_QUEUED', call(client.startAttempt.bind(client), { ...order, requestId: randomUUID() }));
  });

  it('one attempt of a job is committed, and no stale one', async (context) => {
    const { jobId } = await create(context);
    const { client } = context;
    const first = await take(context, jobId);
    const commit = async (lease: Lease): Promise<number> =>
      (await call(client.commitAttempt.bind(client), { lease })).committedAttempt;
    assert.is(await commit(first), 1);
    await finish(context, first, Outcome.OUTCOME_HANDED_BACK);
    await refused('LEASE_LOST', commit(first));
    const second = await take(context, jobId);
    assert.is(await commit(second), 1, 'the first one stays');
    await finish(context, second, Outcome.OUTCOME_SUCCEEDED);
    assert.is((await get(context, jobId)).committedAttempt, 1);
  });

  it('the leases of a worker are renewed together; what is lost or cancelled is said of each', async (context) => {
    const { client } = context;
    const held = await take(context, (await create(context)).jobId);
    const cancelled = await take(context, (await create(context)).jobId);
    const lost = { jobId: (await create(context)).jobId, attempt: 1 };
    await call(client.cancelJob.bind(client), { jobId: cancelled.jobId, user: 'ana' });
    const before = (await get(context, held.jobId)).updateTime;
    const renewals = [held, cancelled, lost].map((lease) => ({ lease, progress: undefined, reservedBytes: 7 }));
    const { statuses, reservedBytes } = await call(client.renewLeases.bind(client), { worker: 'w', renewals });
    assert.equal(
      statuses.map((status) => [status.held, status.cancelRequested]),
      [
        [true, false],
        [true, true],
        [false, false],
      ],
    );
    assert.ok(reservedBytes >= 14);
    assert.equal((await get(context, held.jobId)).updateTime, before, 'the job itself is not written');
    await finish(context, held, Outcome.OUTCOME_SUCCEEDED);
    await finish(context, cancelled, Outcome.OUTCOME_CANCELLED);
  });

  it('a lock is held by one until it expires', async ({ client }) => {
    const acquire = async (holder: string, nanos: number): Promise<boolean> =>
      (await call(client.acquireLock.bind(client), { name: 'sweep', holder, duration: { seconds: 0, nanos } }))
        .acquired;
    assert.ok(await acquire('a', 300_000_000));
    assert.not(await acquire('b', 300_000_000));
    assert.ok(await acquire('a', 1_000_000), 'its holder renews it');
    await until(() => acquire('b', 300_000_000));
  });

  it('bad input is refused with its field, whatever it is, and never counts as our mistake', async (context) => {
    const { client } = context;
    const { inputs } = request();
    assert.ok(inputs);
    const creating = (over: Partial<CreateJobRequest>): Promise<unknown> =>
      call(client.createJob.bind(client), request(over));
    const withInputs = (over: Partial<typeof inputs>): Promise<unknown> => creating({ inputs: { ...inputs, ...over } });
    const listing = (over: Partial<ListJobsRequest>): Promise<unknown> =>
      call(client.listJobs.bind(client), list(over));
    const forge = (time: string, id: string): string =>
      Buffer.from(JSON.stringify([time, id, '[[],"","",null,null]'])).toString('base64url');
    const cases: [string, () => Promise<unknown>][] = [
      ['inputs.requested_resolutions', () => withInputs({ requestedResolutions: ['8K'] })],
      ['inputs.requested_resolutions', () => withInputs({ requestedResolutions: ['sd', 'sd'] })],
      ['inputs.service_name', () => withInputs({ serviceName: '../../etc' })],
      ['inputs.layer_id', () => withInputs({ layerId: -5 })],
      ['inputs.layer_name', () => withInputs({ layerName: 'a\u0000b' })],
      ['inputs.layer_name', () => withInputs({ layerName: 'x'.repeat(3_000_000) })],
      ['inputs.service_url', () => withInputs({ serviceUrl: `http://${'x'.repeat(3_000)}` })],
      ['inputs.file_ids', () => withInputs({ fileIds: Array.from({ length: 21 }, () => `i${randomUUID()}`) })],
      ['request_id', () => creating({ requestId: 'x'.repeat(129) })],
      ['owner', () => creating({ owner: 'a\u0007' })],
      ['created_after', () => listing({ createdAfter: new Date(8.6e15) })],
      ['created_before', () => listing({ createdBefore: new Date(-8.6e15) })],
      ['states', () => listing({ states: [State.UNRECOGNIZED] })],
      ['page_token', () => listing({ pageToken: forge('2026-01-01 00:00:00+00', "j'; DROP TABLE jobs") })],
      ['page_token', () => listing({ pageToken: forge('0', `j${randomUUID()}`) })],
      ['page_token', () => listing({ pageToken: '%%%' })],
    ];
    for (const [field, act] of cases) {
      const error = await refused('INVALID_ARGUMENT', act());
      assert.is(error.violations[0]?.field, field);
    }
    // What gets past all checks: the database's word about a value is about the caller's, too.
    await refused('INVALID_ARGUMENT', call(client.acquireLock.bind(client), { name: 'a', holder: 'b', duration: { seconds: 1e9, nanos: 0 } })); // prettier-ignore
  });

  it('a created job is in the work queue, and stays away from a second worker', async (context) => {
    const job = await create(context);
    let found = false;
    await until(async () => {
      const message = await nextWork(context.nats, 1000);
      if (message) {
        found ||= readWork(message) === job.jobId;
        message.ack();
      }
      return found;
    });
    await take(context, job.jobId);
    await refused('JOB_NOT_QUEUED', take(context, job.jobId));
  });

  it('pages go through all jobs once, newest first, and filters hold', async (context) => {
    const owner = `user-${randomUUID()}`;
    const made: string[] = [];
    for (let count = 0; count < 7; count++) made.unshift((await create(context, { owner })).jobId);
    const { client } = context;
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await call(client.listJobs.bind(client), list({ owner, pageSize: 3, pageToken }));
      seen.push(...page.jobs.map((job) => job.jobId));
      pageToken = page.nextPageToken;
      if (pageToken !== '') {
        await refused('INVALID_ARGUMENT', call(client.listJobs.bind(client), list({ pageSize: 3, pageToken })));
      }
    } while (pageToken !== '');
    assert.equal([...seen].sort(), [...made].sort());
    const running = await call(client.listJobs.bind(client), list({ owner, states: [State.STATE_RUNNING] }));
    assert.is(running.jobs.length, 0);
    const future = await call(client.listJobs.bind(client), list({ owner, createdAfter: new Date(Date.now() + 1e6) }));
    assert.is(future.jobs.length, 0);
  });

  it('a watcher sees every event once, from any number on, across a restart of the service', async (context) => {
    const { jobId } = await create(context);
    const watch = (afterEvent: number): Promise<JobEvent[]> =>
      new Promise((resolve) => {
        const seen: JobEvent[] = [];
        const stream = context.client.watchJob({ jobId, afterEvent });
        stream.on('data', ({ update }: WatchJobResponse) => {
          if (update?.$case === 'event') seen.push(update.value);
        });
        stream.on('error', () => resolve(seen));
        stream.on('end', () => resolve(seen));
      });
    const early = watch(0);
    const lease = await take(context, jobId);
    await begin(context, lease, Step.STEP_START);
    await context.service.stop();
    context.client.close();
    const before = await early;
    await start(context);
    const rest = watch(before.at(-1)?.sequence ?? 0);
    // The lease has run out during the restart if that took long; the job is then tried again.
    await until(async () => {
      const job = await get(context, jobId);
      if (job.state === State.STATE_QUEUED) await take(context, jobId).catch(() => undefined);
      if (job.state === State.STATE_RUNNING) {
        await finish(context, { jobId, attempt: job.attempts.length }, Outcome.OUTCOME_SUCCEEDED).catch(
          () => undefined,
        );
      }
      return job.state === State.STATE_SUCCEEDED;
    });
    const numbers = [...before, ...(await rest)].map((event) => event.sequence);
    assert.equal(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    assert.is(numbers.length, (await get(context, jobId)).lastSequence);
  });

  it('heartbeats keep the lease and tell of a cancel; without them the job goes to another', async (context) => {
    const { jobId } = await create(context);
    const { client } = context;
    const lease = await take(context, jobId, 'first');
    for (let beat = 0; beat < 6; beat++) {
      await new Promise((resolve) => setTimeout(resolve, policy.leaseMs / 3));
      const { cancelRequested } = await call(client.heartbeat.bind(client), { lease, progress: undefined });
      assert.not(cancelRequested);
    }
    await until(async () => (await get(context, jobId)).state === State.STATE_QUEUED);
    await refused('LEASE_LOST', call(client.heartbeat.bind(client), { lease, progress: undefined }));
    await refused('LEASE_LOST', begin(context, lease, Step.STEP_START));
    let second: Lease | undefined;
    await until(async () => {
      second ??= await take(context, jobId, 'second').catch(() => undefined);
      return second !== undefined;
    });
    await call(client.cancelJob.bind(client), { jobId, user: 'ana' });
    const answer = await call(client.heartbeat.bind(client), { lease: second, progress: undefined });
    assert.ok(answer.cancelRequested);
  });

  it('progress is seen while a step runs and gone with it', async (context) => {
    const { jobId } = await create(context);
    const { client } = context;
    const lease = await take(context, jobId);
    await begin(context, lease, Step.STEP_TRANSCODE);
    const progress = {
      step: Step.STEP_TRANSCODE,
      fraction: 0.25,
      frames: 9,
      fps: 30.5,
      mediaTime: { seconds: 1, nanos: 0 },
      remaining: undefined,
    };
    await call(client.heartbeat.bind(client), { lease, progress });
    assert.is((await get(context, jobId)).progress?.fraction, 0.25);
    await begin(context, lease, Step.STEP_EXTRACT_KLV);
    assert.is((await get(context, jobId)).progress, undefined);
    await finish(context, lease, Outcome.OUTCOME_SUCCEEDED);
  });

  it('a job survives the loss of the whole queue', async (context) => {
    const { jobId } = await create(context);
    const manager = await context.nats.connection.jetstreamManager();
    await manager.streams.purge('SORTIE_JOBS');
    let found = false;
    await until(async () => {
      const message = await nextWork(context.nats, 1500);
      message?.ack();
      found ||= message !== null && readWork(message) === jobId;
      return found;
    });
  });

  it('jobs are accepted while NATS is away and reach the queue when it is back', async (context) => {
    await context.natsServer.kill();
    const { jobId } = await create(context);
    await context.natsServer.start();
    let found = false;
    await until(async () => {
      const message = await nextWork(context.nats, 1500).catch(() => null);
      message?.ack();
      found ||= message != null && readWork(message) === jobId;
      return found;
    });
  });

  it('a NATS that was set up anew gets its queue back, and what belongs into it', async (context) => {
    const { jobId } = await create(context);
    await context.natsServer.reset();
    let found = false;
    await until(async () => {
      const message = await nextWork(context.nats, 1500).catch(() => null);
      message?.ack();
      found ||= message != null && readWork(message) === jobId;
      return found;
    });
  });

  it('a NATS that has forgotten messages, but not that it delivered them, delivers what comes next', async (context) => {
    const { jobId } = await create(context);
    const seen = new Set<string>();
    const next = async (): Promise<void> => {
      const message = await nextWork(context.nats, 1500).catch(() => null);
      message?.ack();
      if (message) seen.add(readWork(message) ?? '');
    };
    // The consumer is far ahead of a stream that begins at 1 again.
    for (let round = 0; round < 20; round++) await next();
    await context.natsServer.loseMessages();
    seen.clear();
    await until(async () => {
      await next();
      return seen.has(jobId);
    });
  });

  it('a page ends by its bytes, too', async (context) => {
    const owner = `user-${randomUUID()}`;
    const count = 400;
    const fileIds = Array.from({ length: 20 }, () => `i${randomUUID()}`);
    const { inputs } = request();
    assert.ok(inputs);
    const big = { ...inputs, fileIds, serviceUrl: 'u'.repeat(2_000), layerName: 'n'.repeat(200) };
    for (let made = 0; made < count; made += 20)
      await Promise.all(Array.from({ length: 20 }, () => create(context, { owner, inputs: big })));
    const { client } = context;
    const seen = new Set<string>();
    let pages = 0;
    let pageToken = '';
    do {
      const page = await call(client.listJobs.bind(client), list({ owner, pageSize: 1000, pageToken }));
      for (const { jobId } of page.jobs) seen.add(jobId);
      pageToken = page.nextPageToken;
      pages++;
    } while (pageToken !== '');
    assert.is(seen.size, count);
    assert.ok(pages > 1, `${pages} pages`);
    // Many by their ids.
    const absent = [`j${randomUUID()}`, 'no id at all'];
    const asked = [...seen].slice(0, 98);
    const first = await call(client.batchGetJobs.bind(client), { jobIds: [...asked, ...absent] });
    assert.equal([...first.missingIds].sort(), [...absent].sort());
    assert.equal(first.jobs.map(({ jobId }) => jobId).sort(), [...asked].sort());
  });

  it('wrong fields are named', async (context) => {
    const { client } = context;
    const error = await refused('INVALID_ARGUMENT', call(client.createJob.bind(client), request({ owner: '' })));
    assert.is(error.violations[0]?.field, 'owner');
    await refused('NOT_FOUND', call(client.getJob.bind(client), { jobId: `j${randomUUID()}` }));
    await refused('NOT_FOUND', call(client.getJob.bind(client), { jobId: "j'; DROP TABLE jobs" }));
    const many = Array.from({ length: 101 }, () => `j${randomUUID()}`);
    await refused('INVALID_ARGUMENT', call(client.batchGetJobs.bind(client), { jobIds: many }));
  });

  it('health tells the truth about each dependency; without NATS the service stays ready', async (context) => {
    const ask = (service: string): Promise<string> =>
      new Promise((resolve) => {
        const generic = connect(GenericClient, `127.0.0.1:${context.service.port}`, identity('operator'), {});
        // grpc.health.v1.HealthCheckRequest: service (field 1); HealthCheckResponse: status (field 1).
        const name = Buffer.from(service);
        generic.makeUnaryRequest(
          '/grpc.health.v1.Health/Check',
          (value: Buffer) => value,
          (value: Buffer) => value,
          name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]),
          (error, value) => {
            generic.close();
            resolve(error ? (status[error.code] ?? '') : value?.[1] === 1 ? 'SERVING' : 'NOT_SERVING');
          },
        );
      });
    const all = async (): Promise<string[]> =>
      Promise.all(['', 'sortie.job.v1.JobService', 'liveness', 'database', 'nats', 'weather'].map(ask));
    const good = ['SERVING', 'SERVING', 'SERVING', 'SERVING', 'SERVING', 'NOT_FOUND'];
    await until(async () => (await ask('nats')) === 'SERVING');
    assert.equal(await all(), good);
    await context.natsServer.kill();
    await until(async () => (await ask('nats')) === 'NOT_SERVING');
    assert.equal(await all(), good.with(4, 'NOT_SERVING'));
    await context.natsServer.start();
    await until(async () => (await ask('nats')) === 'SERVING');
  });

  it('health and reflection answer', async (context) => {
    const generic = connect(GenericClient, `127.0.0.1:${context.service.port}`, identity('operator'), {});
    const raw = await new Promise<Buffer>((resolve, reject) =>
      generic.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (value: Buffer) => value,
        (value: Buffer) => value,
        Buffer.alloc(0),
        (error, value) => (error ? reject(error) : resolve(value ?? Buffer.alloc(0))),
      ),
    );
    assert.equal([...raw], [8, 1], 'status SERVING');
    generic.close();
    // An independent client that knows nothing but what reflection tells.
    const buf = fileURLToPath(new URL('../../../node_modules/.bin/buf', import.meta.url));
    const key = await readFile(join(identityDirectory('operator'), 'caller.key'), 'utf8');
    const header = `authorization: Sortie ${key}`;
    const curl = (...parameters: string[]): Promise<string> =>
      new Promise((resolve) =>
        execFile(
          buf,
          [
            'curl',
            '--protocol',
            'grpc',
            '--http2-prior-knowledge',
            '--reflect',
            '--reflect-header',
            header,
            '-H',
            header,
            ...parameters,
          ],
          { cwd: context.directory },
          (_, stdout, stderr) => resolve(stdout + stderr),
        ),
      );
    const address = `http://127.0.0.1:${context.service.port}`;
    assert.match(
      await curl('--list-services', address),
      /grpc\.health\.v1\.Health\s+sortie\.audit\.v1\.AuditService\s+sortie\.job\.v1\.JobService/,
    );
    assert.match(await curl(`${address}/grpc.health.v1.Health/Check`), '"status": "SERVING"');
    const { jobId } = await create(context);
    assert.match(
      await curl('-d', `{"job_id":"${jobId}"}`, `${address}/sortie.job.v1.JobService/GetJob`),
      '"state": "STATE_QUEUED"',
    );
    const refused = await curl('-d', '{"job_id":"j"}', `${address}/sortie.job.v1.JobService/GetJob`);
    assert.match(refused, '"code": "not_found"');
  });

  it('a client reads the jobs of its own user only; of others it learns nothing', async ({ client, service }) => {
    const owner = `u${randomUUID().slice(0, 8)}`;
    const mine = (await call(client.createJob.bind(client), request({ owner }))).job?.jobId ?? '';
    const others = (await call(client.createJob.bind(client), request())).job?.jobId ?? '';
    const own = connect(JobServiceClient, `127.0.0.1:${service.port}`, clientIdentity(owner));
    assert.is((await call(own.getJob.bind(own), { jobId: mine })).job?.jobId, mine);
    const hidden = await refused('NOT_FOUND', call(own.getJob.bind(own), { jobId: others }));
    const never = `j${randomUUID()}`;
    const missing = await refused('NOT_FOUND', call(own.getJob.bind(own), { jobId: never }));
    assert.is(hidden.message.replace(others, never), missing.message);
    await refused('NOT_FOUND', call(own.cancelJob.bind(own), { jobId: others, user: '' }));
    const batch = await call(own.batchGetJobs.bind(own), { jobIds: [mine, others] });
    assert.equal([batch.jobs.map(({ jobId }) => jobId), batch.missingIds], [[mine], [others]]);
    assert.equal(
      (await call(own.listJobs.bind(own), list())).jobs.map(({ jobId }) => jobId),
      [mine],
    );
    assert.equal((await call(own.listJobs.bind(own), list({ owner: 'ana' }))).jobs, []);
    const watch = async (jobId: string): Promise<string> => {
      try {
        for await (const _ of own.watchJob({ jobId, afterEvent: 0 }) as AsyncIterable<WatchJobResponse>) return 'seen';
        return 'ended';
      } catch (error) {
        return SortieError.from(error).code;
      }
    };
    assert.equal([await watch(mine), await watch(others)], ['seen', 'NOT_FOUND']);
    assert.is((await call(client.getJob.bind(client), { jobId: others })).job?.owner, 'ana', 'the operator reads all');
    own.close();
  });

  it.run();
}
