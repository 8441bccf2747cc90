// What clients send that is too much, too long, in the wrong order, or broken: each gets a clear answer at once, and nothing
// of it is stored.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { File } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { call } from '@sortie/common/grpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { maxUnsignedUploadBytes, startSite, type Site } from './testing/site.js';

interface Context {
  site: Site;
}
const it = suite<Context>('input');

it.before(async (context) => {
  context.site = await startSite();
});
it.after(async ({ site }) => {
  await site.stop();
});

interface ErrorDocument {
  error?: { code: number; message: string; details: string[] };
}

async function send(url: string, init: RequestInit): Promise<ErrorDocument & Record<string, unknown>> {
  const response = await fetch(url, init);
  const text = await response.text();
  assert.match(response.headers.get('content-type') ?? '', 'application/json', text.slice(0, 200));
  return JSON.parse(text) as ErrorDocument & Record<string, unknown>;
}
const refused = (document: ErrorDocument, code: number, words: string): void => {
  assert.is(document.error?.code, code, JSON.stringify(document));
  assert.match(`${document.error?.message ?? ''} ${document.error?.details.join(' ') ?? ''}`, words);
};

it('forms have limits, which are told', async ({ site }) => {
  const url = `${site.url}/arcgis/rest/info?f=json`;
  const post = (body: FormData | URLSearchParams | string): Promise<ErrorDocument> =>
    send(url, { method: 'POST', body });
  const many = (count: number): URLSearchParams =>
    new URLSearchParams(Array.from({ length: count }, (_, index): [string, string] => [`p${index}`, '1']));
  assert.not.ok((await post(many(100))).error);
  refused(await post(many(101)), 400, 'more than 100 parameters');
  refused(await post(many(140_000)), 413, '65536 bytes');
  refused(await post(new URLSearchParams({ long: 'x'.repeat(70_000) })), 413, '65536 bytes');
  refused(await post('\u0000=1'), 415, 'as a form');
  const json = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
  refused(await send(url, json), 415, 'as a form');
});

it('a long form is taken from those who may publish, when that is known before it is read', async ({ site }) => {
  const service = JSON.stringify({ serviceName: 'Long', description: '', padding: 'x'.repeat(100_000) });
  const create = (query: string, form: Record<string, string>): Promise<ErrorDocument> =>
    send(`${site.url}/arcgis/admin/services/create?f=json${query}`, {
      method: 'POST',
      body: new URLSearchParams({ service, ...form }),
    });
  refused(await create('', { token: site.token('ana') }), 413, '65536 bytes');
  refused(await create(`&token=${site.token('vera')}`, {}), 413, '65536 bytes');
  assert.equal(await create(`&token=${site.token('ana')}`, {}), { status: 'success' });
});

it('forms of several parts are forms like others, without files', async ({ site }) => {
  const url = `${site.url}/arcgis/rest/jobs`;
  const form = new FormData();
  form.append('f', 'json');
  form.append('token', site.token('ana'));
  assert.ok('jobs' in (await send(url, { method: 'POST', body: form })));
  form.append('file', new Blob(['x']), 'x.ts');
  refused(await send(`${url}?f=json`, { method: 'POST', body: form }), 400, "'file' is a file");
});

it('control characters are refused by the name of their parameter', async ({ site }) => {
  const token = site.token('ana');
  const at = (path: string): string => `${site.url}/arcgis/${path}?f=json&token=${token}`;
  refused(await send(`${at('rest/jobs')}&pageToken=a%00b`, {}), 400, "'pageToken'");
  const nul = String.fromCharCode(0);
  const post = (path: string, form: Record<string, string>): Promise<ErrorDocument> =>
    send(at(path), { method: 'POST', body: new URLSearchParams(form) });
  refused(await post('rest/info', { some: `a${nul}b` }), 400, "'some'");
  const service = JSON.stringify({ serviceName: 'X', description: `a${nul}b` });
  refused(await post('admin/services/create', { service }), 400, "'service.description'");
  const forged = Buffer.from(JSON.stringify(['2026-01-01T00:00:00Z', nul, '[[],"ana","",null,null]'])).toString('base64url'); // prettier-ignore
  refused(await send(`${at('rest/jobs')}&pageToken=${forged}`, {}), 400, 'page_token');
});

