// Who is let in, as browsers and proxies see it.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from './sign-in/limits.js';
import { openDoor, password, type Door } from './testing/door.js';

type Headers = Record<string, string>;
interface Reply {
  status: number;
  text: string;
  header: (name: string) => string;
  /** Of the error document; undefined when there is none. */
  code: number | undefined;
}

const it = suite<{ door: Door }>('door');
it.before(async (context) => {
  context.door = await openDoor();
});
it.after(async ({ door }) => {
  await door.stop();
});

async function ask(url: string, headers: Headers = {}, form?: Headers): Promise<Reply> {
  const body = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
  const response = await fetch(url, { redirect: 'manual', headers, ...body });
  const text = await response.text();
  const document = text.startsWith('{') ? (JSON.parse(text) as { error?: { code: number } }) : {};
  return {
    status: response.status,
    text,
    header: (name) => response.headers.get(name) ?? '',
    code: document.error?.code,
  };
}
const tokenOf = ({ sessions }: Door, kind: 'none' | 'referer' = 'none'): string => {
  const binding = kind === 'none' ? { kind } : { kind, value: 'https://app.example.com' };
  return sessions.issue({ username: 'ana', lifeMs: 600_000, binding }, Date.now()).token;
};
const cookieIn = (reply: Reply): string => reply.header('set-cookie').split(';')[0] ?? '';
const ours = { 'sec-fetch-site': 'same-origin' };
const other = { 'sec-fetch-site': 'cross-site' };

it('a token in the address of a page becomes the cookie and leaves the address', async ({ door }) => {
  const token = tokenOf(door);
  const reply = await ask(`${door.url}/rest/uploads?a=1&token=${token}`);
  assert.equal([reply.status, reply.header('location')], [303, '/arcgis/rest/uploads?a=1']);
  assert.is(cookieIn(reply), `sortie_token=${token}`);
  assert.match(
    reply.header('set-cookie'),
    /; Path=\/arcgis; HttpOnly; SameSite=Strict; Max-Age=(600|599|598|597|59\d)$/,
  );
  assert.is(reply.header('cache-control'), 'no-store');
  const page = await ask(`${door.url}/rest/uploads`, { cookie: cookieIn(reply) });
  assert.match(page.text, 'Sign out ana');
  assert.not.match(page.text, token);
  // For programs it stays where it is.
  assert.match((await ask(`${door.url}/rest/self?f=json&token=${token}`)).text, '"username":"ana"');
  // A browser would not show that referer again.
  const bound = `${door.url}/rest/uploads?token=${tokenOf(door, 'referer')}`;
  assert.is((await ask(bound, { referer: 'https://app.example.com' })).status, 200);
});

it('a link of another site signs nobody in without being asked', async ({ door }) => {
  const token = tokenOf(door);
  const reply = await ask(`${door.url}/rest/uploads?token=${token}`, other);
  assert.equal([reply.status, reply.header('set-cookie')], [200, '']);
  assert.match(reply.text, 'Go on as ana');
  const form = { token, next: '/arcgis/rest/uploads' };
  const went = await ask(`${door.url}/rest/signIn`, ours, form);
  assert.equal([went.status, went.header('location'), cookieIn(went)], [303, form.next, `sortie_token=${token}`]);
  assert.is((await ask(`${door.url}/rest/signIn`, other, { ...form, f: 'json' })).code, 403);
});

it('an old token in the address does not shut out who is signed in, and is not led back to', async ({ door }) => {
  const cookie = `sortie_token=${tokenOf(door)}`;
  assert.match((await ask(`${door.url}/rest/self?f=json&token=old`, { cookie })).text, '"username":"ana"');
  assert.match((await ask(`${door.url}/rest/uploads?token=old`, { cookie })).text, 'Sign out ana');
  assert.is((await ask(`${door.url}/rest/self?f=json&token=old`)).code, 498);
  const page = await ask(`${door.url}/rest/uploads?a=1&token=old`);
  assert.match(page.text, 'name="next" value="/arcgis/rest/uploads?a=1"');
});

it('signing in is taken from our pages and from programs, and leads to our pages', async ({ door }) => {
  const form = { username: 'ana', password, next: '/arcgis/é☃', f: 'json' };
  const signIn = (headers: Headers): Promise<Reply> => ask(`${door.url}/rest/signIn`, headers, form);
  for (const headers of [
    other,
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]) {
    const reply = await signIn(headers);
    assert.equal([reply.code, reply.header('set-cookie')], [403, ''], JSON.stringify(headers));
  }
  for (const headers of [{}, ours, { origin: new URL(door.url).origin }]) {
    const reply = await signIn(headers);
    assert.equal([reply.status, reply.header('location')], [303, '/arcgis/%C3%A9%E2%98%83'], JSON.stringify(headers));
    assert.is(reply.header('cache-control'), 'no-store');
  }
});

