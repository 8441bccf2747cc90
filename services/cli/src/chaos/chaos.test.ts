// A few of the scenarios of `npm run chaos`, which has all of them: one of each kind, at the steps where most is at stake.
import { Step } from '@sortie/common/gen/sortie/job/v1/job';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Harness } from './harness.js';
import { nameOf, scenarios } from './scenarios.js';

const chosen: readonly [fault: string, step: Step][] = [
  ['worker killed', Step.STEP_SAVE],
  ['child of the worker killed', Step.STEP_TRANSCODE],
  ['both Job services killed', Step.STEP_TRANSCODE],
  ['Ingest API killed', Step.STEP_COMPLETE],
  ['gateway killed', Step.STEP_EXTRACT_KLV],
  ['nats-server killed', Step.STEP_PROBE_VIDEO],
  ['directory of NATS deleted', Step.STEP_START],
  ['database away 7 s', Step.STEP_SAVE],
  ['database silent, new connections work', Step.STEP_TRANSCODE],
  ['worker frozen for three leases', Step.STEP_SAVE],
];

const it = suite<{ harness: Harness }>('chaos');
it.before(async (context) => {
  context.harness = await Harness.start(false);
});
it.after(async ({ harness }) => {
  await harness.stop();
});

for (const [index, [fault, step]] of chosen.entries()) {
  const scenario = scenarios.find((one) => one.fault === fault && one.step === step && one.where === 'begin');
  if (!scenario) throw new Error(`${fault} at ${Step[step]} is no scenario`);
  it(nameOf(scenario), async ({ harness }) => {
    const result = await harness.run(scenario, index);
    assert.equal(result.wrong, [], JSON.stringify(result));
  });
}

it('nothing is left behind', async ({ harness }) => {
  assert.equal(await harness.leftBehind(), []);
});

it.run();
