// A local Sortie whose parts are killed, and which is killed itself: everything comes up again, and no job is lost.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@sortie/common/database';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adminName, dataDirectory, runningGateway } from './data.js';
import { startLocal } from './local.js';
import { Rest } from './rest.js';
import { publish, startSortie, type TestSortie } from './testing/sortie.js';

const it = suite<{ directory: string; flight: string }>('local Sortie');

it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-local-'));
  context.flight = join(context.directory, 'flight.ts');
  await generateFlight(context.flight, { seconds: 9, width: 640, height: 360, fps: 30 });
});
it.after(async ({ directory }) => {
  await rm(directory, { recursive: true, force: true });
});

async function until(what: string, come: () => Promise<boolean> | boolean): Promise<void> {
  for (let round = 0; !(await come()); round++) {
    assert.ok(round < 1_200, `never came about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const transcodes = (rest: Rest, jobId: string): Promise<void> =>
  until('the transcode begins', async () => {
    const step = (await rest.job(jobId)).customAttributes.sortie?.currentStep;
    return step?.text.startsWith('Transcoding') === true;
  });

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('each part that is killed during a job comes up again, and the job ends well', async ({ flight }) => {
  const restarts: string[] = [];
  const sortie: TestSortie = await startSortie({ SORTIE_PRESET: 'slow' }, (message) => restarts.push(message));
  const { local, rest, data } = sortie;
  const jobId = await publish(sortie, flight, 'Killed');
  const ended = rest.watch(jobId, () => undefined);
  await transcodes(rest, jobId);
  const names = Object.keys(local.pids());
  assert.equal(names.sort(), ['gateway', 'ingest-api', 'job', 'nats', 'worker']);
  for (const name of names) {
    const before = local.pids()[name] ?? 0;
    process.kill(before, 'SIGKILL');
    await until(`${name} is started again`, () => local.pids()[name] !== before);
    await until('all is well', () =>
      fetch(`${local.gateway}/arcgis/rest/info/healthcheck`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  }
  assert.is((await ended).status, 'COMPLETED');
  assert.equal(restarts.map((message) => message.split(' ')[0]).sort(), names);
  assert.is(await runningGateway(data), local.gateway);
  await sortie.stop();
  assert.equal(Object.values(local.pids()).filter(isThere), []);
});

it('a data directory and its database have one owner', async () => {
  const sortie = await startSortie();
  const { data, local } = sortie;
  const refused = async (act: Promise<unknown>): Promise<string> =>
    act.then(
      () => 'it was not refused',
      (error: unknown) => (error as Error).message,
    );
  const second = await refused(startLocal(data, { port: 0, environment: process.env }));
  assert.match(second, `process ${process.pid}`);
  assert.match(second, local.gateway);
  assert.match(await refused(openDatabase(data.book)), `process ${local.pids()['job']}`);
  // Neither try has done any harm.
  assert.ok(await sortie.rest.signIn(adminName, await readFile(data.adminPassword, 'utf8'), 5));
  await sortie.stop();
});

/** `sortie up` as a process of its own. */
async function startHead(directory: string, ...files: string[]): Promise<{ head: ChildProcess; gateway: string }> {
  const path = fileURLToPath(new URL('../bin/sortie.js', import.meta.url));
  const head = spawn(process.execPath, [path, 'up', ...files, '--resolutions', 'sd', '--data', directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SORTIE_PRESET: 'slow' },
  });
  let gateway = '';
  await until('it is up', async () => {
    gateway = await runningGateway(dataDirectory(directory)).catch(() => '');
    return gateway !== '';
  });
  return { head, gateway };
}

it('after a kill of the head nothing is left over, and the job goes on at the next start', async (context) => {
  const directory = join(context.directory, 'data');
  const data = dataDirectory(directory);
  const { head, gateway } = await startHead(directory, context.flight);
  const rest = new Rest(gateway);
  await rest.signIn(adminName, await readFile(data.adminPassword, 'utf8'), 60);
  let jobId = '';
  await until('there is a job', async () => {
    const reply = await fetch(`${gateway}/arcgis/rest/jobs?f=json&token=${rest.currentToken}`);
    const { jobs } = (await reply.json()) as { jobs: { jobId: string }[] };
    jobId = jobs[0]?.jobId ?? '';
    return jobId !== '';
  });
  await transcodes(rest, jobId);
  head.kill('SIGKILL');
  // At once: it waits for those that are still going.
  const local = await startLocal(data, { port: Number(new URL(gateway).port), environment: process.env });
  const again = new Rest(local.gateway);
  await again.signIn(adminName, await readFile(data.adminPassword, 'utf8'), 60);
  const job = await again.watch(jobId, () => undefined);
  assert.is(job.status, 'COMPLETED');
  // Handed back by the worker when its head was gone, not given up after a lease.
  assert.not.match(await again.jobText(jobId, false), 'was lost');
  await local.stop();
});

it.run();
