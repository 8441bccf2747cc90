// What `npm start` and `npm test` say of the Node.js that runs.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const script = fileURLToPath(new URL('../local/node-support.mjs', import.meta.url));
const said = (...args: string[]): string => execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' });

test('one that is out of support is told once, in one line; others are not', () => {
  assert.match(said('20.20.2', '2026-05-01'), /^Node\.js 20\.20\.2 has had no security updates since 2026-04-30; .* Node\.js 24\.\n$/); // prettier-ignore
  for (const [version, date] of [['20.20.2', '2026-04-30'], ['24.21.0', '2026-11-27'], ['22.1.0', '2027-04-30'], ['99.0.0', '2040-01-01']] as const) assert.is(said(version, date), ''); // prettier-ignore
  assert.match(said('22.1.0', '2027-05-01'), /2027-04-30/);
  assert.match(said('18.1.0', '2024-01-01'), /too old/);
});

test.run();
