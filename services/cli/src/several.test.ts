// Two gateways, two Job services, two Ingest APIs and three workers on one PostgreSQL and one NATS: they share the work, go
// and come back one by one while requests and jobs come in, and nobody is turned away.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GatewayError, Rest, type JobView } from './rest.js';
import { startFleet, type Fleet, type Kind, type Member } from './testing/fleet.js';
import { scrape } from './testing/scrape.js';

interface Context {
  fleet: Fleet;
  clients: Rest[];
  short: string;
  long: string;
}

const it = suite<Context>('several of each');

it.before(async (context) => {
  const fleet = await startFleet(
    { gateway: 2, job: 2, 'ingest-api': 2, worker: 3 },
    {
      SORTIE_THREADS: '1',
      // A worker that is told to go hands back at once.
      SORTIE_DRAIN_SECONDS: '0',
    },
  );
  context.fleet = fleet;
  context.short = join(fleet.directory, 'short.ts');
  context.long = join(fleet.directory, 'long.ts');
  await generateFlight(context.short, { seconds: 2, width: 320, height: 180, fps: 30 });
  await generateFlight(context.long, { seconds: 8, width: 640, height: 360, fps: 30 });
  context.clients = fleet.gateways.map((gateway) => new Rest(gateway));
  // One token for all: the gateways share the key.
  const token = await context.clients[0]?.signIn(fleet.admin.username, fleet.admin.password, 60);
  for (const client of context.clients) client.use(token ?? '');
});
it.after(async ({ fleet }) => {
  await fleet.stop();
});

const tries = 4;

/** Asks one gateway after the other, as a client behind a load balancer does, until one answers. */
async function somewhere<T>(clients: readonly Rest[], first: number, ask: (client: Rest) => Promise<T>): Promise<T> {
  for (let round = 0; ; round++) {
    const client = clients[(first + round) % clients.length];
    assert.ok(client);
    try {
      return await ask(client);
    } catch (error) {
      // An error document is an answer, and none that a client expects here.
      if (error instanceof GatewayError || round + 1 >= tries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** round));
    }
  }
}

async function publishTo(clients: readonly Rest[], turn: number, path: string, service: string): Promise<string> {
  await somewhere(clients, turn, (client) => client.createService(service));
  const file = await somewhere(clients, turn + 1, (client) => client.upload(path, () => undefined));
  return somewhere(clients, turn, (client) => client.addLayer(service, 'Layer', [file], 'sd'));
}

