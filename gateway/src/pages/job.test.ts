// What the page of a job tells administrators of the workers that ran it.
import { Job, JobType, State, Worker } from '@sortie/common/gen/sortie/job/v1/job';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jobDocument } from '../arcgis/job.js';
import { transcoderOf } from '../arcgis/transcoder.js';
import { jobPage } from './job.js';

const names = ['host-a/1', 'host-b/2', 'host-c/3', 'host-d/4'] as const;
const job: Job = {
  ...Job.fromJSON({}),
  jobId: 'j1b81346f-1460-482a-94f0-72b78ee843e5',
  type: JobType.JOB_TYPE_PUBLISH,
  state: State.STATE_RUNNING,
  inputs: { serviceItemId: '', requestedResolutions: [], fileIds: [], serviceUrl: '', serviceName: 'S', layerId: 0, layerName: 'S' },
  attempts: [...names, names[0]].map((worker, index) => ({ number: index + 1, worker, startTime: new Date(1), endTime: undefined, error: undefined, endSequence: 0 })),
}; // prettier-ignore
const full = Worker.fromJSON({ name: names[0], confinement: { full: true } });
const lacking = Worker.fromJSON({
  name: names[1],
  confinement: { full: false, missing: ['a <user> other than root'] },
});
const older = Worker.fromJSON({ name: names[2] });

const pageFor = (workers: Worker[] | null): string =>
  jobPage({ document: jobDocument(job, true), layerPath: null, workers }).text;

test('each worker once, and how it is confined', () => {
  const page = pageFor([full, lacking, older]);
  assert.is(page.split('host-a/1 (confined in full)').length, 2);
  assert.match(page, 'host-b/2 (NOT confined in full: without a &lt;user&gt; other than root)');
  assert.match(page, 'host-c/3 (of a version that does not tell how it is confined)');
  assert.match(page, 'host-d/4 (not there any more)');
});

test('others than administrators are not told of workers', () => {
  assert.not.match(pageFor(null), 'id="workers"');
});

test('the list of transcoders tells the same', () => {
  assert.equal(transcoderOf(full).confinement, { full: true, missing: [] });
  assert.equal(transcoderOf(lacking).confinement, { full: false, missing: ['a <user> other than root'] });
  assert.is(transcoderOf(older).confinement, null);
});

test.run();
