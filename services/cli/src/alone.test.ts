// Each program with nothing there that it depends on: it lives, says what it lacks, and goes when it is told to. Kubernetes
// must neither kill one because another is away, nor wait for the end of a grace period.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@sortie/common/free-port';
import { startNats } from '@sortie/common/testing/nats';
import { identityDirectory } from '@sortie/common/testing/identities';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scrape } from './testing/scrape.js';

interface Alone {
  child: ChildProcess;
  /** http://127.0.0.1:port */
  vitals: string;
}

const it = suite<{ directory: string }>('alone');

it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-alone-'));
  await writeFile(join(context.directory, 'token.key'), Buffer.alloc(32, 7));
});
it.after(async ({ directory }) => {
  await rm(directory, { recursive: true });
});

const nobody = '127.0.0.1:1';

async function start(program: string, directory: string, over: NodeJS.ProcessEnv = {}): Promise<Alone> {
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../../../${program}`, import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      SORTIE_METRICS_LISTEN: listen,
      SORTIE_GATEWAY_LISTEN: '127.0.0.1:0',
      SORTIE_JOB_LISTEN: '127.0.0.1:0',
      SORTIE_INGEST_LISTEN: '127.0.0.1:0',
      // Of all the identities that a server needs most.
      SORTIE_IDENTITY: identityDirectory('job'),
      SORTIE_JOB_ADDRESS: nobody,
      SORTIE_INGEST_ADDRESS: nobody,
      SORTIE_NATS_URL: `nats://${nobody}`,
      SORTIE_DATABASE: join(directory, 'book'),
      SORTIE_STORAGE: join(directory, 'storage'),
      SORTIE_USERS_FILE: join(directory, 'users.json'),
      SORTIE_TOKEN_KEY_FILE: join(directory, 'token.key'),
      ...over,
    },
    stdio: 'ignore',
  });
  return { child, vitals: `http://${listen}` };
}

const codeOf = async ({ vitals }: Alone, path: string): Promise<number> =>
  (await fetch(`${vitals}/${path}`).catch(() => null))?.status ?? 0;

async function until(what: string, alone: Alone, come: () => Promise<boolean>): Promise<void> {
  for (let round = 0; !(await come()); round++) {
    assert.is(alone.child.exitCode, null, `it has ended, without ${what}`);
    assert.ok(round < 1_200, `it never came to ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const answers = (alone: Alone, path: string, code: number): Promise<void> =>
  until(`${path} ${code}`, alone, async () => (await codeOf(alone, path)) === code);

async function dependencies({ vitals }: Alone): Promise<Record<string, boolean>> {
  const answer = (await (await fetch(`${vitals}/readyz`)).json()) as { dependencies: Record<string, boolean> };
  return answer.dependencies;
}

/** Its exit code; null when a signal ended it that it did not listen to, which the first process of a container never gets. */
async function told({ child }: Alone): Promise<number | null> {
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return gone;
}

const rows: readonly (readonly [program: string, ready: number, has: Record<string, boolean>])[] = [
  ['gateway/dist/main.js', 200, { job: false, ingest: false }],
  ['services/job/dist/main.js', 200, { database: true, nats: false }],
  ['services/ingest/dist/api-main.js', 200, { storage: true, job: false }],
  ['services/ingest/dist/worker-main.js', 503, { storage: true, nats: false, job: false }],
];
for (const [program, ready, has] of rows) {
  it(`${program} starts, says what is away, and goes when it is told to`, async ({ directory }) => {
    const alone = await start(program, directory);
    await answers(alone, 'startupz', 200);
    await answers(alone, 'readyz', ready);
    assert.is(await codeOf(alone, 'livez'), 200);
    assert.equal(await dependencies(alone), has);
    assert.is(await told(alone), 0);
  });
}

it('a Job service that waits for its database lives, has not started, and goes when it is told to', async (context) => {
  const alone = await start('services/job/dist/main.js', context.directory, {
    SORTIE_DATABASE: `postgres://${nobody}/sortie`,
  });
  await answers(alone, 'livez', 200);
  assert.is(await codeOf(alone, 'startupz'), 503);
  assert.is(await codeOf(alone, 'readyz'), 503);
  assert.is(await told(alone), 0);
});

it('a NATS that comes later is found', async ({ directory }) => {
  const port = await freePort();
  const alone = await start('services/job/dist/main.js', directory, { SORTIE_NATS_URL: `nats://127.0.0.1:${port}` });
  await answers(alone, 'readyz', 200);
  assert.equal(await dependencies(alone), { database: true, nats: false });
  const nats = await startNats(port);
  await until('nats', alone, async () => (await dependencies(alone))['nats'] === true);
  // The work queue is made as well.
  const empty = (name: string, labels: Record<string, string>, value: number): boolean =>
    name === 'sortie_queue_messages' && labels['state'] === 'pending' && value === 0;
  await until('a queue', alone, async () =>
    (await scrape(alone.vitals)).some(({ name, labels, value }) => empty(name, labels, value)),
  );
  assert.is(await told(alone), 0);
  await nats.stop();
});

it.run();
