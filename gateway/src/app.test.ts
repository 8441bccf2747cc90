// The gateway over real HTTP, with the real services behind it.
import { randomBytes, randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { Layer } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { Engine, JobType, Outcome, Priority, Step, StepState, type Lease } from '@sortie/common/gen/sortie/job/v1/job';
import { call } from '@sortie/common/grpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Binding } from './arcgis/tokens.js';
import { maxUploadBytes, password, startSite, type Site } from './testing/site.js';

interface Context {
  site: Site;
}
type Json = Record<string, unknown>;
interface Reply {
  status: number;
  type: string;
  text: string;
  json: Json;
  headers: Headers;
}

const it = suite<Context>('gateway');

it.before(async (context) => {
  context.site = await startSite();
});
it.after(async (context) => {
  await context.site.stop();
});

async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const json = type.includes('json') ? (JSON.parse(text) as Json) : {};
  return { status: response.status, type, text, json, headers: response.headers };
}
const post = (url: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Reply> =>
  ask(url, { method: 'POST', body: new URLSearchParams(form), headers });
const code = ({ json }: Reply): unknown => (json['error'] as { code?: number } | undefined)?.code;
const shaped = (reply: Reply, expected: number): void => {
  assert.is(code(reply), expected, reply.text.slice(0, 300));
  const error = reply.json['error'] as Json;
  assert.equal(Object.keys(error), ['code', 'message', 'details']);
  assert.ok(Array.isArray(error['details']));
  assert.is.not(error['message'], '');
};

async function newJob({ jobs }: Site, owner = 'ana'): Promise<string> {
  const { job } = await call(jobs.createJob.bind(jobs), {
    requestId: '',
    type: JobType.JOB_TYPE_PUBLISH,
    priority: Priority.PRIORITY_UNSPECIFIED,
    validateOnly: false,
    owner,
    inputs: {
      serviceItemId: 'a'.repeat(32),
      requestedResolutions: ['sd', 'hd'],
      fileIds: [`i${randomUUID()}`],
      serviceUrl: 'http://x/S/VideoServer',
      serviceName: 'S',
      layerId: 2,
      layerName: '<b>Flight</b>',
    },
  });
  return job?.jobId ?? '';
}
const jobUrl = (site: Site, jobId: string, query = ''): string => `${site.url}/arcgis/rest/jobs/job/${jobId}${query}`;

it('the job resource answers in html, json and pjson, at both addresses, to GET and POST', async ({ site }) => {
  const jobId = await newJob(site);
  const token = site.token('ana');
  const json = await ask(jobUrl(site, jobId, `?f=json&token=${token}`));
  assert.is(json.status, 200);
  assert.equal(Object.keys(json.json), [
    'jobId',
    'inputs',
    'messages',
    'type',
    'status',
    'username',
    'customAttributes',
  ]);
  assert.equal((json.json['inputs'] as Json)['requestedResolutions'], 'sd,hd');
  const pretty = await ask(jobUrl(site, jobId, `?f=pjson&token=${token}`));
  assert.is(pretty.text, JSON.stringify(json.json, null, 2));
  const short = await ask(`${site.url}/arcgis/rest/jobs/${jobId}?f=json&token=${token}`);
  assert.is(short.text, json.text);
  const posted = await post(jobUrl(site, jobId), { f: 'json', token });
  assert.is(posted.text, json.text);
  for (const query of ['', '&f=html', '&f=']) {
    const page = await ask(jobUrl(site, jobId, `?${query}`), { headers: { authorization: `Bearer ${token}` } });
    assert.match(page.type, 'text/html');
    assert.match(page.text, jobId);
  }
});

it('an unknown format is a 400 on a page, as in ArcGIS', async ({ site }) => {
  const reply = await ask(jobUrl(site, await newJob(site), `?f=nmf&token=${site.token('ana')}`));
  assert.is(reply.status, 200);
  assert.match(reply.text, 'Output format not supported.');
  assert.match(reply.text, 'Code: 400');
});

it('tokens are taken from the query, a form, and both headers; without one it is 499, with a wrong one 498', async ({
  site,
}) => {
  const jobId = await newJob(site);
  const token = site.token('ana');
  const url = jobUrl(site, jobId, '?f=json');
  shaped(await ask(url), 499);
  shaped(await ask(`${url}&token=`), 499);
  shaped(await ask(`${url}&token=nonsense`), 498);
  const issue = (lifeMs: number, binding: Binding): string =>
    site.sessions.issue({ username: 'ana', lifeMs, binding }, Date.now()).token;
  shaped(await ask(`${url}&token=${issue(-1, { kind: 'none' })}`), 498);
  const bound = issue(1e5, { kind: 'referer', value: 'referer' });
  shaped(await ask(`${url}&token=${bound}`), 498);
  for (const init of [
    { headers: { authorization: `Bearer ${token}` } },
    { headers: { 'x-esri-authorization': `Bearer ${token}` } },
    { headers: { authorization: `Bearer ${bound}`, referer: 'referer' } },
  ]) {
    assert.is((await ask(url, init)).json['jobId'], jobId);
  }
  assert.is((await post(jobUrl(site, jobId), { f: 'json', token })).json['jobId'], jobId);
});

it('unknown jobs and those of others are not there; administrators see all', async ({ site }) => {
  const jobId = await newJob(site, 'ana');
  const get = (id: string, user: string): Promise<Reply> => ask(jobUrl(site, id, `?f=json&token=${site.token(user)}`));
  shaped(await get(`j${randomUUID()}`, 'ana'), 404);
  shaped(await get('nonsense', 'ana'), 404);
  shaped(await get('..%2f..%2fetc', 'ana'), 404);
  shaped(await get(jobId, 'ben'), 404);
  assert.is((await get(jobId, 'root')).json['jobId'], jobId);
  const list = await ask(`${site.url}/arcgis/rest/jobs?f=json&token=${site.token('ben')}`);
  assert.not.match(list.text, jobId);
  const cancel = await post(`${jobUrl(site, jobId)}/cancel`, { f: 'json', token: site.token('ben') });
  shaped(cancel, 404);
});

it('a cancelled job is CANCELLED, and cancelling again is told', async ({ site }) => {
  const jobId = await newJob(site);
  const token = site.token('ana');
  assert.equal((await post(`${jobUrl(site, jobId)}/cancel`, { f: 'json', token })).json, { success: true });
  assert.is((await ask(jobUrl(site, jobId, `?f=json&token=${token}`))).json['status'], 'CANCELLED');
  shaped(await post(`${jobUrl(site, jobId)}/cancel`, { f: 'json', token }), 400);
});

it('pages escape what users wrote and carry a strict policy', async ({ site }) => {
  const { jobs } = site;
  const jobId = await newJob(site);
  const { lease } = await call(jobs.startAttempt.bind(jobs), {
    jobId,
    worker: '<script>alert(1)</script>',
    requestId: '',
    inTurn: false,
  });
  await call(jobs.reportStep.bind(jobs), {
    lease,
    step: Step.STEP_START,
    state: StepState.STEP_STATE_RUNNING,
    engine: Engine.ENGINE_UNSPECIFIED,
    detail: '"><script>alert(2)</script>',
    warnings: [{ code: 'X', message: '<img src=x onerror=alert(3)>' }],
  });
  await call(jobs.finishAttempt.bind(jobs), { lease, outcome: Outcome.OUTCOME_SUCCEEDED, error: undefined });
  const page = await ask(jobUrl(site, jobId), { headers: { authorization: `Bearer ${site.token('ana')}` } });
  assert.not.match(page.text, '<script>alert');
  assert.not.match(page.text, '<img src=x');
  assert.match(page.text, '&lt;b&gt;Flight&lt;/b&gt;');
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, "default-src 'none'");
  assert.not.match(policy, 'unsafe');
  assert.is(page.headers.get('x-content-type-options'), 'nosniff');
});

