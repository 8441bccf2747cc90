import { Engine, Job, JobType, State, Step, StepState, type StepRun } from '@sortie/common/gen/sortie/job/v1/job';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jobDocument, messagesOf } from './job.js';
import { stepOrder } from './steps.js';

const run = (step: Step, sequence: number, over: Partial<StepRun> = {}): StepRun => ({
  step,
  state: StepState.STEP_STATE_SUCCEEDED,
  attempt: 1,
  startTime: new Date(1),
  endTime: new Date(2),
  engine: step === Step.STEP_TRANSCODE ? Engine.ENGINE_GPU : Engine.ENGINE_UNSPECIFIED,
  detail: '',
  sequence,
  ...over,
});

const job = (over: Partial<Job>): Job => ({
  ...Job.fromJSON({}),
  jobId: 'j1b81346f-1460-482a-94f0-72b78ee843e5',
  type: JobType.JOB_TYPE_PUBLISH,
  state: State.STATE_SUCCEEDED,
  owner: 'portaladmin',
  inputs: {
    serviceItemId: 'f17630387bee47b88fe001f7875eb18a',
    requestedResolutions: ['fhd'],
    fileIds: ['ib8abf0cb-8739-48b0-9db5-a8547d1139aa'],
    serviceUrl: 'https://organization.example.com/video/rest/services/Cheyenne_TS/VideoServer',
    serviceName: 'Cheyenne_TS',
    layerId: 0,
    layerName: 'Cheyenne_TS',
  },
  ...over,
});

// The documented example of ArcGIS Video Server, letter by letter.
const documented = {
  jobId: 'j1b81346f-1460-482a-94f0-72b78ee843e5',
  inputs: {
    serviceItemId: 'f17630387bee47b88fe001f7875eb18a',
    requestedResolutions: 'fhd',
    fileIds: 'ib8abf0cb-8739-48b0-9db5-a8547d1139aa',
    serviceUrl: 'https://organization.example.com/video/rest/services/Cheyenne_TS/VideoServer',
  },
  messages: [
    'Starting Ingest',
    'Probing Video Codec',
    'Probing Audio',
    'Probing Video Klv',
    'Generating Video Stream Info',
    'Generating Video Info',
    'Transcoding with GPU',
    'Extracting KLV Metadata',
    'Generating HLS Service Files',
    'Generating Poster Image',
    'Generating Preview Images',
    'Generating ABR Info Files',
    'Removing Temporary Files',
    'Video Files Created',
    'Saving To Storage',
    'Ingest Complete',
  ],
  type: 'Publish Streaming Service',
  results: { layerId: 0, layerName: 'Cheyenne_TS', serviceName: 'Cheyenne_TS' },
  status: 'COMPLETED',
  username: 'portaladmin',
  customAttributes: {
    messageCodes: [117, 154, 155, 156, 157, 158, 159, 160, 161, 174, 182, 162, 163, 205, 206, 118],
    savingToStorage: true,
    newLayerId: 0,
  },
};

test('a finished job is the documented example: keys, order, types', () => {
  const steps = stepOrder.map((step, index) => run(step, index + 3));
  const results = { layerId: 0, layerName: 'Cheyenne_TS', serviceName: 'Cheyenne_TS' };
  assert.is(JSON.stringify(jobDocument(job({ steps, results }), false)), JSON.stringify(documented));
});

test('on the CPU the transcode says so with a code of ours', () => {
  const [message] = messagesOf(job({ steps: [run(Step.STEP_TRANSCODE, 3, { engine: Engine.ENGINE_CPU })] }));
  assert.equal(message, { text: 'Transcoding with CPU', code: 9159 });
});

test('a GPU that failed is told right after the transcode that the CPU made', () => {
  const steps = [run(Step.STEP_TRANSCODE, 3, { engine: Engine.ENGINE_CPU }), run(Step.STEP_EXTRACT_KLV, 6)];
  const warnings = [{ code: 'GPU_FAILED', message: 'it was lost.' }];
  assert.equal(
    messagesOf(job({ steps, warnings })).map(({ code }) => code),
    [9159, 9160, 160],
  );
});

