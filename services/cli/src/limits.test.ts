// Limits for each user, as users meet them at the gateway of a whole Sortie: each refusal names the limit and says when to come again.
import { request as httpRequest, type ClientRequest } from 'node:http';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateFlight } from '@sortie/ingest/sample/flight';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adminName } from './data.js';
import { publish, startSortie, type TestSortie } from './testing/sortie.js';

interface Context extends TestSortie {
  token: string;
  short: string;
  long: string;
}

const it = suite<Context>('limits');

const mebibyte = 1024 * 1024;

it.before(async (context) => {
  const sortie = await startSortie({
    SORTIE_ENGINE: 'cpu',
    SORTIE_JOBS: '1',
    SORTIE_MAX_QUEUED_JOBS: '2',
    SORTIE_MAX_UPLOADS: '1',
    SORTIE_MAX_STORED_BYTES: String(16 * mebibyte),
    SORTIE_MAX_REQUESTS_PER_SECOND: '40',
    SORTIE_MAX_JOB_MEGAPIXELS: '10',
  });
  Object.assign(context, sortie);
  context.token = await sortie.rest.signIn(adminName, await readFile(sortie.data.adminPassword, 'utf8'), 600);
  context.short = join(context.directory, 'short.ts');
  context.long = join(context.directory, 'long.ts');
  // 3.5 and 17 megapixels.
  await generateFlight(context.short, { seconds: 2, width: 320, height: 180, fps: 30 });
  await generateFlight(context.long, { seconds: 10, width: 320, height: 180, fps: 30 });
});
it.after(async (context) => {
  await context.stop();
});

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface Refusal {
  code: number;
  message: string;
  retryAfter: string | null;
}

/** What the answer refuses; null when it does not. */
async function refusalIn(response: Response): Promise<Refusal | null> {
  const { error } = (await response.json()) as { error?: { code: number; message: string } };
  return error ? { ...error, retryAfter: response.headers.get('retry-after') } : null;
}

const headersOf = ({ token }: Context): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function post(context: Context, path: string, fields: Record<string, string>): Promise<Refusal | null> {
  const body = new URLSearchParams({ f: 'json', ...fields });
  return refusalIn(
    await fetch(`${context.local.gateway}${path}`, { method: 'POST', headers: headersOf(context), body }),
  );
}

async function upload(context: Context, bytes: number): Promise<Refusal | null> {
  const body = new FormData();
  body.set('f', 'json');
  // The first bytes of a transport stream, so that it is taken for one.
  body.set('file', new Blob([Buffer.alloc(bytes, 0x47)]), 'a.ts');
  const url = `${context.local.gateway}/arcgis/rest/uploads/upload`;
  return refusalIn(await fetch(url, { method: 'POST', headers: headersOf(context), body }));
}

const endings = ['COMPLETED', 'FAILED', 'CANCELLED'];

async function ended({ rest }: TestSortie, jobId: string): Promise<{ status: string; messages: string }> {
  for (;;) {
    const { status, messages } = await rest.job(jobId);
    if (endings.includes(status)) return { status, messages: messages.join('\n') };
    await pause(200);
  }
}

it('a video that is too much for one job is refused with what it has and what is taken', async (context) => {
  const { status, messages } = await ended(context, await publish(context, context.long, 'TooMuch'));
  assert.is(status, 'FAILED', messages);
  assert.match(messages, /too much for one job: about 300 frames of 320x180, where 173 are taken \(10 megapixels\)/);
  assert.is((await ended(context, await publish(context, context.short, 'Enough'))).status, 'COMPLETED');
});

