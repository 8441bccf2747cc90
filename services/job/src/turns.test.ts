// Whose job is next, and how many one user may have: over real gRPC, on both databases.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import {
  JobServiceClient,
  JobType,
  Outcome,
  Priority,
  type CreateJobRequest,
  type Job,
} from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { Nats, nextWork } from '@sortie/common/nats';
import { clientOfAll, identity } from '@sortie/common/testing/identities';
import { startNats, type TestNats } from '@sortie/common/testing/nats';
import { startPostgres, type TestPostgres } from '@sortie/common/testing/postgres';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from './limits.js';
import { migrateDatabase, startJobService, type JobService } from './service.js';

interface Context {
  nats: TestNats;
  postgres: TestPostgres | null;
  directory: string;
  service: JobService;
  client: JobServiceClient;
}

const log = newLogger('test', 'silent');

const request = (owner: string, over: Partial<CreateJobRequest> = {}): CreateJobRequest => ({
  requestId: '',
  type: JobType.JOB_TYPE_PUBLISH,
  owner,
  inputs: {
    serviceItemId: '',
    requestedResolutions: ['sd'],
    fileIds: [`i${randomUUID()}`],
    serviceUrl: '',
    serviceName: 'S',
    layerId: 0,
    layerName: 'L',
  },
  priority: Priority.PRIORITY_UNSPECIFIED,
  validateOnly: false,
  ...over,
});

async function refusal(act: Promise<unknown>): Promise<SortieError> {
  try {
    await act;
  } catch (error) {
    return SortieError.from(error);
  }
  throw new Error('it should have been refused');
}

