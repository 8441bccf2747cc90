import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Tokens, type Binding } from './tokens.js';

const tokens = new Tokens(randomBytes(32));
const user = { username: 'ana', role: 'publisher' } as const;
const nobody = { referer: '', ip: '10.0.0.1' };
const issue = (binding: Binding = { kind: 'none' }, expires = 1000): string => tokens.issue(user, expires, binding);

test('a token gives its user until it expires', () => {
  assert.equal(tokens.check(issue(), nobody, 999), { ...user, expires: 1000 });
  assert.is(tokens.check(issue(), nobody, 1000), null);
});

test('a token that was touched, or of another key, gives nobody', () => {
  const token = issue();
  const [payload = '', signature = ''] = token.split('.');
  const other = Buffer.from(JSON.stringify({ u: 'root', r: 'administrator', x: 1e15, b: { kind: 'none' } })).toString(
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
  assert.is(new Tokens(randomBytes(32)).check(token, nobody, 0), null);
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

test('a short key is refused', () => assert.throws(() => new Tokens(Buffer.alloc(8)), /32 bytes/));

test.run();
