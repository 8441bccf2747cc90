// Programs as they end, and as they go on, in processes of their own.
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Faulty {
  child: ChildProcess;
  output: () => string;
  /** Resolves when the pattern stands in the output. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Exit code. */
  gone: Promise<number | null>;
}

const children: ChildProcess[] = [];
const it = suite('process');
it.after.each(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(...parameters: string[]): Faulty {
  const path = fileURLToPath(new URL('./testing/faulty.js', import.meta.url));
  const child = spawn(process.execPath, [path, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  }) as ChildProcessByStdio<null, Readable, Readable>;
  children.push(child);
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const gone = once(child, 'exit').then(([code]) => code as number | null);
  return {
    child,
    output: () => output,
    gone,
    says: async (pattern) => {
      for (let round = 0; ; round++) {
        const found = pattern.exec(output);
        if (found) return found;
        assert.ok(round < 2_000 && child.exitCode === null, `never said ${String(pattern)}: ${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

it('an error that nobody caught is logged and counted, and the others are served', async () => {
  const faulty = start();
  const [, port = '', metricsPort = ''] = await faulty.says(/up (\d+) (\d+)/);
  for (const [index, path] of ['throw', 'reject'].entries()) {
    assert.is(await (await fetch(`http://127.0.0.1:${port}/${path}`)).text(), 'answer');
    await faulty.says(new RegExp(path === 'throw' ? 'thrown to nobody' : 'rejected to nobody'));
    assert.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'answer');
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    assert.match(metrics, `sortie_uncaught_errors_total ${index + 1}\n`);
  }
  const lines = faulty.output().split('\n').filter((line) => line.includes('to nobody')); // prettier-ignore
  for (const line of lines) {
    const { level, err } = JSON.parse(line) as { level: unknown; err: { stack: string } };
    assert.ok(level === 50 || level === 'error', line);
    assert.match(err.stack, 'faulty.js');
  }
  assert.is(faulty.child.exitCode, null);
});

it('an error at the start ends the program', async () => {
  assert.is(await start('start').gone, 1);
});

it('the second signal hurries the end, the third does not wait', async () => {
  const patient = start();
  await patient.says(/up/);
  patient.child.kill('SIGTERM');
  await patient.says(/stopping SIGTERM/);
  assert.not.match(patient.output(), 'hurried');
  patient.child.kill('SIGTERM');
  assert.is(await patient.gone, 0);
  assert.match(patient.output(), 'hurried');

  const stubborn = start('stubborn');
  await stubborn.says(/up/);
  stubborn.child.kill('SIGINT');
  await stubborn.says(/stopping SIGINT/);
  stubborn.child.kill('SIGTERM');
  await stubborn.says(/hurried/);
  stubborn.child.kill('SIGTERM');
  assert.is(await stubborn.gone, 1);
});

it('without its parent a program hurries from the beginning', async () => {
  const orphan = start();
  await orphan.says(/up/);
  orphan.child.disconnect();
  assert.is(await orphan.gone, 0);
  assert.match(orphan.output(), /stopping parent gone\nhurried/);
});

it.run();
