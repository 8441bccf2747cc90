// What is swept from the storage, and what never is: with a real directory, and a Job service that answers over a real socket.
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { Layer } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { Job, JobServiceClient, JobServiceService, type JobServiceServer } from '@sortie/common/gen/sortie/job/v1/job';
import { newServer, startServer, unary, type RunningServer } from '@sortie/common/grpc';
import { newFileId, newJobId } from '@sortie/common/ids';
import { newLogger } from '@sortie/common/log';
import { openStorage, type Storage } from '@sortie/common/storage';
import { clientOfAll, identity } from '@sortie/common/testing/identities';
import { newVitals } from '@sortie/common/vitals';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Catalogue, outputName } from './catalogue.js';
import { Sweep } from './sweeper.js';
import { sweepWorkDirectory } from './worker/work-directory.js';

interface Context {
  root: string;
  storage: Storage;
  server: RunningServer;
  jobs: JobServiceClient;
  known: Map<string, Job>;
  holder: string;
}

const log = newLogger('test', 'silent');
const it = suite<Context>('sweeper');
const day = 24 * 3_600_000;

it.before.each(async (context) => {
  context.root = await mkdtemp(join(tmpdir(), 'sortie-sweep-'));
  context.storage = await openStorage(context.root);
  context.known = new Map();
  context.holder = '';
  const vitals = newVitals();
  const server = newServer(vitals, identity('job'), log);
  server.addService(JobServiceService, {
    getJob: unary(log, ({ jobId }) => {
      const job = context.known.get(jobId);
      return job ? Promise.resolve({ job }) : Promise.reject(new SortieError('NOT_FOUND', 'no such job'));
    }),
    acquireLock: unary(log, ({ holder, duration }) => {
      const acquired = context.holder === '' || context.holder === holder;
      if (acquired) context.holder = duration?.seconds === 0 ? '' : holder;
      return Promise.resolve({ acquired });
    }),
  } as Partial<JobServiceServer> as JobServiceServer);
  context.server = await startServer(server, 'sortie.job.v1.JobService', '127.0.0.1:0', vitals, identity('job'));
  context.jobs = clientOfAll(JobServiceClient, `127.0.0.1:${context.server.port}`);
});
it.after.each(async ({ root, server, jobs }) => {
  jobs.close();
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

/** Writes a file and makes it, and the folders that lead to it, so old. */
async function place({ root }: Context, path: string, ageMs: number): Promise<void> {
  const full = join(root, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, 'x');
  const time = (Date.now() - ageMs) / 1000;
  for (let at = full; at.startsWith(root) && at !== root; at = dirname(at)) await utimes(at, time, time);
}

const job = (jobId: string, state: string, attempts: number, committedAttempt = 0): Job =>
  Job.fromJSON({ jobId, state, committedAttempt, attempts: Array.from({ length: attempts }, (_, index) => ({ number: index + 1 })) }); // prettier-ignore

const sweep = ({ storage, jobs }: Context, holder = 'me', now = Date.now): Promise<boolean> =>
  new Sweep({ storage, jobs, log }, holder, undefined, now).run();

const exists = async ({ root }: Context, path: string): Promise<boolean> =>
  (await readdir(join(root, dirname(path))).catch((): string[] => [])).includes(path.split('/').at(-1) ?? '');

it('uploads that broke off go after a day; those under way and finished ones stay', async (context) => {
  const [whole, broken, unrecorded, young, empty] = Array.from({ length: 5 }, newFileId);
  await place(context, `uploads/${whole}/source.ts`, 9 * day);
  await place(context, `uploads/${whole}/file.json`, 9 * day);
  await place(context, `uploads/${broken}/.0f0f`, 2 * day);
  await place(context, `uploads/${unrecorded}/source.ts`, 2 * day);
  await place(context, `uploads/${young}/.0f0f`, day / 2);
  await place(context, `uploads/${empty}/x`, 2 * day);
  await rm(join(context.root, `uploads/${empty}/x`));
  await utimes(join(context.root, `uploads/${empty}`), 1, 1);
  assert.ok(await sweep(context));
  assert.ok(await exists(context, `uploads/${whole}/source.ts`));
  assert.ok(await exists(context, `uploads/${young}/.0f0f`));
  for (const path of [`uploads/${broken}/.0f0f`, `uploads/${unrecorded}/source.ts`, `uploads/${empty}`])
    assert.not(await exists(context, path), path);
  // Their folders are empty now, and old in a day.
  await sweep(context, 'me', () => Date.now() + 2 * day);
  assert.not(await exists(context, `uploads/${broken}`));
});

it('outputs of attempts that were given up go; what is committed, running or unknown stays', async (context) => {
  const [running, failed, waiting, done, unknown] = Array.from({ length: 5 }, newJobId) as [string, string, string, string, string]; // prettier-ignore
  context.known.set(running, job(running, 'STATE_RUNNING', 2));
  context.known.set(failed, job(failed, 'STATE_FAILED', 1));
  context.known.set(waiting, job(waiting, 'STATE_QUEUED', 1));
  context.known.set(done, job(done, 'STATE_SUCCEEDED', 2, 2));
  const output = (layer: number, jobId: string, attempt: number): string =>
    `layers/s/${layer}/${outputName(jobId, attempt)}`;
  const kept = [output(0, running, 2), output(3, done, 2), output(4, unknown, 1)];
  const gone = [output(0, running, 1), output(1, failed, 1), output(2, waiting, 1), output(3, done, 1)];
  for (const path of [...kept, ...gone]) await place(context, `${path}/video/sd/00001.m4s`, 1_000);
  await place(context, 'layers/s/5/manifest.json', 9 * day); // of a version that knew no outputs
  await place(context, 'layers/s/5/video/sd/00001.m4s', 9 * day);
  assert.ok(await sweep(context));
  for (const path of kept) assert.ok(await exists(context, path), path);
  for (const path of gone) assert.not(await exists(context, path), path);
  assert.ok(await exists(context, 'layers/s/5/video/sd/00001.m4s'));
});

it('what a layer shows is never swept, whatever the job store says', async (context) => {
  const jobId = newJobId();
  context.known.set(jobId, job(jobId, 'STATE_FAILED', 3, 0));
  const catalogue = new Catalogue(context.storage);
  const output = outputName(jobId, 1);
  const layer = { ...Layer.fromJSON({}), serviceName: 'S', jobId };
  await catalogue.complete('S', 0, output, { version: 1, layer, files: [] });
  await catalogue.publish('S', 0, output);
  await sweep(context, 'me', () => Date.now() + 9 * day);
  assert.ok(await exists(context, `layers/s/0/${output}/manifest.json`));
});

it('one sweeps at a time', async (context) => {
  context.holder = 'b';
  assert.not(await sweep(context, 'a'));
  assert.ok(await sweep(context, 'b'));
  assert.ok(await sweep(context, 'a'), 'it is free when a sweep has ended');
});

it('a worker sweeps directories of attempts that do not run, and nothing else', async (context) => {
  const [running, lost] = [newJobId(), newJobId()];
  context.known.set(running, job(running, 'STATE_RUNNING', 2));
  context.known.set(lost, job(lost, 'STATE_QUEUED', 1));
  const names = [outputName(running, 1), outputName(running, 2), outputName(lost, 1), 'lost+found'];
  for (const name of names) await place(context, `work/${name}/a`, day);
  await place(context, `work/${outputName(lost, 2)}/a`, 1_000);
  await sweepWorkDirectory(join(context.root, 'work'), context.jobs, log);
  const left = (await readdir(join(context.root, 'work'))).sort();
  assert.equal(left, [outputName(running, 2), 'lost+found', outputName(lost, 2)].sort());
});

it.run();
