// What the gateway takes from its environment, and what it refuses to start with.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { localOrigin } from './public-url.js';
import { gatewaySettings, type GatewaySettings } from './settings.js';

const base = {
  SORTIE_IDENTITY: '/identity',
  SORTIE_JOB_ADDRESS: 'job:7001',
  SORTIE_INGEST_ADDRESS: 'ingest-api:7002',
  SORTIE_USERS_FILE: '/users.json',
  SORTIE_TOKEN_KEY_FILE: '/token.key',
};
const settings = (more: NodeJS.ProcessEnv): GatewaySettings => gatewaySettings({ ...base, ...more });

test('a proxy is trusted by its network, or by the number of proxies', () => {
  const trusted = (text: string): unknown => settings({ SORTIE_TRUST_PROXY: text }).trustProxy;
  assert.is(settings({}).trustProxy, false);
  assert.is(trusted(''), false);
  assert.is(trusted('2'), 2);
  assert.equal(trusted('10.0.0.0/8, 127.0.0.1,fd00::/8'), ['10.0.0.0/8', '127.0.0.1', 'fd00::/8']);
  for (const wrong of [
    'true',
    'yes',
    '10.0.0.0/33',
    '0.0.0.0/0',
    '10.0.0.0/8,',
    'proxy.example.com',
    '10.0.0.0/8/8',
    '-1',
  ]) {
    assert.throws(() => trusted(wrong), /SORTIE_TRUST_PROXY holds '.*10\.0\.0\.0\/8,127\.0\.0\.1.*as 1/, wrong);
  }
});

test('off loopback the public address must be set; it is an origin', () => {
  const at = (host: string, url?: string): string | null =>
    settings({ SORTIE_GATEWAY_LISTEN: `${host}:8080`, SORTIE_PUBLIC_URL: url }).publicUrl;
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost']) assert.is(at(host), null);
  for (const host of ['0.0.0.0', '10.0.0.1', '128.0.0.1']) {
    assert.throws(() => at(host), /SORTIE_PUBLIC_URL is not set.*https:\/\/sortie\.example\.com/, host);
    assert.throws(() => at(host, ''), /SORTIE_PUBLIC_URL is not set/, host);
  }
  assert.is(at('0.0.0.0', 'https://sortie.example.com/'), 'https://sortie.example.com');
  assert.is(at('127.0.0.1', 'http://maps:8080'), 'http://maps:8080');
  for (const wrong of ['sortie.example.com', 'ftp://x', 'https://x/arcgis', 'https://x/?a', 'https://me:pw@x']) {
    assert.throws(() => at('0.0.0.0', wrong), /SORTIE_PUBLIC_URL is '.*https:\/\/sortie\.example\.com/, wrong);
  }
});

test('on loopback an address is what this machine is called, and nothing that a caller makes up', () => {
  const cases = [
    ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['localhost:9000', 'http://localhost:9000'],
    ['[::1]:9000', 'http://[::1]:9000'],
    ['LOCALHOST', 'http://localhost'],
    ['evil.example', 'http://127.0.0.1:8080'],
    ['127.0.0.1.evil.example:80', 'http://127.0.0.1:8080'],
    ['', 'http://127.0.0.1:8080'],
  ];
  for (const [host = '', origin] of cases) assert.is(localOrigin(host, 8080), origin, host);
});

test('the root is a path without an end, or nothing', () => {
  assert.is(settings({}).root, '/arcgis');
  assert.is(settings({ SORTIE_ROOT: '' }).root, '');
  assert.is(settings({ SORTIE_ROOT: '/a/b' }).root, '/a/b');
  for (const wrong of ['/', 'arcgis', '/a/', '//a', '/a b', '/a;b'])
    assert.throws(() => settings({ SORTIE_ROOT: wrong }), /SORTIE_ROOT is '/, wrong);
});

test('numbers are numbers', () => {
  assert.is(settings({}).maxUploadBytes, 10_000 * 1024 * 1024);
  assert.throws(() => settings({ SORTIE_MAX_UPLOAD_BYTES: '10 GB' }), /SORTIE_MAX_UPLOAD_BYTES is '10 GB'/);
});

test.run();
