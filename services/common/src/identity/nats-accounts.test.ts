// What each account may do, asked of a real nats-server.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../free-port.js';
import { newJobId } from '../ids.js';
import { ensureWorkQueue, listenChanged, Nats, nextWork, readWork, renewConsumer, ringChanged, ringForWork, strandedMessage, workQueueLag } from '../nats.js'; // prettier-ignore
import { startProgram, type Program } from '../testing/child.js';
import { listens, natsServer } from '../testing/nats.js';
import { natsAuthorization, natsUsers, type NatsUser } from './nats-accounts.js';
import { natsLogin } from './nats-login.js';

interface Context {
  directory: string;
  server: Program;
  url: string;
  connections: Record<NatsUser, Nats>;
}

const passwordOf = (user: NatsUser): string => `${user}-pa55word`;
const it = suite<Context>('NATS accounts');

it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-nats-accounts-'));
  const port = await freePort();
  const config = join(context.directory, 'nats.conf');
  await writeFile(config, `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${context.directory}/js" }\n${natsAuthorization((user) => JSON.stringify(passwordOf(user)))}`); // prettier-ignore
  context.server = await startProgram(natsServer, ['--config', config], () => listens(port));
  context.url = `nats://127.0.0.1:${port}`;
  const signIn = async (user: NatsUser): Promise<Nats> => {
    const own = await mkdtemp(join(context.directory, `${user}-`));
    await writeFile(join(own, 'nats.key'), `${user}:${passwordOf(user)}\n`);
    const nats = new Nats(context.url, 'test', natsLogin(own));
    await nats.wait(5_000);
    return nats;
  };
  const [job, worker] = await Promise.all(natsUsers.map(signIn));
  assert.ok(job && worker);
  context.connections = { job, worker };
});
it.after(async ({ connections, server, directory }) => {
  await Promise.all(Object.values(connections).map((nats) => nats.close()));
  await server.stop('SIGKILL');
  await rm(directory, { recursive: true });
});

const refused = (act: Promise<unknown>): Promise<boolean> =>
  act.then(
    () => false,
    () => true,
  );

it('nobody comes in without a password, or with a wrong one', async ({ url }) => {
  for (const login of [{}, { user: 'worker', pass: 'x' }, { user: 'gateway', pass: passwordOf('worker') }])
    assert.ok(await refused(connect({ servers: url, ...login, reconnect: false })));
});

it('the Job service keeps the queue, and a worker takes from it', async ({ connections: { job, worker } }) => {
  await ensureWorkQueue(job);
  const jobId = newJobId();
  await ringForWork(job, jobId);
  assert.is((await workQueueLag(job)).pending + (await workQueueLag(job)).ackPending, 1);
  const message = await nextWork(worker, 2_000);
  assert.ok(message);
  assert.is(readWork(message), jobId);
  message.working();
  assert.ok(await message.ackAck({ timeout: 2_000 }));
  assert.is((await workQueueLag(job)).pending + (await workQueueLag(job)).ackPending, 0);
  assert.equal(await workQueueLag(job), { pending: 0, ackPending: 0 });
  assert.is(await strandedMessage(job), null);
  await renewConsumer(job);
  const changed = new Promise<void>((resolve) => {
    listenChanged(job, jobId, resolve);
  });
  await job.connection.flush();
  ringChanged(job, jobId, 1);
  await changed;
});

it('a worker cannot make, see, empty or end a queue, announce work, or listen to others', async ({
  connections: { job, worker },
}) => {
  const { connection } = worker;
  await ringForWork(job, newJobId());
  const violations: string[] = [];
  void (async () => {
    for await (const status of connection.status()) violations.push(`${status.type} ${JSON.stringify(status.data)}`);
  })();
  const ask = (subject: string, data = '{}'): Promise<unknown> => connection.request(subject, data, { timeout: 300 });
  for (const subject of [
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.INFO.SORTIE_JOBS',
    '$JS.API.STREAM.PURGE.SORTIE_JOBS',
    '$JS.API.STREAM.DELETE.SORTIE_JOBS',
    '$JS.API.STREAM.MSG.GET.SORTIE_JOBS',
    '$JS.API.STREAM.CREATE.OTHER',
    '$JS.API.CONSUMER.CREATE.SORTIE_JOBS',
    '$JS.API.CONSUMER.DELETE.SORTIE_JOBS.workers',
  ])
    // prettier-ignore
    assert.ok(await refused(ask(subject)), subject);
  assert.ok(await refused(ringForWork(worker, newJobId())), 'announce work');
  for (const subject of ['>', '_INBOX.job.>', 'sortie.job.v1.>', '$JS.>']) {
    const subscription = connection.subscribe(subject);
    await connection.flush();
    await job.connection.flush();
    ringChanged(job, newJobId(), 1);
    await job.connection.flush();
    assert.ok(subscription.isClosed(), subject);
  }
  assert.is((await workQueueLag(job)).pending + (await workQueueLag(job)).ackPending, 1, 'all is as it was');
  assert.ok(violations.length > 0);
});

it.run();
