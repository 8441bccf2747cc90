// Which requests come from our own pages, and which addresses lead to them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ourAddress, siteOf } from './site.js';

const ours = 'https://sortie.example.com';

test('a request is of the site that the browser says', () => {
  const cases = [
    [{}, 'unknown'],
    [{ origin: ours }, 'ours'],
    [{ origin: 'https://evil.example' }, 'other'],
    [{ origin: 'null' }, 'other'],
    [{ 'sec-fetch-site': 'same-origin', origin: ours }, 'ours'],
    [{ 'sec-fetch-site': 'none' }, 'ours'],
    [{ 'sec-fetch-site': 'same-site', origin: 'https://other.example.com' }, 'other'],
    [{ 'sec-fetch-site': 'cross-site', origin: ours }, 'other'],
  ] as const;
  for (const [headers, site] of cases) assert.is(siteOf(headers, ours), site, JSON.stringify(headers));
});

test('an address that leads back is one of ours, in ASCII, without a token', () => {
  const cases: [text: string, root: string, address: string | null][] = [
    ['/arcgis/rest/jobs?f=html', '/arcgis', '/arcgis/rest/jobs?f=html'],
    ['/arcgis/rest?a=1&token=secret&b=2', '/arcgis', '/arcgis/rest?a=1&b=2'],
    ['/arcgis/rest?token=secret', '/arcgis', '/arcgis/rest'],
    ['/arcgis/é☃', '/arcgis', '/arcgis/%C3%A9%E2%98%83'],
    ['/rest', '', '/rest'],
    ['//evil.example/x', '', null],
    ['/\\evil.example/x', '', null],
    ['/.//evil.example/x', '', null],
    ['/arcgis/..//evil.example', '/arcgis', null],
    ['/arcgis/\\evil', '/arcgis', '/arcgis//evil'],
    ['https://evil.example/arcgis/x', '/arcgis', null],
    ['javascript:alert(1)', '', null],
    ['/arcgis/a\r\nset-cookie: x=y', '/arcgis', '/arcgis/aset-cookie:%20x=y'],
    ['/portal', '/arcgis', null],
    ['', '/arcgis', null],
  ];
  for (const [text, root, address] of cases) assert.is(ourAddress(text, ours, root), address, text);
});

test.run();
