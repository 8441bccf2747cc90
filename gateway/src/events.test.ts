// The event stream of a job over real HTTP, while the services behind the gateway go and come back.
import { randomUUID } from 'node:crypto';
import { JobType, Priority } from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import { saveUser } from '@sortie/common/users';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { usualEventStreams } from './settings/settings.js';
import { startSite, type Site } from './testing/site.js';

interface Context {
  site: Site;
}
const it = suite<Context>('event streams');

it.before(async (context) => {
  // Each connection to the Job service breaks after a second or two.
  context.site = await startSite({ maxConnectionAgeSeconds: 1 });
});
it.after(async ({ site }) => {
  await site.stop();
});

async function newJob({ jobs }: Site): Promise<string> {
  const { job } = await call(jobs.createJob.bind(jobs), {
    requestId: '',
    type: JobType.JOB_TYPE_PUBLISH,
    priority: Priority.PRIORITY_UNSPECIFIED,
    validateOnly: false,
    owner: 'ana',
    inputs: {
      serviceItemId: 'a'.repeat(32),
      requestedResolutions: [],
      fileIds: [`i${randomUUID()}`],
      serviceUrl: '',
      serviceName: 'S',
      layerId: 0,
      layerName: 'L',
    },
  });
  return job?.jobId ?? '';
}

const open = (site: Site, jobId: string, token = site.token('ana'), signal?: AbortSignal): Promise<Response> =>
  fetch(`${site.url}/arcgis/rest/jobs/job/${jobId}/events?token=${token}`, signal ? { signal } : {});
const numbers = (text: string): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));

/** Reads on until the text has what is looked for. */
async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  text: string,
  found: (text: string) => boolean,
): Promise<string> {
  let all = text;
  while (!found(all)) {
    const { value, done } = await reader.read();
    assert.ok(!done, `the stream ended at: ${all}`);
    all += new TextDecoder().decode(value);
  }
  return all;
}
const readerOf = ({ body }: Response): ReadableStreamDefaultReader<Uint8Array> =>
  (body as ReadableStream<Uint8Array>).getReader();

it('a Job service that goes, and connections that age, are not seen by the client', async ({ site }) => {
  const jobId = await newJob(site);
  const reply = await open(site, jobId);
  assert.match(reply.headers.get('content-type') ?? '', 'text/event-stream');
  assert.is(reply.headers.get('access-control-allow-origin'), '*');
  const reader = readerOf(reply);
  let text = await readUntil(reader, '', (all) => all.includes('id: 1\n'));
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  await site.stopJobService();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await site.startJobService();
  const { jobs } = site;
  await call(jobs.cancelJob.bind(jobs), { jobId, user: 'ana' });
  text = await readUntil(reader, text, (all) => all.includes('event: end'));
  assert.is((await reader.read()).done, true);
  const seen = numbers(text);
  assert.ok(seen.length > 1);
  assert.equal(
    seen,
    seen.map((_, index) => index + 1),
  );
});

it('an outage makes an EventSource come again; what is final is told as such', async ({ site }) => {
  const jobId = await newJob(site);
  await site.stopJobService();
  const away = await open(site, jobId);
  assert.is(away.status, 200);
  assert.match(away.headers.get('content-type') ?? '', 'text/event-stream');
  assert.match(await away.text(), /^retry: \d+\n\n$/);
  await site.startJobService();
  for (const [id, token] of [
    [`j${randomUUID()}`, site.token('ana')],
    [jobId, site.token('ben')],
    [jobId, 'wrong'],
    [jobId, ''],
  ] as const) {
    const reply = await open(site, id, token);
    assert.not.match(reply.headers.get('content-type') ?? '', 'text/event-stream');
    await reply.text();
  }
});

it('a stream ends with its token', async ({ site }) => {
  const { token } = site.sessions.issue({ username: 'ana', lifeMs: 1_000, binding: { kind: 'none' } }, Date.now());
  const text = await (await open(site, await newJob(site), token)).text();
  assert.equal(numbers(text), [1]);
  assert.match(text, /event: end\ndata: \{"error":\{"code":498,"message":"Invalid token\.","details":\[\]\}\}\n\n$/);
});

it('a stream ends when its user gets another password, and others go on', async ({ site }) => {
  const jobId = await newJob(site);
  const vera = readerOf(await open(site, jobId, site.token('root')));
  const text = (await open(site, jobId)).text();
  await saveUser(site.usersFile, { username: 'ana', role: 'publisher' }, 'another good password');
  assert.match(await text, '"code":498');
  const { jobs } = site;
  await call(jobs.cancelJob.bind(jobs), { jobId, user: 'ana' });
  assert.match(await readUntil(vera, '', (all) => all.includes('event: end')), 'event: end\ndata: {}');
});

it('a user has a limited number of streams, and gets one again when another is closed', async ({ site }) => {
  const jobId = await newJob(site);
  const closing = new AbortController();
  const last = new AbortController();
  // Kept: fetch closes what nobody holds any more.
  const held: Response[] = [];
  const opened = async (signal: AbortSignal): Promise<boolean> => {
    const reply = await open(site, jobId, site.token('ana'), signal);
    held.push(reply);
    if ((reply.headers.get('content-type') ?? '').includes('text/event-stream')) return true;
    assert.match(await reply.text(), '429');
    return false;
  };
  let count = 0;
  while (await opened(count === 0 ? last.signal : closing.signal)) {
    count++;
    assert.ok(count <= usualEventStreams, 'there is no limit');
  }
  assert.is(count, usualEventStreams);
  // Others have their own.
  const other = await open(site, jobId, site.token('root'), closing.signal);
  assert.match(other.headers.get('content-type') ?? '', 'text/event-stream');
  last.abort();
  for (let round = 0; !(await opened(closing.signal)); round++)
    assert.ok(round < 200, 'the place was never free again');
  closing.abort();
});

it.run();