for (const kind of ['embedded', 'PostgreSQL'] as const) {
  const it = suite<Context>(`turns on ${kind}`);

  const create = async ({ client }: Context, owner: string, over: Partial<CreateJobRequest> = {}): Promise<Job> => {
    const { job } = await call(client.createJob.bind(client), request(owner, over));
    assert.ok(job);
    return job;
  };
  const take = async ({ client }: Context, requestId: string = randomUUID()): Promise<Job> => {
    const { job } = await call(client.startAttempt.bind(client), { jobId: '', worker: 'w', requestId, inTurn: true });
    assert.ok(job);
    return job;
  };
  const finish = async ({ client }: Context, { jobId, attempts }: Job): Promise<void> => {
    const lease = { jobId, attempt: attempts.length };
    await call(client.finishAttempt.bind(client), { lease, outcome: Outcome.OUTCOME_SUCCEEDED, error: undefined });
  };
  /** Takes and ends all that waits, one after the other; gives the owners in the order in which they were served. */
  const drain = async (context: Context): Promise<string[]> => {
    const owners: string[] = [];
    for (;;) {
      const job = await take(context).catch((error: unknown) => {
        assert.is(SortieError.from(error).code, 'JOB_NOT_QUEUED');
        return null;
      });
      if (!job) return owners;
      owners.push(job.owner);
      await finish(context, job);
    }
  };

  it.before(async (context) => {
    context.nats = await startNats();
    context.directory = await mkdtemp(join(tmpdir(), 'sortie-turns-'));
    context.postgres = kind === 'PostgreSQL' ? await startPostgres() : null;
    const database = context.postgres?.url ?? join(context.directory, 'jobs');
    if (context.postgres) await migrateDatabase(database, log);
    context.service = await startJobService(
      {
        listen: '127.0.0.1:0',
        database,
        natsUrl: context.nats.url,
        identity: identity('job'),
        limits: { queuedJobs: 8, runningJobs: 3 },
      },
      log,
    );
    context.client = clientOfAll(JobServiceClient, `127.0.0.1:${context.service.port}`);
  });
  it.after(async ({ client, service, postgres, nats, directory }) => {
    client.close();
    await service.stop();
    await postgres?.stop();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('with one worker, owners alternate, however many jobs one of them had there before', async (context) => {
    for (let index = 0; index < 6; index++) await create(context, 'ana');
    // Nobody else is there: all turns are hers.
    const first = await take(context);
    await finish(context, first);
    await create(context, 'ben');
    await create(context, 'ben');
    await create(context, 'cem');
    const owners = await drain(context);
    assert.equal(owners.slice(0, 3).toSorted(), ['ana', 'ben', 'cem']);
    assert.equal(owners, ['ben', 'cem', 'ana', 'ben', 'ana', 'ana', 'ana', 'ana']);
  });

  it('with several workers, who has fewer jobs running comes first', async (context) => {
    for (let index = 0; index < 4; index++) await create(context, 'ana');
    const running = [await take(context), await take(context)];
    await create(context, 'ben');
    await create(context, 'ben');
    const next = [await take(context), await take(context)];
    assert.equal(next.map(({ owner }) => owner), ['ben', 'ben']); // prettier-ignore
    for (const job of [...running, ...next]) await finish(context, job);
    await drain(context);
  });

  it('a priority goes before all turns, and among an owner’s own jobs', async (context) => {
    const { PRIORITY_LOW: low, PRIORITY_NORMAL: normal, PRIORITY_HIGH: high } = Priority;
    const jobs = new Map<string, string>();
    const add = async (name: string, owner: string, priority: Priority): Promise<void> => {
      jobs.set((await create(context, owner, { priority })).jobId, name);
    };
    await add('ana low', 'ana', low);
    await add('ana normal', 'ana', normal);
    await add('ben low', 'ben', low);
    await add('ana high', 'ana', high);
    await add('ana high 2', 'ana', high);
    const order: (string | undefined)[] = [];
    for (let index = 0; index < 5; index++) {
      const job = await take(context);
      order.push(jobs.get(job.jobId));
      await finish(context, job);
    }
    assert.equal(order.slice(0, 3), ['ana high', 'ana high 2', 'ana normal']);
    assert.equal(order.slice(3), ['ben low', 'ana low']);
  });

  it('a user’s running jobs have a limit, also when many workers ask at once', async (context) => {
    const { client } = context;
    for (let index = 0; index < 6; index++) await create(context, 'ana');
    await create(context, 'ben');
    const asked = await Promise.allSettled(Array.from({ length: 10 }, () => take(context)));
    const taken = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    assert.equal(taken.map(({ owner }) => owner).toSorted(), ['ana', 'ana', 'ana', 'ben']);
    assert.is(new Set(taken.map(({ jobId }) => jobId)).size, 4, 'each job has one worker');
    const named = await call(client.listJobs.bind(client), { pageSize: 0, pageToken: '', states: [1], owner: 'ana', serviceName: '', createdAfter: undefined, createdBefore: undefined }); // prettier-ignore
    const order = { jobId: named.jobs[0]?.jobId ?? '', worker: 'w', requestId: '', inTurn: false };
    assert.is((await refusal(call(client.startAttempt.bind(client), order))).code, 'JOB_NOT_QUEUED', 'by its name');
    const [one] = taken;
    assert.ok(one);
    await finish(context, one);
    if (one.owner === 'ana') assert.is((await take(context)).owner, 'ana', 'one has ended');
    for (const job of taken.slice(1)) await finish(context, job);
  });

  it('a try to take a job whose answer was lost gets the same attempt again', async (context) => {
    await create(context, 'zoe');
    await create(context, 'zoe');
    const requestId = randomUUID();
    const first = await take(context, requestId);
    const again = await take(context, requestId);
    assert.is(again.jobId, first.jobId);
    assert.is(again.attempts.length, 1);
    assert.is.not((await take(context)).jobId, first.jobId);
  });

  it('jobs that wait have a limit, which says when to come again, and a repeated request is none more', async (context) => {
    const { client } = context;
    const requestId = randomUUID();
    const same = request('una', { requestId });
    const { job } = await call(client.createJob.bind(client), same);
    for (let index = 1; index < 8; index++) await create(context, 'una');
    for (const over of [{}, { validateOnly: true }]) {
      const error = await refusal(call(client.createJob.bind(client), request('una', over)));
      assert.is(error.code, 'LIMIT_REACHED');
      assert.match(error.message, /8 jobs of una wait in the queue, which is the limit for one user/);
      assert.is(error.retryAfterSeconds, 60);
    }
    assert.is((await call(client.createJob.bind(client), same)).job?.jobId, job?.jobId);
    const asked = await call(client.createJob.bind(client), request('vic', { validateOnly: true }));
    assert.is(asked.job, undefined, 'another user is not held up');
  });

  it('a priority that there is not is refused', async ({ client }) => {
    const error = await refusal(call(client.createJob.bind(client), { ...request('ana'), priority: 7 }));
    assert.is(error.code, 'INVALID_ARGUMENT');
    assert.is(error.violations[0]?.field, 'priority');
  });

  it.run();
}

const many = suite('a user with a thousand jobs');

many('the first job of somebody else is the next one, and the queue in NATS stays short', async () => {
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  await migrateDatabase(postgres.url, log);
  const service = await startJobService(
    { listen: '127.0.0.1:0', database: postgres.url, natsUrl: nats.url, identity: identity('job'), limits: defaultLimits }, // prettier-ignore
    log,
  );
  const client = clientOfAll(JobServiceClient, `127.0.0.1:${service.port}`);
  const worker = new Nats(nats.url, 'test');
  try {
    await worker.wait(30_000);
    for (let made = 0; made < 1_000; made += 50)
      await Promise.all(Array.from({ length: 50 }, () => call(client.createJob.bind(client), request('ana'))));
    const takeByMessage = async (): Promise<Job> => {
      for (;;) {
        const message = await nextWork(worker, 1_000);
        if (!message) continue;
        const order = { jobId: '', worker: 'w', requestId: randomUUID(), inTurn: true };
        const { job } = await call(client.startAttempt.bind(client), order);
        message.ack();
        assert.ok(job);
        return job;
      }
    };
    assert.is((await takeByMessage()).owner, 'ana');
    const { job } = await call(client.createJob.bind(client), request('ben'));
    assert.is((await takeByMessage()).jobId, job?.jobId);
    const { streams } = await worker.connection.jetstreamManager();
    assert.ok((await streams.info('SORTIE_JOBS')).state.messages <= 150);
    // It is filled up as it is used: more than one filling of it is taken.
    for (let taken = 0; taken < 250; taken++) await takeByMessage();
  } finally {
    client.close();
    await worker.close();
    await service.stop();
    await Promise.all([postgres.stop(), nats.stop()]);
  }
});

many.run();