it('jobs that wait have a limit', async (context) => {
  const { rest, short } = context;
  await rest.createService('Waiting');
  const fileId = await rest.upload(short, () => undefined);
  const createParameters = JSON.stringify({
    type: 'ondemand',
    name: 'L',
    fileIds: [fileId],
    requestedResolutions: 'sd',
  });
  let refusal: Refusal | null = null;
  let taken = 0;
  for (; refusal === null && taken < 30; taken++)
    refusal = await post(context, '/arcgis/rest/services/Waiting/addLayer', { createParameters });
  assert.is(refusal?.code, 429);
  assert.match(
    refusal?.message ?? '',
    /^2 jobs of \w+ wait in the queue, which is the limit for one user\. Try again in a minute/,
  );
  assert.is(refusal?.retryAfter, '60');
  // What was refused has used up no number of a layer, and all that was taken comes to its end.
  const service = (await (await fetch(`${context.local.gateway}/arcgis/rest/jobs?f=json`, { headers: headersOf(context) })).json()) as { jobs: { jobId: string }[] }; // prettier-ignore
  for (const { jobId } of service.jobs) await ended(context, jobId);
  const later = await post(context, '/arcgis/rest/services/Waiting/addLayer', { createParameters });
  assert.is(later, null);
});

/** An upload that goes on until it is told to end. */
function holdUpload(context: Context, onAnswer: () => void): ClientRequest {
  const boundary = 'sortie-test';
  const request = httpRequest(new URL(`${context.local.gateway}/arcgis/rest/uploads/upload`), {
    method: 'POST',
    headers: { ...headersOf(context), 'content-type': `multipart/form-data; boundary=${boundary}` },
  });
  request.on('error', () => undefined);
  request.on('response', (response) => {
    response.resume();
    onAnswer();
  });
  request.write(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.ts"\r\n\r\n`);
  request.write(Buffer.alloc(10_000, 0x47));
  return request;
}

it('uploads that are under way have a limit', async (context) => {
  // Of two that begin at the same time either may be the one that is refused.
  let going = false;
  const hold = (): ClientRequest => {
    going = true;
    return holdUpload(context, () => {
      going = false;
    });
  };
  let held = hold();
  let refusal: Refusal | null = null;
  for (let round = 0; !(refusal && going) && round < 100; round++) {
    if (!going) held = hold();
    await pause(50);
    refusal = await upload(context, 1_000);
  }
  assert.is(refusal?.code, 429);
  assert.match(
    refusal?.message ?? '',
    /^1 uploads of \w+ are under way, which is the limit for one user\. Try again when one of them has ended/,
  );
  assert.is(refusal?.retryAfter, '30');
  held.destroy();
  for (let round = 0; refusal !== null && round < 100; round++) {
    await pause(50);
    refusal = await upload(context, 1_000);
  }
  assert.is(refusal, null, 'there is room again');
});

it('stored bytes have a limit, which an upload meets as soon as it is over it', async (context) => {
  let refusal: Refusal | null = null;
  for (let round = 0; refusal === null && round < 10; round++) refusal = await upload(context, 3 * mebibyte);
  assert.is(refusal?.code, 429);
  assert.match(refusal?.message ?? '', /has \d+ bytes stored, and the limit for one user is 16777216/);
  assert.is(refusal?.retryAfter, '3600');
});

it('requests within a second have a limit, and there is room in the next', async (context) => {
  const url = `${context.local.gateway}/arcgis/rest/self?f=json`;
  const ask = async (): Promise<Refusal | null> => refusalIn(await fetch(url, { headers: headersOf(context) }));
  let refused: (Refusal | null)[] = [];
  for (let round = 0; refused.length === 0 && round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 100 }, ask));
    refused = answers.filter((answer) => answer !== null);
  }
  assert.is(refused[0]?.code, 429);
  assert.match(refused[0]?.message ?? '', /has made 40 requests within a second, which is the limit/);
  assert.is(refused[0]?.retryAfter, '1');
  await pause(1_100);
  assert.is(await ask(), null);
});

it.run();

const slow = suite('time of a job');

slow('a job that takes longer than it may is ended, and says so', async () => {
  const sortie = await startSortie({ SORTIE_ENGINE: 'cpu', SORTIE_MAX_JOB_SECONDS: '1' });
  try {
    const path = join(sortie.directory, 'flight.ts');
    await generateFlight(path, { seconds: 60, width: 640, height: 360, fps: 30 });
    const { status, messages } = await ended(sortie, await publish(sortie, path, 'Slow'));
    assert.is(status, 'FAILED', messages);
    assert.match(messages, /The job took longer than 1 s, which is the limit/);
  } finally {
    await sortie.stop();
  }
});

slow.run();
