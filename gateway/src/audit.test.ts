// The audit log through the real gateway: what each action leaves, who reads it, and what becomes of it while the Job service is away.
import { Layer } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuditDocument } from './arcgis/audit.js';
import { password, startSite, type Site } from './testing/site.js';

interface Context {
  site: Site;
}
type Json = Record<string, unknown>;

const it = suite<Context>('audit log over HTTP');
it.before(async (context) => {
  context.site = await startSite();
});
it.after(({ site }) => site.stop());

async function ask(url: string, init: RequestInit = {}): Promise<Json> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  return (response.headers.get('content-type') ?? '').includes('json') ? (JSON.parse(text) as Json) : { text };
}
const post = (url: string, form: Record<string, string>): Promise<Json> =>
  ask(url, { method: 'POST', body: new URLSearchParams(form) });
const code = (json: Json): unknown => (json['error'] as { code?: number } | undefined)?.code;

const list = async (site: Site, query = ''): Promise<AuditDocument[]> =>
  (await ask(`${site.url}/arcgis/rest/audit?f=json&token=${site.token('root')}${query}`))['events'] as AuditDocument[];

/** The newest event of this kind, once it is there; `times`: how many there are then. */
async function found(site: Site, query: string, times = 1): Promise<AuditDocument> {
  for (;;) {
    const events = await list(site, query);
    if (events.length > times) assert.unreachable(`${events.length} events of ${query}`);
    const [newest] = events;
    if (newest && events.length === times) return newest;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const short = ({ user, address, action, resource, result }: AuditDocument): string[] => [user, address, action, resource, result]; // prettier-ignore
const here = '127.0.0.1';

it('each action leaves its entry', async ({ site }) => {
  const rest = `${site.url}/arcgis/rest`;
  const { token } = (await post(`${rest}/generateToken`, { f: 'json', username: 'ana', password })) as {
    token: string;
  };
  assert.equal(short(await found(site, '&action=sign-in&user=ana')), ['ana', here, 'sign-in', '', 'done']);

  await post(`${site.url}/arcgis/admin/services/create`, { f: 'json', token, service: '{"serviceName":"Flight"}' });
  assert.equal(short(await found(site, '&action=create-service')), ['ana', here, 'create-service', 'flight', 'done']);

  const form = new FormData();
  form.append('file', new Blob([Buffer.alloc(188, 0x47)]), 'a.ts');
  const { fileId } = await ask(`${rest}/uploads/upload?f=json&token=${token}`, { method: 'POST', body: form });
  assert.equal(short(await found(site, '&action=upload')), ['ana', here, 'upload', fileId, 'done']);

  const createParameters = JSON.stringify({ type: 'ondemand', name: 'Flight', fileIds: fileId });
  const { jobId } = await post(`${rest}/services/Flight/addLayer`, { f: 'json', token, createParameters });
  const publish = await found(site, '&action=publish');
  assert.equal([...short(publish), publish.detail], ['ana', here, 'publish', 'flight/0', 'done', jobId]);

  await post(`${rest}/jobs/job/${String(jobId)}/cancel`, { f: 'json', token });
  assert.equal(short(await found(site, '&action=cancel')), ['ana', here, 'cancel', jobId, 'done']);

  await post(`${rest}/services/Flight/VideoServer/share`, { f: 'json', token, everyone: 'true' });
  const share = await found(site, '&action=share');
  assert.equal([...short(share), share.detail], ['ana', here, 'share', 'flight', 'done', 'public']);

  const layer = Layer.toJSON(Layer.fromPartial({ serviceName: 'Flight', name: 'Flight', owner: 'ana', sourceWidth: 1, sourceHeight: 1 })); // prettier-ignore
  await site.storage.put('layers/flight/0/manifest.json', JSON.stringify({ version: 1, layer, files: [{ path: 'abr.json', sizeBytes: 1, sha256: 'a'.repeat(64) }] })); // prettier-ignore
  await site.storage.put('layers/flight/0/abr.json', '7');
  const media = `${rest}/services/Flight/VideoServer/0`;
  for (const query of [`?token=${token}`, `?token=${token}`, '', '']) await ask(`${media}/abr.json${query}`);
  await ask(`${media}?f=json&token=${token}`);
  assert.equal(short(await found(site, '&action=read&user=ana')), ['ana', here, 'read', 'flight/0', 'done']);
  assert.is((await found(site, '&action=read&resource=flight/0', 2)).user, '', 'a visitor');

  await post(`${rest}/signOut`, { f: 'json', token });
  assert.equal(short(await found(site, '&action=sign-out')), ['ana', here, 'sign-out', '', 'done']);
  await ask(`${rest}/jobs?f=json&token=${token}`);
  const over = await found(site, '&action=request');
  assert.equal(short(over), ['', here, 'request', '/arcgis/rest/jobs', 'refused']);
  assert.match(over.detail, '498');
  assert.not.match(JSON.stringify(await list(site)), token.slice(0, 20), 'tokens are not told');
});

it('a wrong password leaves the name of a user, and never that of none', async ({ site }) => {
  const url = `${site.url}/arcgis/rest/generateToken`;
  await post(url, { f: 'json', username: 'ben', password: 'hunter2' });
  assert.equal(short(await found(site, '&action=sign-in&user=ben')), ['ben', here, 'sign-in', '', 'refused']);
  await post(url, { f: 'json', username: 'my secret password', password: 'x' });
  for (let n = 0; n < 11; n++) await post(url, { f: 'json', username: 'vera', password: 'x'.repeat(20) });
  const limited = await found(site, '&action=sign-in&user=vera', 11);
  assert.is(limited.result, 'limited', 'once, after ten that were looked at');
  const all = JSON.stringify(await list(site, '&num=1000'));
  assert.not.match(all, 'secret');
  assert.not.match(all, 'hunter2');
  assert.ok((await list(site, '&action=sign-in')).some(({ user, result }) => user === '' && result === 'refused'));
});

it('only administrators read it, on a page, too', async ({ site }) => {
  const url = `${site.url}/arcgis/rest/audit`;
  for (const user of ['ana', 'vera']) assert.is(code(await ask(`${url}?f=json&token=${site.token(user)}`)), 403);
  const refusal = await found(site, '&action=request&user=vera');
  assert.equal(short(refusal), ['vera', here, 'request', '/arcgis/rest/audit', 'refused']);
  assert.is(code(await ask(`${url}?f=json`)), 499);
  const headers = { authorization: `Bearer ${site.token('root')}` };
  const page = String((await ask(`${url}?user=vera&num=1`, { headers }))['text']);
  assert.match(page, '<td>vera</td>');
  const older = /href="([^"]*pageToken=[^"]*)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? '';
  assert.match(String((await ask(`${site.url}${older}`, { headers }))['text']), '<td>vera</td>');
  assert.match(String((await ask(`${site.url}/arcgis/rest`, { headers }))['text']), '/rest/audit');
  const other = { authorization: `Bearer ${site.token('vera')}` };
  assert.not.match(String((await ask(`${site.url}/arcgis/rest`, { headers: other }))['text']), '/rest/audit');
  for (const query of ['action=fly', 'from=yesterday', 'num=0', 'pageToken=x'])
    assert.is(code(await ask(`${url}?f=json&${query}`, { headers })), 400, query);
  const [newest] = await list(site);
  assert.equal(await list(site, `&from=${(newest?.time ?? 0) + 1}`), []);
  assert.ok((await list(site, `&to=${new Date((newest?.time ?? 0) + 1).toISOString()}`)).length > 0);
});

it('a Job service that is away for a while loses nothing', async ({ site }) => {
  await site.stopJobService();
  for (const name of ['One', 'Two', 'Three'])
    await post(`${site.url}/arcgis/admin/services/create`, { f: 'json', token: site.token('root'), service: JSON.stringify({ serviceName: name }) }); // prettier-ignore
  const waiting = (await site.registry.getSingleMetric('sortie_audit_waiting')?.get())?.values[0]?.value ?? 0;
  assert.ok(waiting >= 3, String(waiting));
  await site.startJobService();
  for (const name of ['one', 'two', 'three']) assert.is((await found(site, `&resource=${name}`)).user, 'root');
});

it.run();