it('a cookie acts on behalf of our pages only', async ({ door }) => {
  const cookie = `sortie_token=${tokenOf(door)}`;
  const act = async (headers: Headers): Promise<number | undefined> =>
    (await ask(`${door.url}/rest/self`, { cookie, ...headers }, { f: 'json' })).code;
  assert.is(await act(ours), undefined);
  assert.is(await act({ origin: new URL(door.url).origin }), undefined);
  for (const headers of [{}, other, { origin: 'https://evil.example' }]) assert.is(await act(headers), 499);
});

it('signing out ends every token of the user, and the cookie', async ({ door }) => {
  const [first, second] = [tokenOf(door), tokenOf(door)];
  const self = async (token: string): Promise<number | undefined> =>
    (await ask(`${door.url}/rest/self?f=json&token=${token}`)).code;
  const foreign = { cookie: `sortie_token=${first}`, ...other };
  assert.is((await ask(`${door.url}/rest/signOut`, foreign, { f: 'json' })).code, 403);
  assert.is(await self(first), undefined);
  const reply = await ask(`${door.url}/rest/signOut`, { cookie: `sortie_token=${first}`, ...ours }, {});
  assert.equal([reply.status, reply.header('location')], [303, '/arcgis/rest']);
  assert.match(reply.header('set-cookie'), /^sortie_token=; .*Max-Age=0$/);
  assert.is(reply.header('clear-site-data'), '"cache"');
  assert.equal([await self(first), await self(second)], [498, 498]);
  // By a program, and in a browser that has been signed out already.
  const again = await ask(`${door.url}/rest/signOut`, {}, { f: 'json', token: first });
  assert.is(again.code, 498);
  assert.is((await ask(`${door.url}/rest/signOut`, { cookie: `sortie_token=${first}`, ...ours }, {})).status, 303);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(JSON.parse((await ask(`${door.url}/rest/signOut`, {}, { f: 'json', token: tokenOf(door) })).text), { success: true }); // prettier-ignore
});

it('behind https the cookie is for this host and https alone; with no root there is no way out either', async () => {
  const door = await openDoor({ publicUrl: 'https://sortie.example.com', root: '' });
  try {
    const signIn = (next: string, headers: Headers = {}): Promise<Reply> =>
      ask(`${door.url}/rest/signIn`, headers, { username: 'ana', password, next, f: 'json' });
    const reply = await signIn('//evil.example/x', {
      origin: 'https://sortie.example.com',
      host: 'sortie.example.com',
    });
    assert.is(reply.header('location'), '/rest');
    assert.match(reply.header('set-cookie'), /^__Host-sortie_token=\S+; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=\d+$/); // prettier-ignore
    const self = await ask(`${door.url}/rest/self?f=json`, { cookie: cookieIn(reply) });
    assert.match(self.text, '"username":"ana"');
    assert.is((await signIn('/rest', { origin: door.url })).code, 403);
    const info = await ask(`${door.url}/rest/info?f=json`, { host: 'evil.example' });
    assert.match(info.text, '"tokenServicesUrl":"https://sortie.example.com/rest/generateToken"');
  } finally {
    await door.stop();
  }
});

it('wrong passwords are refused after a while, with the time to wait', async () => {
  const door = await openDoor();
  try {
    const guess = (username: string, given: string): Promise<Reply> =>
      ask(`${door.url}/rest/generateToken`, {}, { f: 'json', username, password: given });
    const replies = await Promise.all(Array.from({ length: limits.pair }, () => guess('ben', 'wrong')));
    assert.ok(replies.every(({ code }) => code === 400 || code === 503));
    while ((await guess('ben', 'wrong')).code === 400);
    const refused = await guess('ben', 'wrong');
    assert.is(refused.code, 429);
    assert.match(refused.header('retry-after'), /^[1-9]\d?$/);
    assert.is((await guess('ana', password)).code, undefined);
  } finally {
    await door.stop();
  }
});

it('a caller is who the trusted proxy says, however many addresses it makes up', async () => {
  const token = async (door: Door, forwarded: string): Promise<string> => {
    const form = { f: 'json', username: 'ana', password, client: 'requestip' };
    const reply = await ask(`${door.url}/rest/generateToken`, { 'x-forwarded-for': forwarded }, form);
    return (JSON.parse(reply.text) as { token: string }).token;
  };
  for (const trustProxy of [1, ['127.0.0.0/8']]) {
    const door = await openDoor({ trustProxy });
    try {
      const self = async (shown: string, forwarded: string): Promise<number | undefined> =>
        (await ask(`${door.url}/rest/self?f=json&token=${shown}`, { 'x-forwarded-for': forwarded })).code;
      const bound = await token(door, '198.51.100.1, 192.0.2.9');
      assert.is(await self(bound, '203.0.113.5, 192.0.2.9'), undefined);
      assert.is(await self(bound, '192.0.2.9, 198.51.100.1'), 498);
    } finally {
      await door.stop();
    }
  }
});

it.run();