test('a job in the middle has the steps so far and no results', () => {
  const steps = [run(Step.STEP_START, 3), run(Step.STEP_PROBE_VIDEO, 5, { state: StepState.STEP_STATE_RUNNING })];
  const document = jobDocument(job({ state: State.STATE_RUNNING, steps }), false);
  assert.equal(document.messages, ['Starting Ingest', 'Probing Video Codec']);
  assert.is(document.status, 'In Progress');
  assert.not('results' in document);
  assert.is(document.customAttributes.savingToStorage, false);
});

test('a failed job ends with the failing step and the reason, and never says "failed" as its status', () => {
  const error = {
    code: 'NO_VIDEO_STREAM',
    message: 'The file holds no video.',
    step: Step.STEP_PROBE_VIDEO,
    retryable: false,
  };
  const steps = [run(Step.STEP_START, 3), run(Step.STEP_PROBE_VIDEO, 5, { state: StepState.STEP_STATE_FAILED })];
  const document = jobDocument(job({ state: State.STATE_FAILED, steps, error }), false);
  assert.is(document.status, 'FAILED');
  assert.is(document.messages.at(-1), 'Probing Video Codec failed: The file holds no video.');
  assert.is(document.messages.length, document.customAttributes.messageCodes.length);
  assert.ok(document.customAttributes.messageCodes.at(-1) ?? 0 >= 9000);
});

test('a second attempt repeats no message and says why it is there', () => {
  const error = { code: 'ENGINE_CRASHED', message: 'it crashed.', step: Step.STEP_PROBE_VIDEO, retryable: true };
  const attempt = (number: number, over: object): Job['attempts'][number] => ({
    number,
    worker: 'w',
    startTime: new Date(1),
    endTime: new Date(2),
    error: undefined,
    endSequence: 0,
    ...over,
  });
  const document = jobDocument(
    job({
      state: State.STATE_RUNNING,
      steps: [
        run(Step.STEP_START, 3),
        run(Step.STEP_PROBE_VIDEO, 5),
        run(Step.STEP_START, 12, { attempt: 2 }),
        run(Step.STEP_PROBE_VIDEO, 14, { attempt: 2 }),
        run(Step.STEP_PROBE_AUDIO, 16, { attempt: 2 }),
      ],
      attempts: [
        attempt(1, { error, endSequence: 8 }),
        attempt(2, { error: { ...error, message: 'it crashed elsewhere.' }, endSequence: 11 }),
        attempt(3, {}),
      ],
    }),
    true,
  );
  assert.equal(document.messages, [
    'Starting Ingest',
    'Probing Video Codec',
    'Probing Video Codec failed and is tried again: it crashed.',
    'Probing Audio',
  ]);
  assert.is(document.customAttributes.sortie?.steps.length, 5);
});

test('a cancelled job says so', () => {
  const document = jobDocument(job({ state: State.STATE_CANCELLED, steps: [run(Step.STEP_START, 3)] }), false);
  assert.is(document.status, 'CANCELLED');
  assert.equal(document.messages, ['Starting Ingest', 'Ingest Cancelled']);
});

test('details are there only when asked for', () => {
  assert.not('sortie' in jobDocument(job({}), false).customAttributes);
  const progress = {
    step: Step.STEP_TRANSCODE,
    fraction: 0.5,
    frames: 10,
    fps: 20,
    mediaTime: undefined,
    remaining: { seconds: 3, nanos: 5e8 },
  };
  const steps = [run(Step.STEP_TRANSCODE, 3, { state: StepState.STEP_STATE_RUNNING })];
  const attempts = [
    { number: 1, worker: 'w', startTime: undefined, endTime: undefined, error: undefined, endSequence: 0 },
  ];
  const { sortie } = jobDocument(job({ state: State.STATE_RUNNING, steps, progress, attempts }), true).customAttributes;
  assert.is(sortie?.progress, 0.45);
  assert.equal(sortie?.currentStep, {
    text: 'Transcoding with GPU',
    fraction: 0.5,
    frames: 10,
    fps: 20,
    mediaSeconds: 0,
    remainingSeconds: 3.5,
  });
});

test.run();
