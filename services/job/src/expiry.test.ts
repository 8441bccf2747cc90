// When a silent worker counts as lost: only while nothing else was silent.
import { newLogger } from '@sortie/common/log';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Expiry, expiryIntervalMs } from './expiry.js';
import { defaultPolicy } from './job.js';

const log = newLogger('test', 'silent');
const policy = defaultPolicy;

function harness() {
  let clock = 1_000_000;
  let away = false;
  const taken: string[] = [];
  const expiry = new Expiry(
    {
      leases: { expired: () => (away ? Promise.reject(new Error('away')) : Promise.resolve(['j1'])) },
      store: {
        update: (jobId) => {
          taken.push(jobId);
          return Promise.reject(new Error('that is all that is asked here'));
        },
      },
      policy,
      log,
      onChange: () => undefined,
    },
    () => clock,
  );
  return {
    taken,
    setAway: (value: boolean) => (away = value),
    /** Rounds as they come, for so long. */
    run: async (milliseconds: number): Promise<void> => {
      for (const end = clock + milliseconds; clock < end; clock += expiryIntervalMs)
        await expiry.round().catch(() => undefined);
    },
    skip: (milliseconds: number) => (clock += milliseconds),
  };
}

test('a new service gives all workers a whole lease', async () => {
  const { run, taken } = harness();
  await run(policy.leaseMs);
  assert.equal(taken, []);
  await run(2 * expiryIntervalMs);
  assert.ok(taken.length > 0);
});

test('so does one whose database was away, and one that stood still itself', async () => {
  for (const fault of ['away', 'standstill'] as const) {
    const { run, taken, setAway, skip } = harness();
    await run(policy.leaseMs);
    if (fault === 'away') {
      setAway(true);
      await run(7_000);
      setAway(false);
    } else skip(30_000);
    taken.length = 0;
    await run(policy.leaseMs);
    assert.equal(taken, [], fault);
    await run(2 * expiryIntervalMs);
    assert.ok(taken.length > 0, fault);
  }
});

test.run();
