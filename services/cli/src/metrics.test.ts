// Every metric that deploy/README.md names, scraped from the programs after real jobs: one that went through and one that
// could not.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scrape, type Sample } from './testing/scrape.js';
import { publish, startSortie, type TestSortie } from './testing/sortie.js';

interface Context {
  sortie: TestSortie;
  /** Samples by program. */
  samples: Record<string, Sample[]>;
  flightBytes: number;
}

const it = suite<Context>('metrics');

it.before(async (context) => {
  const sortie = await startSortie();
  context.sortie = sortie;
  const flight = join(sortie.directory, 'flight.ts');
  await generateFlight(flight, { seconds: 4, width: 640, height: 360, fps: 30 });
  context.flightBytes = (await readFile(flight)).length;
  const noise = join(sortie.directory, 'noise.ts');
  await writeFile(noise, Buffer.alloc(70_000, 0xa5));
  const done = await sortie.rest.watch(await publish(sortie, flight, 'Good'), () => undefined);
  const failed = await sortie.rest.watch(await publish(sortie, noise, 'Bad'), () => undefined);
  assert.equal([done.status, failed.status], ['COMPLETED', 'FAILED']);
  await sortie.rest.job('j00000000-0000-0000-0000-000000000000').catch(() => undefined);
  await sortie.rest.addLayer('Nowhere', 'Flight', ['f00000000-0000-0000-0000-000000000000'], '').catch(() => undefined);
  context.samples = {};
  for (const [name, address] of Object.entries(sortie.local.vitals)) context.samples[name] = await scrape(address);
});
it.after(async ({ sortie }) => {
  await sortie.stop();
});

/** The sum of what matches; NaN when nothing does. */
function sum({ samples }: Context, program: string, name: string, labels: Record<string, string>): number {
  const found = (samples[program] ?? []).filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found.length === 0 ? Number.NaN : found.reduce((total, { value }) => total + value, 0);
}

type Check = [metric: string, program: string, labels: Record<string, string>, fine: (value: number) => boolean];
const is =
  (expected: number) =>
  (value: number): boolean =>
    value === expected;
const some = (value: number): boolean => value > 0;
/** Of a histogram: how many, and the sum of what was observed. */
const count = '_count';
const total = '_sum';

const checks: Check[] = [
  ['sortie_http_request_duration_seconds' + count, 'gateway', { route: '/arcgis/rest/uploads/upload', method: 'POST', code: '200' }, is(2)],
  ['sortie_http_request_duration_seconds' + count, 'gateway', { route: '/arcgis/rest/jobs/job/:jobId', code: '404' }, is(1)],
  ['sortie_http_request_duration_seconds' + total, 'gateway', {}, (value) => value > 0.01 && value < 600],
  // Of two jobs, each of which was asked about before.
  ['sortie_grpc_request_duration_seconds' + count, 'job', { method: 'sortie.job.v1.JobService/CreateJob', code: 'OK' }, is(4)],
  ['sortie_grpc_request_duration_seconds' + count, 'job', { method: 'sortie.job.v1.JobService/BatchGetJobs', code: 'OK' }, (value) => value > 0],
  ['sortie_grpc_request_duration_seconds' + count, 'ingest-api', { method: 'sortie.ingest.v1.IngestService/AddLayer', code: 'NOT_FOUND' }, is(1)],
  ['sortie_grpc_request_duration_seconds' + count, 'ingest-api', { method: 'sortie.ingest.v1.IngestService/UploadFile', code: 'OK' }, is(2)],
  ...['gateway', 'job', 'ingest-api', 'worker'].map((program): Check => ['sortie_uncaught_errors_total', program, {}, is(0)]),
  ...['gateway', 'job', 'ingest-api'].flatMap((program): Check[] => [
    ['sortie_audit_waiting', program, {}, (value) => value >= 0],
    ['sortie_audit_dropped_total', program, {}, is(0)],
  ]),
  ['sortie_dependency_up', 'gateway', {}, is(2)],
  ['sortie_dependency_up', 'job', {}, is(2)],
  ['sortie_dependency_up', 'ingest-api', {}, is(2)],
  ['sortie_dependency_up', 'worker', {}, is(3)],
  ['sortie_jobs_total', 'job', { event: 'created' }, is(2)],
  ['sortie_jobs_total', 'job', { event: 'succeeded' }, is(1)],
  ['sortie_jobs_total', 'job', { event: 'failed' }, is(1)],
  ['sortie_jobs_open', 'job', { state: 'queued' }, is(0)],
  ['sortie_jobs_open', 'job', { state: 'running' }, is(0)],
  ['sortie_queue_oldest_seconds', 'job', {}, is(0)],
  ['sortie_queue_messages', 'job', { state: 'pending' }, is(0)],
  ['sortie_workers_wanted', 'job', {}, is(0)],
  ['sortie_queue_messages', 'job', { state: 'ack_pending' }, (value) => value <= 1],
  ['sortie_attempts_total', 'job', { outcome: 'succeeded' }, is(1)],
  ['sortie_attempts_total', 'job', { outcome: 'failed' }, is(1)],
  ['sortie_failures_total', 'job', { step: 'probe_video', code: 'NOT_A_VIDEO' }, is(1)],
  ['sortie_step_duration_seconds' + count, 'job', { step: 'transcode', state: 'succeeded', engine: 'cpu' }, is(1)],
  ['sortie_step_duration_seconds' + count, 'job', { state: 'succeeded' }, is(17)],
  ['sortie_step_duration_seconds' + count, 'job', { state: 'failed', step: 'probe_video' }, is(1)],
  ['sortie_step_duration_seconds' + total, 'job', { step: 'transcode' }, (value) => value > 0.01 && value < 600],
  ['sortie_worker_capacity', 'worker', {}, is(1)],
  ['sortie_worker_jobs', 'worker', {}, (value) => value <= 1],
  ['sortie_worker_gpus', 'worker', {}, is(0)],
  ['sortie_worker_confined', 'worker', { seccomp: 'true', best_effort: 'false' }, is(1)],
  ['sortie_worker_attempts_total', 'worker', { outcome: 'succeeded' }, is(1)],
  ['sortie_worker_attempts_total', 'worker', { outcome: 'failed' }, is(1)],
  ['sortie_transcode_frames_per_second' + count, 'worker', { engine: 'cpu', rung: 'sd' }, is(1)],
  ['sortie_transcode_frames_per_second' + total, 'worker', { engine: 'cpu', rung: 'sd' }, (value) => value > 1 && value < 20_000],
  ['sortie_transcode_realtime_factor' + total, 'worker', { engine: 'cpu', rung: 'sd' }, (value) => value > 0.03 && value < 700],
  ['sortie_storage_bytes', 'worker', { kind: 'free' }, some],
  ['sortie_storage_bytes', 'ingest-api', { kind: 'total' }, some],
  ['sortie_stored_bytes_total', 'worker', { kind: 'layer' }, (value) => value > 50_000],
  ['nodejs_eventloop_lag_p99_seconds', 'gateway', {}, (value) => value > 0 && value < 60],
  ['nodejs_eventloop_lag_p99_seconds', 'worker', {}, (value) => value > 0 && value < 60],
  ['process_resident_memory_bytes', 'job', {}, (value) => value > 20e6 && value < 4e9],
]; // prettier-ignore

