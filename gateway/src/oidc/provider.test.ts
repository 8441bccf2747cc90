// Signing in with a real provider, and access tokens of its making.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openDoor, type Door } from '../testing/door.js';
import { audience, Browser, clientSecret, startProvider, type TestProvider } from '../testing/provider.js';
import { freePort } from '@sortie/common/free-port';
import { Provider } from './provider.js';
import { oidcSettings } from './settings.js';

const it = suite<{ door: Door; provider: TestProvider }>('provider');

it.before(async (context) => {
  const port = await freePort();
  context.provider = await startProvider(() => [`http://127.0.0.1:${port}/arcgis/rest/oidc/callback`]);
  const settings = oidcSettings({
    SORTIE_OIDC_ISSUER: context.provider.issuer,
    SORTIE_OIDC_CLIENT_ID: 'sortie',
    SORTIE_OIDC_AUDIENCE: audience,
    SORTIE_OIDC_ROLES: 'staff=publisher,ana=administrator',
  });
  context.door = await openDoor({ provider: settings && new Provider(settings, clientSecret), port });
});
it.after(async ({ door, provider }) => {
  await door.stop();
  await provider.stop();
});

const codeIn = (text: string): number | undefined => (JSON.parse(text) as { error?: { code: number } }).error?.code;

it('a page leads to the provider and back, with the role that the provider gives', async ({ door }) => {
  const browser = new Browser();
  const page = await browser.ask(`${door.url}/rest/jobs?a=1`);
  const [, start = ''] = /href="(\/arcgis\/rest\/oidc\/start[^"]*)"/.exec(page.text) ?? [];
  const address = await browser.signIn(new URL(start, door.url).href, 'staff-eve', door.url);
  const back = await browser.ask(address);
  assert.is(back.response.status, 200, back.text);
  assert.match(back.text, 'content="0; url=/arcgis/rest/jobs?a=1"');
  const self = JSON.parse((await browser.ask(`${door.url}/rest/self?f=json`)).text) as Record<string, unknown>;
  assert.equal([self['username'], self['role']], ['staff-eve', 'publisher']);
  // The same answer again, in this browser and in another one, opens nothing.
  for (const other of [browser, new Browser()]) {
    const { response, text } = await other.ask(`${address}&f=json`);
    assert.is(codeIn(text), 400);
    assert.not.match(response.headers.get('set-cookie') ?? '', 'sortie_token=');
  }
});

it('an answer to what another browser began opens nothing', async ({ door }) => {
  const [mallory, victim] = [new Browser(), new Browser()];
  const start = `${door.url}/rest/oidc/start`;
  const address = await mallory.signIn(start, 'staff-mallory', door.url);
  await victim.ask(start);
  const { text, response } = await victim.ask(`${address}&f=json`);
  assert.is(codeIn(text), 400);
  assert.is(response.headers.get('set-cookie'), null);
});

it('whom the provider gives no role, or who has a name of ours, is not let in', async ({ door }) => {
  for (const [login, words] of [
    ['guest-1', 'no role'],
    ['ana', 'own'],
  ] as const) {
    const browser = new Browser();
    const address = await browser.signIn(`${door.url}/rest/oidc/start`, login, door.url);
    const { text } = await browser.ask(`${address}&f=json`);
    assert.is(codeIn(text), 403);
    assert.match(text, words);
  }
});

it('an access token opens the interface when it is for us, whole, and gives a role', async ({ door, provider }) => {
  const self = async (token: string): Promise<string> =>
    (await fetch(`${door.url}/rest/self?f=json`, { headers: { authorization: `Bearer ${token}` } })).text();
  const token = await provider.accessToken(audience, 'staff');
  assert.match(await self(token), '"username":"staff","role":"publisher"');
  assert.is(codeIn(await self(await provider.accessToken('https://other.example.com', 'staff'))), 498);
  assert.is(codeIn(await self(await provider.accessToken(audience, 'nobody'))), 403);
  const [head = '', body = '', signature = ''] = token.split('.');
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  assert.is(codeIn(await self(`${encoded({ alg: 'none' })}.${body}.`)), 498);
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
  assert.is(codeIn(await self(`${head}.${encoded({ ...claims, sub: 'program-root' })}.${signature}`)), 498);
  // Nor in an address, where it would end in logs.
  assert.is(codeIn(await (await fetch(`${door.url}/rest/self?f=json&token=${token}`)).text()), 498);
});

it.run();
