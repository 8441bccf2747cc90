// Whole jobs "on the GPU", on the driver stand-in: what is told, and that a GPU that fails costs nothing but time.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findGpus } from '@sortie/ingest/gpu/preflight';
import { engineSettings } from '@sortie/ingest/gpu/settings';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { JobView } from './rest.js';
import { layerFolder, publish, startSortie, type TestSortie } from './testing/sortie.js';
import { makeStandin, type Standin } from './testing/standin.js';

interface Context {
  sortie: TestSortie;
  standin: Standin;
  flight: string;
}

const it = suite<Context>('gpu');

it.before(async (context) => {
  context.standin = makeStandin();
  context.sortie = await startSortie({ LD_LIBRARY_PATH: context.standin.folder, SORTIE_GPU_STALL_SECONDS: '15' });
  context.flight = join(context.sortie.directory, 'flight.ts');
  await generateFlight(context.flight, { seconds: 6, width: 1280, height: 720, fps: 30 });
});
it.after(async ({ sortie, standin }) => {
  await sortie.stop();
  await rm(standin.folder, { recursive: true });
});

interface Told {
  messages: string[];
  customAttributes: { messageCodes: number[] };
}

async function ingest({ sortie, flight }: Context, service: string): Promise<{ job: JobView; told: Told }> {
  const job = await sortie.rest.watch(await publish(sortie, flight, service, 'sd,hd'), () => undefined);
  return { job, told: JSON.parse(JSON.stringify(job)) as Told };
}

/** What the engine's children said about the rules that were broken. */
const reports = async ({ sortie }: Context): Promise<string[]> =>
  (await readFile(join(sortie.data.logs, 'worker.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('[standin]'));

it('a job on the GPU: message 159, every rung, no rule broken', async (context) => {
  context.standin.set({});
  const { job, told } = await ingest(context, 'OnGpu');
  assert.is(job.status, 'COMPLETED', JSON.stringify(job.customAttributes.sortie?.error));
  assert.is(told.messages[6], 'Transcoding with GPU');
  assert.is(told.customAttributes.messageCodes[6], 159);
  assert.is(told.messages.length, 16);
  const step = job.customAttributes.sortie?.steps.find(({ text }) => text === 'Transcoding with GPU');
  assert.match(step?.detail ?? '', /180 frames, 6\.00 s, NVDEC to NVENC/);
  const [line = ''] = (await reports(context)).slice(-1);
  assert.match(line, /end: 0 violations, 0 leaks, .*180 pictures decoded, 360 pictures encoded/);
});

it('a driver that takes longer to start than a GPU may stand still is waited for', async (context) => {
  context.standin.set({ INIT_SECONDS: '18' });
  const { job, told } = await ingest(context, 'SlowStart');
  assert.is(job.status, 'COMPLETED');
  assert.is(told.customAttributes.messageCodes[6], 159, told.messages.join('; '));
});

it('the resource self tells which GPUs are there and what works', async ({ sortie }) => {
  const response = await fetch(`${sortie.local.gateway}/arcgis/rest/self?f=json&token=${sortie.rest.currentToken}`);
  const { transcoders } = (await response.json()) as {
    transcoders: { engine: string; gpus: { name: string; encode: { works: boolean } }[] }[];
  };
  assert.is(transcoders[0]?.engine, 'gpu');
  assert.is(transcoders[0]?.gpus[0]?.encode.works, true);
});

const faults: [string, string, Record<string, string>, RegExp][] = [
  ['Lost', 'the device is lost in the middle', { LOST_AT: '150' }, /ILLEGAL_ADDRESS|NVENC/],
  ['Hanging', 'the driver hangs in the middle', { HANG_AT: '150' }, /no progress for 15 s/],
  ['Killed', 'the engine is killed in the middle', { CRASH_AT: '150' }, /SIGKILL/],
  ['Undecoded', 'NVDEC gives no picture', { DECODES_NOTHING: 'h264' }, /NVDEC gave 0 pictures/],
  ['Damaged', 'NVDEC finds every fifth picture damaged', { DAMAGED: '20' }, /pictures damaged/],
  ['Full', 'the memory of the card runs out', { MEMORY: '20000000' }, /OUT_OF_MEMORY/],
];
for (const [service, name, settings, why] of faults) {
  it(`${name}: the same attempt ends on the CPU with every rung, and says so`, async (context) => {
    context.standin.set(settings);
    const { job, told } = await ingest(context, service);
    assert.is(job.status, 'COMPLETED', JSON.stringify(job.customAttributes.sortie?.error));
    assert.is(job.customAttributes.sortie?.attempts.length, 1);
    assert.not.ok(told.customAttributes.messageCodes.includes(159), 'NVENC did not make what is there');
    assert.equal(told.customAttributes.messageCodes.slice(6, 8), [9159, 9160]);
    assert.match(told.messages[7] ?? '', why, told.messages.join('; '));
    const layer = layerFolder(context.sortie, service);
    const abr = await readFile(join(layer, 'ABR.m3u8'), 'utf8');
    assert.is([...abr.matchAll(/RESOLUTION=/g)].length, 2);
  });
}

const hindered: [string, Record<string, string>, RegExp][] = [
  ['the sandbox keeps something from the driver', { NEEDS_FILE: '/etc/hostname' }, /sandbox or the container.* Outside of the sandbox it works/],
  ['the driver starts nowhere', { INIT_ERROR: '802' }, /nvidia-fabricmanager.* It is the same outside of the sandbox/],
]; // prettier-ignore
for (const [name, settings, why] of hindered) {
  it(`a trial says whether it is the sandbox: ${name}`, async ({ standin, sortie }) => {
    standin.set(settings);
    const silent = { info: () => undefined, warn: () => undefined };
    const found = await findGpus(engineSettings({ LD_LIBRARY_PATH: standin.folder }), sortie.directory, silent);
    assert.equal(found.usable, []);
    assert.match(found.reason, why);
  });
}

it('no session left: the rungs are encoded on the CPU from pictures that the GPU scaled', async (context) => {
  context.standin.set({ SESSIONS: '1' });
  const { job, told } = await ingest(context, 'Mixed');
  assert.is(job.status, 'COMPLETED');
  assert.is(told.customAttributes.messageCodes[6], 9159);
  assert.ok(
    job.customAttributes.sortie?.warnings.some(
      ({ code, message }) => code === 'GPU_UNUSED' && message.includes('sessions'),
    ),
  );
});

it.run();
