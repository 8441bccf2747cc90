// Two versions of the Job service on one job store, as during a rollout: that of today, and the last one that kept leases in the
// jobs' own rows. Built from the repository's history, so there is nothing to test in a copy without it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Engine,
  JobServiceClient,
  JobType,
  Outcome,
  Priority,
  State,
  Step,
  StepState,
  type Job,
  type Lease,
} from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import type { Announcement } from '@sortie/common/process';
import { clientOfAll, identity } from '@sortie/common/testing/identities';
import { startNats, type TestNats } from '@sortie/common/testing/nats';
import { startPostgres, type TestPostgres } from '@sortie/common/testing/postgres';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultPolicy } from './job.js';
import { migrateDatabase, startJobService, type JobService } from './service.js';

const before = 'f6497512df0eb6e4fab6ca7b5f7eeb1ebe31dbbc';
const root = fileURLToPath(new URL('../../..', import.meta.url));

function isThere(): boolean {
  try {
    execFileSync('git', ['-C', root, 'cat-file', '-e', `${before}^{commit}`], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

interface Context {
  directory: string;
  nats: TestNats;
  postgres: TestPostgres;
  old: ChildProcess;
  service: JobService;
  /** Clients of the version before and of today's. */
  clients: [JobServiceClient, JobServiceClient];
}

/** Checks the sources out and compiles them, beside the packages of today. */
async function build(directory: string): Promise<string> {
  const archive = execFileSync('git', ['-C', root, 'archive', before, 'services/common', 'services/job', 'tsconfig.base.json'], { maxBuffer: 1 << 28 }); // prettier-ignore
  execFileSync('tar', ['-x', '-C', directory], { input: archive });
  const modules = join(directory, 'node_modules');
  await mkdir(join(modules, '@sortie'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules')))
    if (name !== '@sortie') await symlink(join(root, 'node_modules', name), join(modules, name));
  await symlink(join(directory, 'services/common'), join(modules, '@sortie/common'));
  await symlink(join(root, 'package.json'), join(directory, 'package.json'));
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--build', join(directory, 'services/job')], { stdio: 'pipe' }); // prettier-ignore
  return join(directory, 'services/job/dist/main.js');
}

const it = suite<Context>('two versions on one job store');

it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-before-'));
  const program = await build(context.directory);
  [context.nats, context.postgres] = await Promise.all([startNats(), startPostgres()]);
  const environment = {
    ...process.env,
    SORTIE_DATABASE: context.postgres.url,
    SORTIE_NATS_URL: context.nats.url,
    SORTIE_JOB_LISTEN: '127.0.0.1:0',
  };
  context.old = spawn(process.execPath, [program], { env: environment, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const { port } = await new Promise<Announcement>((resolve, reject) => {
    context.old.once('message', (message) => resolve(message as Announcement));
    context.old.once('exit', (code) => reject(new Error(`the version before ended with ${String(code)}`)));
  });
  // The rollout: the schema first, while the version before serves.
  await migrateDatabase(context.postgres.url, newLogger('test', 'silent'));
  context.service = await startJobService(
    { listen: '127.0.0.1:0', database: context.postgres.url, natsUrl: context.nats.url, identity: identity('job') },
    newLogger('test', 'silent'),
  );
  context.clients = [port, context.service.port].map((at) => clientOfAll(JobServiceClient, `127.0.0.1:${at}`)) as [
    JobServiceClient,
    JobServiceClient,
  ];
});
it.after(async ({ directory, nats, postgres, old, service, clients }) => {
  for (const client of clients) client.close();
  old.kill('SIGKILL');
  await service.stop();
  await Promise.all([nats.stop(), postgres.stop()]);
  await rm(directory, { recursive: true, force: true });
});

async function create(client: JobServiceClient, requestId = ''): Promise<Job> {
  const inputs = { serviceItemId: 'a'.repeat(32), requestedResolutions: ['sd'], fileIds: [`i${'0'.repeat(8)}-0000-0000-0000-000000000000`], serviceUrl: '', serviceName: 'S', layerId: 0, layerName: 'L' }; // prettier-ignore
  const { job } = await call(client.createJob.bind(client), { requestId, type: JobType.JOB_TYPE_PUBLISH, owner: 'ana', inputs, priority: Priority.PRIORITY_UNSPECIFIED, validateOnly: false }); // prettier-ignore
  assert.ok(job);
  return job;
}
const start = async (client: JobServiceClient, jobId: string): Promise<Lease> => {
  const { lease } = await call(client.startAttempt.bind(client), { jobId, worker: 'w', requestId: '', inTurn: false });
  assert.ok(lease);
  return lease;
};
const report = (client: JobServiceClient, lease: Lease, step: Step): Promise<unknown> =>
  call(client.reportStep.bind(client), { lease, step, state: StepState.STEP_STATE_RUNNING, engine: Engine.ENGINE_UNSPECIFIED, detail: '', warnings: [] }); // prettier-ignore
const get = async (client: JobServiceClient, jobId: string): Promise<Job> => {
  const { job } = await call(client.getJob.bind(client), { jobId });
  assert.ok(job);
  return job;
};
const progress = {
  step: Step.STEP_TRANSCODE,
  fraction: 0.5,
  frames: 1,
  fps: 1,
  mediaTime: undefined,
  remaining: undefined,
};

it('an attempt goes on while its calls come to one and the other, and neither takes its lease', async ({ clients }) => {
  const [older, newer] = clients;
  const jobs = await Promise.all([create(older), create(newer), create(older), create(newer)]);
  const leases = await Promise.all(jobs.map(({ jobId }, index) => start(clients[index < 2 ? 0 : 1] ?? older, jobId)));
  const end = Date.now() + 1.5 * defaultPolicy.leaseMs;
  for (let round = 0; Date.now() < end; round++) {
    for (const [index, lease] of leases.entries()) {
      // The workers of the version before renew by Heartbeat, through whichever service answers; today's by RenewLeases.
      const old = clients[round % 2] ?? older;
      if (index % 2 === 0) await call(old.heartbeat.bind(old), { lease, progress });
      else
        await call(newer.renewLeases.bind(newer), { worker: 'w', renewals: [{ lease, progress, reservedBytes: 0 }] });
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  for (const [index, lease] of leases.entries()) {
    await report(clients[index % 2] ?? older, lease, Step.STEP_TRANSCODE);
    const finisher = clients[(index + 1) % 2] ?? newer;
    const { job } = await call(finisher.finishAttempt.bind(finisher), { lease, outcome: Outcome.OUTCOME_SUCCEEDED, error: undefined }); // prettier-ignore
    assert.is(job?.state, State.STATE_SUCCEEDED);
    assert.is(job?.attempts.length, 1);
    for (const client of clients) assert.is((await get(client, lease.jobId)).state, State.STATE_SUCCEEDED);
  }
});

it('a silent worker is taken for lost, whichever service began its attempt', async ({ clients }) => {
  const [older, newer] = clients;
  const leases = [await start(older, (await create(older)).jobId), await start(newer, (await create(newer)).jobId)];
  for (const { jobId } of leases) {
    for (let round = 0; round < 400 && (await get(newer, jobId)).state === State.STATE_RUNNING; round++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const job = await get(newer, jobId);
    assert.is(job.attempts[0]?.error?.code, 'WORKER_LOST');
    await start(newer, jobId).catch(() => undefined);
  }
});

it('a request that came to the version before is known to this one', async ({ clients }) => {
  const [older, newer] = clients;
  const requestId = randomUUID();
  const first = await create(older, requestId);
  assert.is((await create(newer, requestId)).jobId, first.jobId);
});

if (isThere()) it.run();
else process.stdout.write('SKIPPED: the version before is not in the history of this copy\n');
