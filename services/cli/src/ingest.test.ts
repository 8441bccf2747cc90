// The main job from upload to layer, through the real services, on a generated flight.
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import HLS from 'hls-parser';
import { saveUser } from '@sortie/common/users';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { klvLines } from '@sortie/ingest/klv/print';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Rest, type JobView } from './rest.js';
import { layerFolder, publish, startSortie, type TestSortie } from './testing/sortie.js';

interface Context {
  sortie: TestSortie;
  flight: string;
}

const it = suite<Context>('ingest');

it.before(async (context) => {
  // Slow enough that there is a middle to interrupt.
  context.sortie = await startSortie({ SORTIE_PRESET: 'slow', SORTIE_DRAIN_SECONDS: '600' });
  context.flight = join(context.sortie.directory, 'flight.ts');
  await generateFlight(context.flight, { seconds: 9, width: 640, height: 360, fps: 30 });
});
it.after(async ({ sortie }) => {
  await sortie.stop();
});

const ended = ({ rest }: TestSortie, jobId: string): Promise<JobView> => rest.watch(jobId, () => undefined);
const texts = (job: JobView): string[] => job.messages;

/** Waits until the job is inside its transcode. */
async function transcoding({ rest }: TestSortie, jobId: string): Promise<void> {
  for (let round = 0; round < 600; round++) {
    const step = (await rest.job(jobId)).customAttributes.sortie?.currentStep;
    if (step?.text.startsWith('Transcoding')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the transcode never began');
}

it('a flight becomes a layer: all steps, playable renditions, telemetry that fits', async ({ sortie, flight }) => {
  const job = await ended(sortie, await publish(sortie, flight, 'Whole', 'sd,hd'));
  assert.is(job.status, 'COMPLETED', JSON.stringify(job.customAttributes.sortie?.error));
  assert.is(texts(job).length, 16);
  assert.is(texts(job)[6], 'Transcoding with CPU');
  assert.ok(job.customAttributes.sortie?.warnings.some(({ message }) => message.startsWith('hd was asked for')));

  const layer = layerFolder(sortie, 'Whole');
  HLS.setOptions({ strictMode: true });
  const abr = HLS.parse(await readFile(join(layer, 'ABR.m3u8'), 'utf8')) as HLS.types.MasterPlaylist;
  assert.is(abr.variants.length, 1);
  const [variant] = abr.variants;
  assert.equal(variant?.resolution, { width: 640, height: 360 });
  assert.match(variant?.codecs ?? '', /^avc1\.64[0-9a-f]{4},mp4a\.40\.2$/);

  // An independent player counts what is there.
  const probe = (path: string, select: string): string[] =>
    execFileSync(
      'ffprobe',
      ['-v', 'error', '-select_streams', select, '-show_entries', 'packet=pts_time,flags', '-of', 'csv=p=0', path],
      { encoding: 'utf8' },
    )
      .trim()
      .split('\n');
  const frames = probe(join(layer, variant?.uri ?? ''), 'v:0').map((line) => line.split(','));
  assert.is(frames.length, 270);
  // The edit list takes off what reordering adds (ISO/IEC 14496-12 clause 8.6.6): the first frame stands at 0.
  assert.is(Math.min(...frames.map(([time]) => Number(time))), 0);
  const keys = frames.filter(([, flags]) => flags?.startsWith('K')).map(([time]) => Number(time));
  assert.equal(
    keys.map((time) => Math.round(time * 1000)),
    [0, 2000, 4000, 6000, 8000],
  );

  const packets = (await readFile(join(layer, 'telemetry/packets.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { time: number; timestamp_us: number });
  assert.is(packets.length, 90);
  packets.forEach(({ time }, index) => assert.ok(Math.abs(time - index / 10) < 1 / 30, `packet ${index} at ${time}`));
  let sent = 0;
  for await (const line of klvLines(flight)) {
    assert.is((JSON.parse(line) as { timestamp_us: number }).timestamp_us, packets[sent]?.timestamp_us);
    sent++;
  }
  const manifest = JSON.parse(await readFile(join(layer, 'manifest.json'), 'utf8')) as { files: { path: string }[] };
  const files = (await readdir(layer, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.is(manifest.files.length + 1, files.length, 'everything stored is in the manifest');
  await nothingInWork(sortie);
});

it('the command line says who sees a layer, and which priority its job has', async ({ sortie, flight }) => {
  const { gateway } = sortie.rest;
  const shared = join(sortie.directory, 'shared.ts');
  await generateFlight(shared, { seconds: 1, width: 320, height: 180, fps: 10 });
  await saveUser(sortie.data.users, { username: 'pia', role: 'publisher' }, 'password of pia');
  const pia = new Rest(gateway);
  await pia.signIn('pia', 'password of pia', 60);
  const program = fileURLToPath(new URL('../bin/sortie.js', import.meta.url));
  const ingest = (path: string, token: string, ...flags: string[]): Promise<string> =>
    new Promise((resolve) => {
      const words = [program, 'ingest', path, '--url', gateway, '--resolutions', 'sd', ...flags];
      execFile(process.execPath, words, { env: { ...process.env, SORTIE_TOKEN: token } }, (_, out) => resolve(out));
    });
  // Only administrators may ask for it: the word has arrived.
  assert.match(await ingest(flight, pia.currentToken, '--priority', 'high'), /refused: .*administrator/);
  assert.match(
    await ingest(shared, sortie.rest.currentToken, '--priority', 'high', '--sharing', 'public'),
    '  COMPLETED',
  );
  const layer = await fetch(`${gateway}/arcgis/rest/services/shared/VideoServer/0?f=json`);
  assert.is(((await layer.json()) as { error?: unknown }).error, undefined, 'without a token');
});

it('cancel in the middle of the encode ends the job and leaves no layer', async ({ sortie, flight }) => {
  const jobId = await publish(sortie, flight, 'Cancelled');
  await transcoding(sortie, jobId);
  await fetch(`${sortie.rest.gateway}/arcgis/rest/jobs/job/${jobId}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${sortie.rest.currentToken}` },
    body: new URLSearchParams({ f: 'json' }),
  });
  const job = await ended(sortie, jobId);
  assert.is(job.status, 'CANCELLED');
  assert.is(texts(job).at(-1), 'Ingest Cancelled');
  await nothingInWork(sortie);
});

it('the resource self and the page of a job tell administrators how the worker is confined', async ({ sortie, flight }) => {
  const jobId = await publish(sortie, flight, 'Told');
  const job = await ended(sortie, jobId);
  const headers = { authorization: `Bearer ${sortie.rest.currentToken}` };
  const ask = (path: string): Promise<string> =>
    fetch(`${sortie.local.gateway}/arcgis/rest/${path}`, { headers }).then((answer) => answer.text());
  const { transcoders } = JSON.parse(await ask('self?f=json')) as { transcoders: { confinement: unknown }[] };
  assert.equal(transcoders[0]?.confinement, { full: true, missing: [] });
  assert.match(await ask(`jobs/job/${jobId}?f=html`), `${workerOf(job, 1) ?? ''} (confined in full)`);
}); // prettier-ignore

/** The end of an attempt is reported before its directory is removed. */
async function nothingInWork({ data }: TestSortie): Promise<void> {
  const left = (): string[] => readdirSync(join(data.root, 'work'));
  for (let round = 0; round < 400 && left().length > 0; round++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  assert.equal(left(), [], 'nothing temporary is left');
}

/** Processes of this Sortie whose command line matches. */
const processes = ({ data }: TestSortie, command: RegExp): { pid: number; environment: NodeJS.ProcessEnv }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const read = (name: string): string[] => readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');
        const ours =
          readlinkSync(`/proc/${pid}/cwd`).startsWith(data.root) ||
          read('environ').some((entry) => entry.endsWith(data.storage));
        if (!ours || !command.test(read('cmdline').join(' '))) return [];
        const environment = Object.fromEntries(
          read('environ').map((entry) => entry.split(/=(.*)/s).slice(0, 2) as [string, string]),
        );
        return [{ pid: Number(pid), environment }];
      } catch {
        return []; // it has just ended
      }
    });

const workerOf = (job: JobView, attempt: number): string | undefined =>
  job.customAttributes.sortie?.attempts[attempt - 1]?.worker;

it('a worker that is told to go finishes what it has and takes nothing new', async ({ sortie, flight }) => {
  const pid = sortie.local.pids()['worker'] ?? 0;
  const jobId = await publish(sortie, flight, 'Drained');
  await transcoding(sortie, jobId);
  process.kill(pid, 'SIGTERM');
  const later = await publish(sortie, flight, 'Later');
  const job = await ended(sortie, jobId);
  assert.is(job.status, 'COMPLETED');
  assert.is(job.customAttributes.sortie?.attempts.length, 1);
  assert.ok(workerOf(job, 1)?.endsWith(`/${pid}`));
  assert.not.ok(workerOf(await ended(sortie, later), 1)?.endsWith(`/${pid}`));
});

it('a second signal hands the work back, and it goes on elsewhere', async ({ sortie, flight }) => {
  const pid = sortie.local.pids()['worker'] ?? 0;
  const jobId = await publish(sortie, flight, 'Handed');
  await transcoding(sortie, jobId);
  process.kill(pid, 'SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.kill(pid, 'SIGTERM');
  const job = await ended(sortie, jobId);
  assert.is(job.status, 'COMPLETED');
  assert.is(texts(job).length, 16, 'nothing failed, so no message says so');
  assert.is(job.customAttributes.sortie?.attempts.length, 2);
  assert.not.ok(workerOf(job, 2)?.endsWith(`/${pid}`));
});

it('an engine that is killed from outside is started again within its attempt', async ({ sortie, flight }) => {
  const jobId = await publish(sortie, flight, 'Killed');
  await transcoding(sortie, jobId);
  let pids: number[] = [];
  for (let round = 0; round < 200 && pids.length === 0; round++) {
    pids = processes(sortie, /^\/proc\/self\/fd\/\d+ .*engine\/child\.js/).map(({ pid }) => pid);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(pids.length > 0, 'the engine runs in a process of its own');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const job = await ended(sortie, jobId);
  assert.is(job.status, 'COMPLETED');
  assert.is(job.customAttributes.sortie?.attempts.length, 1);
  assert.ok(job.customAttributes.sortie?.warnings.some(({ code }) => code === 'ENGINE_RESTARTED'));
  assert.is(texts(job).length, 16);
});

it('what is no video fails at the right step with a reason, and nothing else is harmed', async ({ sortie, flight }) => {
  const cases: [string, Buffer | string, string][] = [
    ['empty.mp4', '', 'Probing Video Codec failed: The file is empty.'],
    ['noise.ts', Buffer.alloc(70_000, 0xa5), 'Probing Video Codec failed: The file is not a video'],
    [
      'list.mp4',
      '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n',
      'Probing Video Codec failed: The file is an HLS playlist',
    ],
    ['cut.ts', readFileSync(flight).subarray(0, 188 * 3), 'failed:'],
  ];
  for (const [name, content, reason] of cases) {
    const path = join(sortie.directory, name);
    await writeFile(path, content);
    const job = await ended(sortie, await publish(sortie, path, 'Bad'));
    assert.is(job.status, 'FAILED', name);
    assert.match(texts(job).at(-1) ?? '', reason, name);
  }
});

it.run();

// The corpus of real and hostile files, where it lies beside the checkout: outcomes as reviewed.
const media = process.env['SORTIE_MEDIA'];
if (media !== undefined) {
  const corpus = suite<{ sortie: TestSortie }>('corpus');
  const expectation = new URL('../corpus.expected.json', import.meta.url);
  const expected = JSON.parse(readFileSync(expectation, 'utf8')) as Record<string, string>;
  const outcomes: Record<string, string> = {};

  corpus.before(async (context) => {
    context.sortie = await startSortie();
  });
  corpus.after(async ({ sortie }) => {
    await sortie.stop();
    for (const [file, outcome] of Object.entries(outcomes))
      process.stdout.write(`corpus: ${file.padEnd(36)} ${outcome}\n`);
    if (process.env['SORTIE_CORPUS_WRITE'] === 'true')
      await writeFile(expectation, `${JSON.stringify(outcomes, null, 2)}\n`);
  });
  for (const file of readdirSync(media).sort()) {
    if (/\.(json|txt|md)$/.test(file)) continue;
    corpus(file, async ({ sortie }) => {
      const job = await ended(sortie, await publish(sortie, join(media, file), `F_${file.replace(/\W/g, '_')}`));
      const outcome = job.status === 'COMPLETED' ? job.status : `${job.status}: ${texts(job).at(-1) ?? ''}`;
      outcomes[file] = outcome;
      if (process.env['SORTIE_CORPUS_WRITE'] !== 'true') assert.is(outcome, expected[file]);
    });
  }
  corpus.run();
}
