// The work queue on a real nats-server.
import { connect, RetentionPolicy } from 'nats';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureWorkQueue, ringForWork, workQueueLag, Nats } from './nats.js';
import { startNats, type TestNats } from './testing/nats.js';

const it = suite<{ server: TestNats; nats: Nats }>('work queue');

it.before(async (context) => {
  context.server = await startNats();
  context.nats = new Nats(context.server.url, 'test');
  await context.nats.wait(30_000);
});
it.after(async ({ server, nats }) => {
  await nats.close();
  await server.stop();
});

it('a queue that was made with other settings is brought to ours, with what is in it', async ({ server, nats }) => {
  const other = await connect({ servers: server.url });
  await (
    await other.jetstreamManager()
  ).streams.add({
    name: 'SORTIE_JOBS',
    subjects: ['sortie.job.v1.work.*'],
    retention: RetentionPolicy.Workqueue,
    max_msgs_per_subject: 5,
  });
  await other.jetstream().publish('sortie.job.v1.work.j1');
  await ensureWorkQueue(nats);
  await ensureWorkQueue(nats);
  const { config } = await (await other.jetstreamManager()).streams.info('SORTIE_JOBS');
  assert.equal([config.max_msgs_per_subject, config.discard_new_per_subject], [1, true]);
  await ringForWork(nats, 'j1');
  await ringForWork(nats, 'j2');
  assert.equal(await workQueueLag(nats), { pending: 2, ackPending: 0 });
  await other.close();
});

it.run();