it('events come with their numbers and go on after Last-Event-ID', async ({ site }) => {
  const { jobs } = site;
  const jobId = await newJob(site);
  const { lease } = await call(jobs.startAttempt.bind(jobs), { jobId, worker: 'w', requestId: '', inTurn: false });
  const read = async (headers: Record<string, string>): Promise<number[]> => {
    const reply = await ask(`${jobUrl(site, jobId)}/events?token=${site.token('ana')}`, { headers });
    assert.match(reply.type, 'text/event-stream');
    return [...reply.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  };
  const live = read({});
  await call(jobs.reportStep.bind(jobs), {
    lease: lease as Lease,
    step: Step.STEP_START,
    state: StepState.STEP_STATE_RUNNING,
    engine: Engine.ENGINE_UNSPECIFIED,
    detail: '',
    warnings: [],
  });
  await call(jobs.finishAttempt.bind(jobs), { lease, outcome: Outcome.OUTCOME_SUCCEEDED, error: undefined });
  const all = await live;
  assert.equal(
    all,
    all.map((_, index) => index + 1),
  );
  assert.equal(await read({ 'last-event-id': '3' }), all.slice(3));
});

it('generateToken gives a token in milliseconds, under both roots, and takes no wrong password', async ({ site }) => {
  for (const path of ['/arcgis/admin/generateToken', '/arcgis/rest/generateToken']) {
    const before = Date.now();
    const { json } = await post(`${site.url}${path}`, {
      f: 'json',
      username: 'ana',
      password,
      client: 'requestip',
      expiration: '5',
    });
    const left = Number(json['expires']) - before;
    assert.ok(left > 290_000 && left < 330_000);
    assert.ok((await ask(`${site.url}/arcgis/rest/jobs?f=json&token=${String(json['token'])}`)).json['jobs']);
  }
  const url = `${site.url}/arcgis/rest/generateToken`;
  const long = await post(url, { f: 'json', username: 'ana', password, expiration: '9999999' });
  assert.ok(Number(long.json['expires']) <= Date.now() + 1_440 * 60_000);
  shaped(await post(url, { f: 'json', username: 'ana', password: 'wrong' }), 400);
  shaped(await post(url, { f: 'json', username: 'nobody', password }), 400);
  shaped(await post(url, { f: 'json', username: 'ana' }), 400);
  shaped(await post(url, { f: 'json', username: 'ana', password, client: 'moon' }), 400);
  shaped(await post(url, { f: 'json', username: 'ana', password, client: 'referer' }), 400);
  shaped(await post(url, { f: 'json', username: 'ana', password, expiration: 'soon' }), 400);
  shaped(await ask(`${url}?f=json&username=ana&password=${encodeURIComponent(password)}`), 405);
  const referer = await post(url, {
    f: 'json',
    username: 'ana',
    password,
    client: 'referer',
    referer: 'http://app.example.com',
  });
  const jobs = `${site.url}/arcgis/rest/jobs?f=json&token=${String(referer.json['token'])}`;
  shaped(await ask(jobs), 498);
  assert.ok((await ask(jobs, { headers: { referer: 'http://app.example.com/x' } })).json['jobs']);
});

it('signing in on a page leads back to it, and to no other site', async ({ site }) => {
  const page = await ask(`${site.url}/arcgis/rest/jobs`);
  assert.match(page.text, '<form method="post" action="/arcgis/rest/signIn"');
  const reply = await post(`${site.url}/arcgis/rest/signIn`, { username: 'ana', password, next: '/arcgis/rest/jobs' });
  assert.is(reply.status, 303);
  assert.is(reply.headers.get('location'), '/arcgis/rest/jobs');
  const cookie = (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  assert.match(reply.headers.get('set-cookie') ?? '', /HttpOnly; SameSite=Strict/);
  const list = await ask(`${site.url}/arcgis/rest/jobs?f=json`, { headers: { cookie } });
  assert.ok(list.json['jobs']);
  // A cookie reads; it never acts.
  shaped(
    await post(`${site.url}/arcgis/admin/services/create`, { f: 'json', service: '{"serviceName":"X"}' }, { cookie }),
    499,
  );
  for (const next of ['https://evil.org/', '//evil.org', '/\\evil.org']) {
    const other = await post(`${site.url}/arcgis/rest/signIn`, { username: 'ana', password, next });
    assert.is(other.headers.get('location'), '/arcgis/rest');
  }
});

it('info and the catalog answer without a token', async ({ site }) => {
  for (const path of ['/arcgis/rest', '/arcgis/rest/info', '/arcgis/rest/info/']) {
    const { json } = await post(`${site.url}${path}`, { f: 'json' });
    assert.is(json['currentVersion'], 12);
    assert.is((json['authInfo'] as Json)['isTokenBasedSecurity'], true);
  }
  assert.equal((await ask(`${site.url}/arcgis/rest/info/healthcheck?f=json`)).json, { success: 'true' });
  shaped(await ask(`${site.url}/arcgis/rest/services?f=json`), 499);
  shaped(await ask(`${site.url}/arcgis/rest/nothing?f=json`), 404);
});

function uploadForm(bytes: Buffer, name: string, fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  form.append('file', new Blob([bytes]), name);
  return form;
}
const upload = ({ url }: Site, form: FormData, query = ''): Promise<Reply> =>
  ask(`${url}/arcgis/rest/uploads/upload${query}`, { method: 'POST', body: form });

it('an upload gives the four documented keys; the token may stand in the form', async ({ site }) => {
  const reply = await upload(
    site,
    uploadForm(Buffer.alloc(18_800, 0x47), 'Über "Flug".ts', { f: 'json', token: site.token('ana'), description: 'd' }),
  );
  assert.equal(Object.keys(reply.json), ['date', 'fileName', 'committed', 'fileId'], reply.text);
  assert.match(String(reply.json['fileId']), /^i[0-9a-f-]{36}$/);
});

it('bad uploads are told clearly and leave the gateway well', async ({ site }) => {
  const query = `?f=json&token=${site.token('ana')}`;
  shaped(await upload(site, uploadForm(Buffer.from('x'), 'a.ts', { f: 'json' })), 499);
  shaped(await upload(site, uploadForm(Buffer.from('x'), 'a.ts'), `?f=json&token=${site.token('vera')}`), 403);
  shaped(await upload(site, uploadForm(Buffer.from('MZ'), 'a.exe'), query), 400);
  shaped(await upload(site, uploadForm(Buffer.from('504b0304', 'hex'), 'a.mp4'), query), 400);
  shaped(await upload(site, uploadForm(Buffer.alloc(maxUploadBytes + 1, 0x47), 'large.ts'), query), 413);
  const none = new FormData();
  none.append('description', 'no file');
  shaped(await upload(site, none, query), 400);
  const url = `${site.url}/arcgis/rest/uploads/upload${query}`;
  shaped(await post(url, { description: 'not multipart' }), 400);
  const broken = { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=b' } };
  shaped(
    await ask(url, {
      ...broken,
      body: '--b\r\ncontent-disposition: form-data; name="file"; filename="a.ts"\r\n\r\nhalf',
    }),
    400,
  );
  shaped(await ask(url, { ...broken, body: 'no form at all' }), 400);
  const huge = new FormData();
  huge.append('description', 'x'.repeat(200_000));
  huge.append('file', new Blob(['x']), 'a.ts');
  const reply = await upload(site, huge, query);
  assert.ok(reply.json['fileId'] ?? code(reply), 'an answer all the same');
  assert.is((await ask(`${site.url}/arcgis/rest/info?f=json`)).status, 200);
});

it('a client that goes away in the middle of an upload leaves nothing', async ({ site }) => {
  const before = await site.storage.children('uploads');
  await new Promise<void>((resolve) => {
    const request = httpRequest(`${site.url}/arcgis/rest/uploads/upload?f=json&token=${site.token('ana')}`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    request.on('error', () => resolve());
    request.on('close', () => resolve());
    request.write('--b\r\ncontent-disposition: form-data; name="file"; filename="a.ts"\r\n\r\n');
    request.write(Buffer.alloc(500_000, 0x47));
    setTimeout(() => request.destroy(), 100);
  });
  const files = async (): Promise<number> => {
    let count = 0;
    for (const id of await site.storage.children('uploads'))
      count += (await site.storage.children(`uploads/${id}`)).length > 0 && !before.includes(id) ? 1 : 0;
    return count;
  };
  for (let round = 0; round < 100 && (await files()) > 0; round++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(await files(), 0);
});

async function published(site: Site, name: string): Promise<string> {
  const token = site.token('ana');
  await post(`${site.url}/arcgis/admin/services/create`, {
    f: 'json',
    token,
    service: JSON.stringify({ serviceName: name }),
  });
  const { json } = await upload(site, uploadForm(Buffer.alloc(1880, 0x47), 'a.ts'), `?f=json&token=${token}`);
  return String(json['fileId']);
}

it('services are created, listed, and their names asked for', async ({ site }) => {
  const token = site.token('ana');
  const name = `S${randomBytes(3).toString('hex')}`;
  const create = (service: string): Promise<Reply> =>
    post(`${site.url}/arcgis/admin/services/create`, { f: 'json', token, service });
  assert.equal((await create(JSON.stringify({ serviceName: name }))).json, { status: 'success' });
  shaped(await create(JSON.stringify({ serviceName: name.toLowerCase() })), 409);
  shaped(await create(JSON.stringify({ serviceName: '../x' })), 400);
  shaped(await create('not json'), 400);
  shaped(await create('[1]'), 400);
  const available = async (serviceName: string): Promise<unknown> =>
    (await post(`${site.url}/arcgis/rest/services/isServiceNameAvailable`, { f: 'json', token, serviceName })).json[
      'available'
    ];
  assert.is(await available(name), false);
  assert.is(await available(`${name}x`), true);
  const list = await ask(`${site.url}/arcgis/rest/services?f=json&num=1&token=${token}`);
  assert.is((list.json['services'] as unknown[]).length, 1);
  const service = await ask(`${site.url}/arcgis/rest/services/${name}/VideoServer?f=json&token=${token}`);
  assert.is(service.json['currentVersion'], 12);
  assert.equal(service.json['layers'], []);
  shaped(await ask(`${site.url}/arcgis/rest/services/none/VideoServer?f=json&token=${token}`), 404);
  shaped(await ask(`${site.url}/arcgis/rest/services/..%2f..%2fx/VideoServer?f=json&token=${token}`), 400);
});

it('addLayer begins a job; wrong ones are refused with the reason', async ({ site }) => {
  const fileId = await published(site, 'Adding');
  const add = (create: unknown, user = 'ana', service = 'Adding'): Promise<Reply> =>
    post(`${site.url}/arcgis/rest/services/${service}/addLayer`, {
      f: 'json',
      token: site.token(user),
      createParameters: typeof create === 'string' ? create : JSON.stringify(create),
    });
  const good = { type: 'ondemand', name: 'Flight', dataSource: { fileIds: fileId, requestedResolutions: 'SD | hd' } };
  const reply = await add(good);
  assert.is(reply.json['success'], true, reply.text);
  const job = await ask(jobUrl(site, String(reply.json['jobId']), `?f=json&token=${site.token('ana')}`));
  assert.equal(job.json['inputs'], {
    serviceItemId: (job.json['inputs'] as Json)['serviceItemId'],
    requestedResolutions: 'sd,hd',
    fileIds: fileId,
    serviceUrl: `${site.url}/arcgis/rest/services/Adding/VideoServer`,
  });
  shaped(await add('{'), 400);
  shaped(await add({ ...good, type: 'livestream' }), 400);
  shaped(await add({ ...good, name: '' }), 400);
  shaped(await add({ ...good, dataSource: { fileIds: fileId, requestedResolutions: '8k' } }), 400);
  shaped(await add({ ...good, dataSource: { fileIds: fileId, requestedResolutions: 7 } }), 400);
  shaped(await add({ ...good, dataSource: {} }), 400);
  shaped(await add({ ...good, dataSource: { fileIds: 'i../../../etc/passwd' } }), 404);
  shaped(await add(good, 'ben'), 404);
  shaped(await add(good, 'vera'), 403);
  shaped(await add(good, 'ana', 'None'), 404);
});

it('files of a layer are delivered with types, ranges and tokens', async ({ site }) => {
  await published(site, 'Shown');
  const playlist = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\nvideo/sd/index.m3u8\n';
  await site.storage.put('layers/shown/0/ABR.m3u8', playlist);
  await site.storage.put('layers/shown/0/video/sd/00001.m4s', '0123456789');
  const files = [
    { path: 'ABR.m3u8', sizeBytes: playlist.length, sha256: 'a'.repeat(64) },
    { path: 'video/sd/00001.m4s', sizeBytes: 10, sha256: 'b'.repeat(64) },
  ];
  const layer = {
    ...Layer.fromJSON({}),
    serviceName: 'Shown',
    name: 'Flight',
    durationSeconds: 10,
    sourceWidth: 640,
    sourceHeight: 360,
  };
  await site.storage.put(
    'layers/shown/0/manifest.json',
    JSON.stringify({ version: 1, layer: Layer.toJSON(layer), files }),
  );
  const token = site.token('ana');
  const base = `${site.url}/arcgis/rest/services/Shown/VideoServer/0`;
  const get = (path: string, headers: Record<string, string> = {}): Promise<Reply> =>
    ask(`${base}/${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });

  const { json } = await ask(`${base}?f=json&token=${token}`);
  assert.equal(json['connectionUrl'], { hls: `${base}/ABR.m3u8` });
  assert.is(typeof (json['playbackInfo'] as Json)['klv'], 'object');
  assert.is((json['time'] as Json)['duration'], 10);

  const plain = await get('ABR.m3u8');
  assert.is(plain.text, playlist);
  assert.is(plain.type, 'application/vnd.apple.mpegurl');
  const withToken = await ask(`${base}/ABR.m3u8?token=${token}`);
  assert.match(withToken.text, `URI="init.mp4?token=${encodeURIComponent(token)}"`);
  assert.match(withToken.text, `video/sd/index.m3u8?token=${encodeURIComponent(token)}`);

  const segment = 'video/sd/00001.m4s';
  assert.is((await get(segment)).text, '0123456789');
  const cases: [string, number, string, string][] = [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-500', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['lines=1-2', 200, '0123456789', ''],
    ['bytes=4-2', 200, '0123456789', ''],
  ];
  for (const [range, status, text, contentRange] of cases) {
    const reply = await get(segment, { range });
    assert.equal(
      [reply.status, reply.text, reply.headers.get('content-range') ?? ''],
      [status, text, contentRange],
      range,
    );
  }
  const head = await ask(`${base}/${segment}`, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } });
  assert.equal([head.status, head.headers.get('content-length')], [200, '10']);
  const etag = head.headers.get('etag') ?? '';
  assert.is((await get(segment, { 'if-none-match': etag })).status, 304);
  assert.is((await ask(`${base}/${segment}`)).status, 403);
  for (const path of ['manifest.json', '..%2f..%2f..%2fusers.json', 'video/sd/', '%00'])
    assert.is((await get(path)).status, 404, path);
  const page = await ask(base, { headers: { authorization: `Bearer ${token}` } });
  assert.match(page.text, 'player.js');
});

it('a gateway that goes lets go of those who watch a job; they come back elsewhere', async ({ site }) => {
  const jobId = await newJob(site);
  const reply = await fetch(`${jobUrl(site, jobId)}/events?token=${site.token('ana')}`);
  const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  while (!text.includes('id: 1')) text += new TextDecoder().decode((await reader.read()).value);
  const closed = site.app.close();
  while (!(await reader.read()).done);
  await closed;
});

it.run();
