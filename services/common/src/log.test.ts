// What reaches a log, as a program writes it: on stderr, a line of JSON each, without what lets someone in.
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('secrets are blotted out, ids are kept', () => {
  const program = `
    import { newLogger } from ${JSON.stringify(new URL('./log.js', import.meta.url).href)};
    const log = newLogger('test').child({ job: 'j1' }).child({ attempt: 2 });
    log.info({ token: 's3cret', request: { authorization: 's3cret', path: '/x' }, password: 's3cret' }, 'said');
  `;
  const output = execFileSync(
    'sh',
    ['-c', '"$0" --input-type=module -e "$1" 2>&1 >/dev/null', process.execPath, program],
    {
      encoding: 'utf8',
    },
  );
  const { time, level, hostname, pid, msg, ...line } = JSON.parse(output) as Record<string, unknown>;
  assert.is(msg, 'said');
  assert.ok(typeof time === 'string' && !Number.isNaN(Date.parse(time)));
  assert.is(level, 30);
  assert.is(hostname ?? pid, undefined);
  assert.equal(line, {
    service: 'test',
    job: 'j1',
    attempt: 2,
    token: '[redacted]',
    request: { authorization: '[redacted]', path: '/x' },
    password: '[redacted]',
  });
});

test.run();