async function ended(clients: readonly Rest[], turn: number, jobId: string): Promise<JobView> {
  for (;;) {
    const job = await somewhere(clients, turn, (client) => client.job(jobId));
    if (job.status !== 'In Progress') return job;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Of each process of a kind: how often the metric counted. */
const counts = (fleet: Fleet, kind: Kind, metric: string, labels: Record<string, string> = {}): Promise<number[]> =>
  Promise.all(
    fleet
      .of(kind)
      .map(async ({ vitals }) =>
        (await scrape(vitals))
          .filter(({ name, labels: has }) => name === metric && Object.entries(labels).every(([k, v]) => has[k] === v))
          .reduce((sum, { value }) => sum + value, 0),
      ),
  );

it('all of them work', async ({ fleet, clients, short }) => {
  const jobs = await Promise.all(
    Array.from({ length: 6 }, (_, turn) => publishTo(clients, turn, short, `Shared${turn}`)),
  );
  for (const [turn, jobId] of jobs.entries()) {
    const job = await ended(clients, turn, jobId);
    assert.is(job.status, 'COMPLETED', JSON.stringify(job.customAttributes.sortie?.error));
  }
  const shares = {
    gateway: await counts(fleet, 'gateway', 'sortie_http_request_duration_seconds_count'),
    job: await counts(fleet, 'job', 'sortie_grpc_request_duration_seconds_count'),
    'ingest-api': await counts(fleet, 'ingest-api', 'sortie_grpc_request_duration_seconds_count'),
    worker: await counts(fleet, 'worker', 'sortie_worker_attempts_total', { outcome: 'succeeded' }),
  };
  for (const [kind, share] of Object.entries(shares)) assert.ok(Math.min(...share) > 0, `${kind}: ${share.join(', ')}`);
  const done = shares.worker.reduce((sum, count) => sum + count);
  assert.is(done, jobs.length);
});

it('they go and come back one by one, and no request fails', async ({ fleet, clients, short }) => {
  let going = true;
  const published: string[] = [];
  let reads = 0;
  const publishing = (async () => {
    for (let turn = 0; going; turn++) {
      published.push(await publishTo(clients, turn, short, `Rolling${turn}`));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
  })();
  const reading = (async () => {
    for (let turn = 0; going; turn++) {
      const jobId = published[turn % Math.max(1, published.length)];
      if (jobId !== undefined) {
        await somewhere(clients, turn, (client) => client.job(jobId));
        reads++;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const restarting = (async () => {
    for (const member of fleet.members) {
      await member.stop();
      await member.start();
    }
    going = false;
  })();
  // The first failure of any of the three ends the test.
  await Promise.all([publishing, reading, restarting]);
  assert.ok(published.length >= 3 && reads > 100, `${published.length} jobs, ${reads} reads`);
  for (const [turn, jobId] of published.entries()) {
    const job = await ended(clients, turn, jobId);
    assert.is(job.status, 'COMPLETED', JSON.stringify(job.customAttributes.sortie?.error));
  }
});

it('a worker that is told to go in the middle of a transcode hands back; log and metrics show it', async (context) => {
  const { fleet, clients, long } = context;
  const [client] = clients;
  assert.ok(client);
  const total = async (kind: Kind, metric: string, outcome: string): Promise<number> =>
    (await counts(fleet, kind, metric, { outcome })).reduce((sum, count) => sum + count, 0);
  // Workers that went in the middle of a job before have been counted, too.
  const before = {
    handedBack: await total('job', 'sortie_attempts_total', 'handed_back'),
    succeeded: await total('job', 'sortie_attempts_total', 'succeeded'),
  };
  const jobId = await publishTo(clients, 0, long, 'Handed');
  let job = await client.job(jobId);
  while (!job.customAttributes.sortie?.currentStep?.text.startsWith('Transcoding')) {
    assert.is(job.status, 'In Progress');
    await new Promise((resolve) => setTimeout(resolve, 20));
    job = await client.job(jobId);
  }
  const memberOf = (name: string): Member | undefined => fleet.of('worker').find(({ pid }) => name.endsWith(`/${pid}`));
  const first = job.customAttributes.sortie.attempts[0]?.worker ?? '';
  const worker = memberOf(first);
  assert.ok(worker, first);
  await worker.stop();

  const done = await ended(clients, 0, jobId);
  assert.is(done.status, 'COMPLETED');
  const attempts = done.customAttributes.sortie?.attempts ?? [];
  assert.is(attempts.length, 2);
  const second = attempts[1]?.worker ?? '';
  assert.is.not(second, first);
  const other = memberOf(second);
  assert.ok(other, second);

  const after = {
    handedBack: await total('job', 'sortie_attempts_total', 'handed_back'),
    succeeded: await total('job', 'sortie_attempts_total', 'succeeded'),
  };
  assert.equal(after, { handedBack: before.handedBack + 1, succeeded: before.succeeded + 1 });
  const outcomes = async (member: Member): Promise<unknown[][]> =>
    (await member.log())
      .filter(({ msg, job: of, outcome }) => msg === 'attempt ended' && of === jobId && outcome !== undefined)
      .map(({ attempt, outcome }) => [attempt, outcome]);
  assert.equal(await outcomes(worker), [[1, 'OUTCOME_HANDED_BACK']]);
  assert.equal(await outcomes(other), [[2, 'OUTCOME_SUCCEEDED']]);
  await worker.start();
});

it('an upload that is under way when all that it goes through is told to go is finished', async (context) => {
  const { fleet, clients, short } = context;
  const going = [...fleet.of('gateway').slice(0, 1), ...fleet.of('ingest-api')];
  const bytes = await readFile(short);
  let send = (): void => undefined;
  const allowed = new Promise<void>((resolve) => {
    send = resolve;
  });
  async function* form(): AsyncGenerator<Buffer> {
    yield Buffer.from('--cut\r\ncontent-disposition: form-data; name="file"; filename="short.ts"\r\n\r\n');
    yield bytes.subarray(0, 50_000);
    await allowed;
    yield bytes.subarray(50_000);
    yield Buffer.from('\r\n--cut--\r\n');
  }
  const answer = fetch(`${fleet.gateways[0] ?? ''}/arcgis/rest/uploads/upload?f=json`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${clients[0]?.currentToken ?? ''}`,
      'content-type': 'multipart/form-data; boundary=cut',
    },
    body: ReadableStream.from(form()),
    duplex: 'half',
  });
  // Half of it lies in the storage, under a name that nobody sees yet.
  const until = async (come: () => Promise<boolean>): Promise<void> => {
    while (!(await come())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await until(async () =>
    (await readdir(join(fleet.storage, 'uploads'), { recursive: true })).some((name) => /\/\.[^/]*$/.test(name)),
  );
  // One that has nothing to finish may be gone already.
  const isGoing = (vitals: string): Promise<boolean> =>
    fetch(`${vitals}/readyz`).then(
      ({ status }) => status === 503,
      () => true,
    );
  const gone = going.map((member) => member.stop());
  for (const { vitals } of going) await until(() => isGoing(vitals));
  send();
  const document = (await (await answer).json()) as { fileId?: string };
  assert.match(document.fileId ?? JSON.stringify(document), /^i[0-9a-f-]{36}$/);
  await Promise.all(gone);
  await Promise.all(going.map((member) => member.start()));
  assert.equal(await readFile(join(fleet.storage, 'uploads', document.fileId ?? '', 'source.ts')), bytes);
});

it.run();
