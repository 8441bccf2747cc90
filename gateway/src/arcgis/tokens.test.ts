import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Tokens, type Binding, type Claims } from './tokens.js';

const key = randomBytes(32);
const tokens = new Tokens(() => [key]);
const nobody = { referer: '', ip: '10.0.0.1' };
const claims = (binding: Binding = { kind: 'none' }): Claims => ({
  username: 'ana',
  generation: 'g1',
  role: null,
  issued: 500,
  expires: 1000,
  binding,
});
const issue = (binding?: Binding): string => tokens.issue(claims(binding));

test('a token gives what was put into it until it expires', () => {
  assert.equal(tokens.check(issue(), nobody, 999), claims());
  assert.is(tokens.check(issue(), nobody, 1000), null);
  const provided = { ...claims(), generation: '', role: 'viewer' } as const;
  assert.equal(tokens.check(tokens.issue(provided), nobody, 999), provided);
});

test('a token that was touched, or of another key, gives nobody', () => {
  const token = issue();
  const [payload = '', signature = ''] = token.split('.');
  const other = Buffer.from(JSON.stringify({ u: 'root', g: 'g1', i: 1, x: 1e15, b: { kind: 'none' } })).toString(
    'base64url',
  );
  for (const wrong of [
    '',
    '.',
    'x',
    payload,
    `${payload}.`,
    `${other}.${signature}`,
    `${token}x`,
    `${token}.x`,
    'a'.repeat(10_000),
  ]) {
    assert.is(tokens.check(wrong, nobody, 0), null, wrong.slice(0, 20));
  }
  assert.is(new Tokens(() => [randomBytes(32)]).check(token, nobody, 0), null);
});

test('of the texts that stand for the same signature, one is taken', () => {
  const token = issue();
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // 32 bytes are 43 characters, and the last one has two bits that mean nothing.
  const same = last
    .split('')
    .map((letter) => token.slice(0, -1) + letter)
    .filter((other) => other !== token);
  for (const other of [...same, `${token}=`]) assert.is(tokens.check(other, nobody, 0), null);
});

test('the first key signs and all of them verify, as they are now', () => {
  const [old, young] = [randomBytes(32), randomBytes(32)];
  let keys = [old];
  const ring = new Tokens(() => keys);
  const before = ring.issue(claims());
  keys = [young, old];
  const after = ring.issue(claims());
  assert.ok(ring.check(before, nobody, 0));
  assert.ok(new Tokens(() => [young]).check(after, nobody, 0));
  keys = [young];
  assert.is(ring.check(before, nobody, 0), null);
  assert.ok(ring.check(after, nobody, 0));
});

test('a token of an earlier version, which names a role, gives nobody', () => {
  const text = Buffer.from(JSON.stringify({ u: 'ana', r: 'administrator', x: 1e15, b: { kind: 'none' } })).toString(
    'base64url',
  );
  const signature = createHmac('sha256', key).update(text).digest('base64url');
  assert.is(tokens.check(`${text}.${signature}`, nobody, 0), null);
});

test('a token bound to an address or a referer is no use elsewhere', () => {
  const ip = issue({ kind: 'ip', value: '10.0.0.1' });
  assert.ok(tokens.check(ip, { referer: '', ip: '::ffff:10.0.0.1' }, 0));
  assert.is(tokens.check(ip, { referer: '', ip: '10.0.0.2' }, 0), null);
  const cases: [string, string, boolean][] = [
    ['referer', 'referer', true],
    ['@esri/arcgis-rest-js', '@esri/arcgis-rest-js', true],
    ['https://app.example.com', 'https://app.example.com/map/1', true],
    ['https://app.example.com', 'https://app.example.com.evil.org/', false],
    ['https://app.example.com', '', false],
    ['referer', 'refererer', false],
  ];
  for (const [bound, referer, good] of cases) {
    const found = tokens.check(issue({ kind: 'referer', value: bound }), { referer, ip: '' }, 0);
    assert.is(found !== null, good, `${bound} ${referer}`);
  }
});

test('a short key is refused', () => assert.throws(() => new Tokens(() => [Buffer.alloc(8)]), /32 bytes/));

test.run();
