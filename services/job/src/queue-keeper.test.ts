// The work queue on a cluster of three real nats-servers, each of which goes once.
import { newJobId } from '@sortie/common/ids';
import { newLogger } from '@sortie/common/log';
import { nextWork, readWork, ringForWork, Nats } from '@sortie/common/nats';
import { startNatsCluster, type TestCluster } from '@sortie/common/testing/nats-cluster';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QueueKeeper } from './queue-keeper.js';

const it = suite<{ cluster: TestCluster; nats: Nats }>('queue keeper');
const log = newLogger('test', 'silent');
const before = newJobId();
const without = [newJobId(), newJobId(), newJobId()];

it.before(async (context) => {
  context.cluster = await startNatsCluster();
  context.nats = new Nats(context.cluster.url, 'test');
  await context.nats.wait(30_000);
});
it.after(async ({ cluster, nats }) => {
  await nats.close();
  await cluster.stop();
});

/** Until it does not throw: leaders are elected, the client connects elsewhere, the keeper mends. */
async function sooner(act: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 180_000;
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

it('a queue of one server spreads over three, and outlives each of them', async ({ cluster, nats }) => {
  await sooner(() => new QueueKeeper(nats, 1, log).look());
  await sooner(() => ringForWork(nats, before));
  const keeper = new QueueKeeper(nats, 3, log);
  await sooner(() => keeper.look());
  const everywhere = async (): Promise<void> => {
    const { config, cluster: state } = await (await nats.connection.jetstreamManager()).streams.info('SORTIE_JOBS');
    assert.is(config.num_replicas, 3);
    assert.equal(
      state?.replicas?.map(({ current, offline }) => current && !offline),
      [true, true],
    );
  };
  await sooner(everywhere);
  // The leader calls others current before they have got anything (nats-server 2.10 to 2.15). What only one server has goes
  // with it, and the book makes it anew; here it is to outlive that server.
  await sooner(async () => {
    for (const server of cluster.servers) assert.is(await server.messages('SORTIE_JOBS'), 1);
  });
  const seen = new Set<string>();
  for (const [index, server] of cluster.servers.entries()) {
    await server.kill();
    const name = without[index] ?? '';
    await sooner(() => ringForWork(nats, name));
    await sooner(async () => {
      await keeper.look();
      const message = await nextWork(nats, 1_000);
      if (message) {
        seen.add(readWork(message) ?? '');
        await message.ackAck();
      }
      assert.ok(seen.has(name));
    });
    await server.start();
    await sooner(everywhere);
  }
  assert.equal([...seen].sort(), [before, ...without].sort());
});

it.run();
