// The command line's own errors: what was wrong, where, what to do; never a stack.
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const program = fileURLToPath(new URL('../bin/sortie.js', import.meta.url));
const self = fileURLToPath(import.meta.url);

const rows: readonly (readonly [words: string[], status: number, message: RegExp])[] = [
  [[], 2, /^Usage|usage/m],
  [['fly'], 2, /usage|Usage/],
  [['klv', '/no/such/file.ts'], 3, /^sortie: There is no file \/no\/such\/file\.ts\.$/m],
  [['klv', tmpdir()], 3, /^sortie: A file is wanted, not a folder\.$/m],
  [['klv', self], 3, /is no MPEG transport stream, MP4, MOV or Matroska file/],
  [['ingest', self, '--sharing', 'all'], 2, /^--sharing must be one of private, organization, public\.$/m],
  [['ingest', self, '--priority', 'urgent'], 2, /^--priority must be one of low, normal, high\.$/m],
  [['ingest', self, '--url', 'http://127.0.0.1:1'], 3, /No gateway answers at http:\/\/127\.0\.0\.1:1/],
];

for (const [words, status, message] of rows)
  test(`sortie ${words.join(' ')}`, () => {
    const env = { ...process.env, SORTIE_TOKEN: 'x' };
    const run = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8', env });
    assert.match(run.stderr, message);
    assert.not.match(run.stderr, /^ {4}at /m);
    assert.is(run.status, status);
  });

test.run();