it('a broken address is told in the shape of all errors, without what was sent', async ({ site }) => {
  const reply = await fetch(`${site.url}/arcgis/rest/jobs/job/%E0%A4%A?f=json&token=secret`);
  const text = await reply.text();
  refused(JSON.parse(text) as ErrorDocument, 400, 'address');
  assert.not.match(text, /secret|FST/);
  assert.is(reply.headers.get('access-control-allow-origin'), '*');
});

it('the health check is that of the services', async ({ site }) => {
  const ask = async (): Promise<[number, unknown]> => {
    const reply = await fetch(`${site.url}/arcgis/rest/info/healthcheck?f=json`);
    return [reply.status, await reply.json()];
  };
  const until = async (status: number): Promise<unknown> => {
    for (let round = 0; round < 1_000; round++) {
      const [code, document] = await ask();
      if (code === status) return document;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the health check never said ${status}`);
  };
  assert.equal(await until(200), { success: 'true' });
  await site.stopJobService();
  assert.equal(await until(503), { success: 'false', away: ['job'] });
  await site.startJobService();
  assert.equal(await until(200), { success: 'true' });
});

/** Names of all that lies under uploads/ and is no directory. */
async function stored(site: Site): Promise<string[]> {
  const names: string[] = [];
  for (const id of await site.storage.children('uploads')) {
    for (const name of await site.storage.children(`uploads/${id}`)) names.push(`${id}/${name}`);
  }
  return names;
}

type Part = [name: string, value: string | Blob, fileName?: string];
const formOf = (...parts: Part[]): FormData => {
  const form = new FormData();
  for (const [name, value, fileName] of parts) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, fileName);
  }
  return form;
};
const video = (bytes = 1_000): Blob => new Blob([Buffer.alloc(bytes, 0x47)]);
const upload = (
  { url }: Site,
  body: FormData | URLSearchParams | string,
  query = '',
  headers: Record<string, string> = {},
) => send(`${url}/arcgis/rest/uploads/upload${query}`, { method: 'POST', body, headers });

it('the token and the description may stand behind the file, as Esri sends them', async ({ site }) => {
  const answer = await upload(
    site,
    formOf(['file', video(), 'a.ts'], ['description', 'over the ridge'], ['f', 'json'], ['token', site.token('ana')]),
  );
  const { ingest } = site;
  const { file } = await call(ingest.getFile.bind(ingest), { fileId: String(answer['fileId']) });
  const { owner, description, sizeBytes } = file as File;
  assert.equal([owner, description, sizeBytes], ['ana', 'over the ridge', 1_000]);
});

it('an upload that is refused, or whose form is not right to its end, stores nothing', async ({ site }) => {
  const before = await stored(site);
  const token = site.token('ana');
  const query = `?token=${token}`;
  const file: Part = ['file', video(), 'a.ts'];
  const json: Part = ['f', 'json'];
  refused(await upload(site, formOf(file, json)), 499, 'Token Required');
  refused(await upload(site, formOf(file, json, ['token', 'wrong'])), 498, 'Invalid token');
  refused(await upload(site, formOf(file, json, ['token', site.token('vera')])), 403, 'publisher');
  refused(await upload(site, formOf(file, ['file', video(), 'b.ts'], json), query), 400, 'second file');
  refused(await upload(site, formOf(['movie', video(), 'a.ts'], json), query), 400, "'movie'");
  refused(await upload(site, formOf(file, ['description', 'x'.repeat(9_000)]), query), 400, "'description' is longer");
  refused(await upload(site, formOf(file, ['description', String.fromCharCode(0)]), query), 400, "'description'");
  refused(await upload(site, formOf(['file', video(), 'a\u0001.ts']), query), 400, "'file'");
  refused(await upload(site, formOf(file, ...Array.from({ length: 101 }, (_, n): Part => [`p${n}`, '1'])), query), 400, 'more than 100'); // prettier-ignore
  refused(await upload(site, formOf(json), query), 400, "'file' is missing");
  const large = formOf(['file', video(maxUnsignedUploadBytes + 1024 * 1024), 'a.ts'], json, ['token', token]);
  refused(await upload(site, large), 413, 'before the file');
  // A form that ends without its end.
  const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.ts"\r\n\r\n';
  const type = { 'content-type': 'multipart/form-data; boundary=b' };
  refused(await upload(site, `${head}${'G'.repeat(1_000)}`, query, type), 400, 'broken; nothing was stored');
  refused(await upload(site, `${head}${'G'.repeat(1_000)}\r\n--b\r\nno header`, query, type), 400, 'broken');
  refused(await upload(site, 'x', query, { 'content-type': 'multipart/form-data' }), 400, 'broken');
  for (let round = 0; (await stored(site)).length > before.length && round < 200; round++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await stored(site), before);
});

/** A request as its bytes; resolves with all that comes back, when the gateway closes the connection. */
async function raw(site: Site, head: string[], write: (socket: Socket) => void): Promise<string> {
  const { hostname, port } = new URL(site.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  socket.write(`${['POST /arcgis/rest/uploads/upload?f=json HTTP/1.1', 'host: x', ...head].join('\r\n')}\r\n\r\n`);
  write(socket);
  await once(socket, 'end');
  socket.destroy();
  return answer;
}
const multipart = ['content-type: multipart/form-data; boundary=b', 'content-length: 30000000'];
const fileHead = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.ts"\r\n\r\n';

it('a token that will not do is told at the first bytes, and the connection ends', async ({ site }) => {
  for (const [token, code] of [
    ['wrong', 498],
    [site.token('vera'), 403],
  ] as const) {
    // Nothing of the body is sent, and nothing more ever comes.
    const early = await raw(site, [`authorization: Bearer ${token}`, ...multipart], () => undefined);
    assert.match(early, `"code":${code}`);
    assert.match(early, /connection: close/i);
    const field = `--b\r\ncontent-disposition: form-data; name="token"\r\n\r\n${token}\r\n${fileHead}`;
    assert.match(await raw(site, multipart, (socket) => socket.write(field)), `"code":${code}`);
  }
});

it('a client that goes on sending gets its refusal, too', async ({ site }) => {
  const answer = await raw(site, [`authorization: Bearer ${site.token('ana')}`, ...multipart], (socket) => {
    socket.write(fileHead.replace('a.ts', 'a.exe'));
    const more = (): void => {
      if (socket.writable) socket.write(Buffer.alloc(64 * 1024), () => setImmediate(more));
    };
    more();
  });
  assert.match(answer, '"code":400');
  assert.match(answer, 'exe');
});

it('few uploads at once may keep their token for the end', async ({ site }) => {
  const { hostname, port } = new URL(site.url);
  const waiting: Socket[] = [];
  const open = async (): Promise<string> => {
    const socket = connect(Number(port), hostname);
    waiting.push(socket);
    socket.on('error', () => undefined);
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    socket.write(
      `POST /arcgis/rest/uploads/upload?f=json HTTP/1.1\r\nhost: x\r\n${multipart.join('\r\n')}\r\n\r\n${fileHead}GGGG`,
    );
    // Either it is refused, or it goes on being taken; then no answer comes.
    await Promise.race([once(socket, 'end'), new Promise((resolve) => setTimeout(resolve, 300))]);
    return answer;
  };
  let answer = '';
  for (let count = 0; answer === ''; count++) {
    assert.ok(count < 50, 'there is no limit');
    answer = await open();
  }
  assert.match(answer, '"code":499');
  // Those who say who they are get in all the same.
  const token = site.token('ana');
  assert.ok((await upload(site, formOf(['f', 'json'], ['token', token], ['file', video(), 'a.ts']))).fileId);
  for (const socket of waiting) socket.destroy();
  const late = formOf(['file', video(), 'a.ts'], ['f', 'json'], ['token', token]);
  for (let round = 0; (await upload(site, late)).error; round++) {
    assert.ok(round < 200, 'their places were never free again');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

it('a connection on which nothing was asked does not hold the end of the gateway up', async ({ site }) => {
  const { hostname, port } = new URL(site.url);
  const silent = connect(Number(port), hostname);
  await once(silent, 'connect');
  const closed = once(silent, 'close');
  await site.app.close();
  await closed;
});

it.run();