for (const [metric, program, labels, fine] of checks) {
  it(`${program}: ${metric} ${JSON.stringify(labels)}`, (context) => {
    const value = sum(context, program, metric, labels);
    assert.ok(fine(value), `is ${value}`);
  });
}

it('ingest-api: sortie_stored_bytes_total counts the bytes that were uploaded', (context) => {
  const value = sum(context, 'ingest-api', 'sortie_stored_bytes_total', { kind: 'upload' });
  assert.is(value, context.flightBytes + 70_000);
});

it('what the documentation names is what is checked here, and all that the programs count of Sortie', async (context) => {
  const documentation = await readFile(new URL('../../../deploy/README.md', import.meta.url), 'utf8');
  const named = [...documentation.matchAll(/^\| `((?:sortie|nodejs|process)_\w+)`/gm)].map(([, name]) => name ?? '');
  const checked = new Set(
    checks.map(([metric]) => metric.replace(/_(count|sum)$/, '')).concat('sortie_stored_bytes_total'),
  );
  assert.equal(named.sort(), [...checked].sort());
  const counted = Object.values(context.samples)
    .flat()
    .map(({ name }) => name.replace(/_(count|sum|bucket)$/, ''))
    .filter((name) => name.startsWith('sortie_'));
  for (const name of new Set(counted)) assert.ok(checked.has(name), `${name} is counted, but not documented`);
});

it('every program tells that it lives, has started and is ready, and why', async ({ sortie }) => {
  const expected: Record<string, string[]> = {
    gateway: ['job', 'ingest'],
    'ingest-api': ['storage', 'job'],
    job: ['database', 'nats'],
    worker: ['storage', 'nats', 'job'],
  };
  assert.equal(Object.keys(sortie.local.vitals).sort(), Object.keys(expected).sort());
  for (const [name, address] of Object.entries(sortie.local.vitals)) {
    for (const path of ['livez', 'startupz', 'readyz']) {
      assert.is((await fetch(`${address}/${path}`)).status, 200, `${name} ${path}`);
    }
    const ready = (await (await fetch(`${address}/readyz`)).json()) as { dependencies: Record<string, boolean> };
    assert.equal(Object.keys(ready.dependencies).sort(), expected[name]?.sort());
  }
});

it.run();
