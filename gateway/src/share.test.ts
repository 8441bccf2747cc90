// Sharing over real HTTP: who is shown what, and who changes it.
import { Layer } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startSite, type Site } from './testing/site.js';

interface Context {
  site: Site;
}
interface Reply {
  status: number;
  text: string;
  json: Record<string, unknown>;
  headers: Headers;
}

const it = suite<Context>('sharing over HTTP');
it.before(async (context) => {
  context.site = await startSite();
});
it.after(({ site }) => site.stop());

async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  return { status: response.status, text, json: isJson ? (JSON.parse(text) as Reply['json']) : {}, headers: response.headers }; // prettier-ignore
}
const post = (url: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Reply> =>
  ask(url, { method: 'POST', body: new URLSearchParams(form), headers });
const code = ({ json }: Reply): unknown => (json['error'] as { code?: number } | undefined)?.code;
const services = ({ url }: Site): string => `${url}/arcgis/rest/services`;
const bearer = (site: Site, user: string | null): Record<string, string> =>
  user === null ? {} : { authorization: `Bearer ${site.token(user)}` };

const segment = 'video/sd/00001.m4s';

/** Of ana, with one layer. */
async function newService(site: Site, serviceName: string, sharing?: string): Promise<string> {
  const made = await post(`${site.url}/arcgis/admin/services/create`, { f: 'json', token: site.token('ana'), service: JSON.stringify({ serviceName, sharing }) }); // prettier-ignore
  assert.equal(made.json, { status: 'success' }, made.text);
  const key = serviceName.toLowerCase();
  const files = ['ABR.m3u8', segment, 'telemetry/track.geojson'].map((path) => ({ path, sizeBytes: 1, sha256: 'a'.repeat(64) })); // prettier-ignore
  const layer = Layer.toJSON(Layer.fromPartial({ serviceName, name: 'Flight', owner: 'ana', sourceWidth: 1, sourceHeight: 1 })); // prettier-ignore
  await site.storage.put(`services/${key}/layers/0.json`, '{}');
  await site.storage.put(`layers/${key}/0/manifest.json`, JSON.stringify({ version: 1, layer, files }));
  for (const { path } of files) await site.storage.put(`layers/${key}/0/${path}`, '7');
  return `${services(site)}/${serviceName}/VideoServer`;
}

it('what is public works without a token; for all else a visitor is asked for one', async ({ site }) => {
  assert.is(code(await ask(`${services(site)}?f=json`)), 499, 'as long as nothing is public');
  const open = await newService(site, 'Open', 'public');
  const closed = await newService(site, 'Closed');
  const list = await ask(`${services(site)}?f=json`);
  assert.is(list.json['total'], 1);
  assert.not.match(list.text, 'Closed');
  for (const path of ['', '/0']) {
    assert.is((await ask(`${open}${path}?f=json`)).json['access'], 'public');
    assert.match((await ask(`${open}${path}`)).text, /Flight/);
    assert.is(code(await ask(`${closed}${path}?f=json`)), 499);
    assert.match((await ask(`${closed}${path}`)).text, /name="password"/);
  }
  assert.is(code(await ask(`${services(site)}/Never/VideoServer?f=json`)), 499, 'as one that is not there');
  for (const path of ['ABR.m3u8', segment, 'telemetry/track.geojson']) {
    assert.is((await ask(`${open}/0/${path}`)).text, '7', path);
    assert.is((await ask(`${closed}/0/${path}`)).status, 403, path);
  }
  assert.is(code(await ask(`${open}?f=json&token=nonsense`)), 498);
  // A browser whose cookie has run out is a visitor.
  assert.is((await ask(`${open}/0/${segment}`, { headers: { cookie: 'sortie_token=nonsense' } })).text, '7');
});

it('only what is public is kept anywhere, and by proxies only what nobody showed a token for', async ({ site }) => {
  const open = await newService(site, 'Kept', 'public');
  const inner = await newService(site, 'Inner', 'organization');
  const kept = async (base: string, user: string | null): Promise<(string | null)[]> => {
    const { headers } = await ask(`${base}/0/${segment}`, { headers: bearer(site, user) });
    return [headers.get('cache-control'), headers.get('vary')];
  };
  const vary = 'authorization, x-esri-authorization, cookie';
  assert.equal(await kept(open, null), ['public, max-age=60', vary]);
  assert.equal(await kept(open, 'ben'), ['private, max-age=60', vary]);
  assert.equal(await kept(inner, 'ben'), ['no-store', vary]);
  assert.is((await ask(`${open}/0/ABR.m3u8?token=${site.token('ben')}`)).headers.get('cache-control'), 'no-store');
  assert.is((await ask(`${open}?f=json`)).headers.get('cache-control'), 'no-store');
});

it('owners and administrators share, in the words of a portal', async ({ site }) => {
  const base = await newService(site, 'Mine');
  const share = (path: string, user: string, form: Record<string, string>): Promise<Reply> =>
    post(`${base}${path}/share`, { f: 'json', token: site.token(user), ...form });
  const access = async (path: string): Promise<unknown> =>
    (await ask(`${base}${path}?f=json&token=${site.token('ana')}`)).json['access'];
  assert.is(code(await share('', 'ben', { everyone: 'true' })), 404);
  const shared = await share('', 'ana', { org: 'true' });
  assert.equal([shared.json['notSharedWith'], shared.json['access']], [[], 'org']);
  assert.is(code(await share('', 'ben', { everyone: 'true' })), 403);
  assert.is(code(await share('/0', 'vera', { everyone: 'true' })), 403);
  assert.is(code(await share('', 'ana', {})), 400);
  assert.is((await ask(`${base}/0/${segment}`, { headers: bearer(site, 'vera') })).text, '7');
  assert.equal((await share('/0', 'root', { everyone: 'true', org: 'true' })).json['access'], 'org', 'not beyond its service'); // prettier-ignore
  await share('', 'ana', { everyone: 'true' });
  assert.equal([await access(''), await access('/0')], ['public', 'public']);
  await share('/0', 'ana', { everyone: 'false' });
  assert.equal([await access(''), await access('/0')], ['public', 'private']);
  await share('/0', 'ana', { inherit: 'true' });
  assert.is(await access('/0'), 'public');
  await share('', 'ana', { everyone: 'false', org: 'false' });
  assert.is((await ask(`${base}/0/${segment}`, { headers: bearer(site, 'vera') })).status, 404);
  assert.is(code(await ask(`${base}?f=json&token=${site.token('ben')}`)), 404);
});

it('the pages show their owner a form, which needs no script', async ({ site }) => {
  const base = await newService(site, 'Form', 'organization');
  for (const path of ['', '/0']) {
    const own = await ask(`${base}${path}`, { headers: bearer(site, 'ana') });
    assert.match(own.text, `action="/arcgis/rest/services/Form/VideoServer${path}/share"`);
    for (const other of ['ben', 'vera'])
      assert.not.match((await ask(`${base}${path}`, { headers: bearer(site, other) })).text, '/share"');
  }
  const cookie = `sortie_token=${site.token('ana')}`;
  const other = await post(`${base}/share`, { everyone: 'true' }, { cookie, 'sec-fetch-site': 'cross-site' });
  assert.match(other.text, /Token Required|needs a token/, 'not from a page of another site');
  const sent = await post(`${base}/0/share`, { everyone: 'false' }, { cookie, 'sec-fetch-site': 'same-origin' });
  assert.equal([sent.status, sent.headers.get('location')], [303, '/arcgis/rest/services/Form/VideoServer/0']);
  assert.is(code(await ask(`${base}/0?f=json&token=${site.token('ben')}`)), 404);
});

it('a layer is shared as it is added, and words that are none are refused', async ({ site }) => {
  const create = { f: 'json', token: site.token('ana'), service: JSON.stringify({ serviceName: 'Words', sharing: 'all' }) }; // prettier-ignore
  assert.is(code(await post(`${site.url}/arcgis/admin/services/create`, create)), 400);
  await newService(site, 'Added', 'public');
  const form = new FormData();
  form.append('file', new Blob([Buffer.alloc(188, 0x47)]), 'a.ts');
  const token = site.token('ana');
  const upload = await ask(`${site.url}/arcgis/rest/uploads/upload?f=json&token=${token}`, { method: 'POST', body: form }); // prettier-ignore
  const createParameters = (sharing: string): string =>
    JSON.stringify({ type: 'ondemand', name: 'New', sharing, fileIds: upload.json['fileId'] });
  const add = (sharing: string): Promise<Reply> =>
    post(`${services(site)}/Added/addLayer`, { f: 'json', token, createParameters: createParameters(sharing) });
  assert.is(code(await add('everyone')), 400);
  const { json } = await add('private');
  assert.is(json['layerId'], 1, JSON.stringify(json));
  assert.equal(JSON.parse((await site.storage.get('services/added/sharing/1.json'))?.toString() ?? ''), { sharing: 'SHARING_PRIVATE' }); // prettier-ignore
});

it.run();
