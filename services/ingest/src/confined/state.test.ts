// The confinement is there or said: on this kernel, and on one that has no Landlock.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { confinePath } from '@sortie/native';
import { Registry } from 'prom-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { workerMetrics } from '../worker/metrics.js';
import { runConfined } from './run.js';
import { confinement, confineSettings, isWhole, missingOf, setConfinement, type Confinement } from './state.js';

const it = suite<{ directory: string; shim: string }>('the state of the confinement');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-state-'));
  context.shim = join(context.directory, 'older.so');
  const source = join(dirname(dirname(dirname(confinePath))), 'test', 'older-kernel.cc');
  execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-o', context.shim, source, '-ldl']);
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

/** What comes of running with that in the environment. */
async function withEnvironment<T>(more: Record<string, string>, act: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, more);
  try {
    return await act();
  } finally {
    process.env = before;
  }
}
/** As under SORTIE_CONFINE=best-effort. */
async function atBest<T>(act: () => Promise<T>): Promise<T> {
  setConfinement({ bestEffort: true, user: null });
  try {
    return await act();
  } finally {
    setConfinement({ bestEffort: false, user: null });
  }
}
const words = (act: Promise<unknown>): Promise<SortieError | null> =>
  act.then(
    () => null,
    (error: unknown) => error as SortieError,
  );

it('a kernel without Landlock: whoever asks hears why nothing is run, and of best effort what is left', async ({ shim }) => {
  const kernel = { LD_PRELOAD: shim, SORTIE_TEST_LANDLOCK: '0' };
  const error = await withEnvironment(kernel, () => words(confinement()));
  assert.is(error?.code, 'UNAVAILABLE');
  assert.match(error?.message ?? '', /cannot be confined here: this kernel has no Landlock .*SORTIE_CONFINE=best-effort/);
  const left = await withEnvironment(kernel, () => atBest(confinement));
  assert.equal(
    [left.landlock, left.files, left.truncate, left.network, left.signals, left.seccomp, left.bestEffort, isWhole(left)],
    [0, false, 'seccomp', 'seccomp', 'seccomp', true, true, false],
  );
}); // prettier-ignore

it('the operator’s word reaches the launcher, whose command sees another environment', async ({ shim }) => {
  const run = (): Promise<number | null> =>
    runConfined(
      {
        command: () => ['/bin/echo'],
        read: [],
        write: null,
        code: [],
        codeRoot: null,
        gpu: false,
        limits: { addressSpace: null, data: null, cpuSeconds: null, fileSize: null, openFiles: null },
        env: { LD_PRELOAD: shim, SORTIE_TEST_LANDLOCK: '0' },
        cwd: undefined,
        outputFd: 1,
        input: () => '',
      },
      { signal: new AbortController().signal, stallMs: () => null, timeoutMs: null, onOutput: () => 'more', onLine: () => undefined },
    ).then(({ exitCode }) => exitCode);
  assert.is(await run(), 125);
  assert.is(await atBest(run), 0);
}); // prettier-ignore

it('a word that is none is an error', () => {
  assert.equal([undefined, '', 'strict', 'best-effort'].map((word) => confineSettings({ SORTIE_CONFINE: word }).bestEffort), [false, false, false, true]); // prettier-ignore
  assert.throws(() => confineSettings({ SORTIE_CONFINE: 'off' }), /SORTIE_CONFINE is "off"/);
  assert.equal(
    [undefined, '', 'media'].map((name) => confineSettings({ SORTIE_CONFINE_USER: name }).user),
    [null, null, 'media'],
  );
});

it('what is missing is said in words', () => {
  const bare: Confinement = { landlock: 0, files: false, truncate: 'none', network: 'none', signals: 'none', abstractSockets: 'none', seccomp: false, capabilities: 'kept', uid: 0, gid: 0, bestEffort: true };
  assert.is(missingOf(bare).length, 4);
  assert.equal(missingOf({ ...bare, files: true, seccomp: true, capabilities: 'dropped' }), ['a user other than root']);
  assert.not.ok(isWhole({ ...bare, files: true, seccomp: true, capabilities: 'dropped' }));
  assert.equal(missingOf({ ...bare, files: true, seccomp: true, capabilities: 'dropped', uid: 10001 }), []);
}); // prettier-ignore

it('it is measured', async () => {
  const whole: Confinement = { landlock: 3, files: true, truncate: 'landlock', network: 'seccomp', signals: 'seccomp', abstractSockets: 'seccomp', seccomp: true, capabilities: 'dropped', uid: 10001, gid: 10001, bestEffort: false }; // prettier-ignore
  for (const [confined, value] of [[whole, 1], [{ ...whole, landlock: 0, files: false, bestEffort: true }, 0]] as const) {
    const registry = new Registry();
    workerMetrics(registry, { jobs: 1, gpus: 0, confinement: confined });
    assert.match(await registry.metrics(), new RegExp(`sortie_worker_confined\\{landlock="${confined.landlock}",[^}]*best_effort="${String(confined.bestEffort)}"\\} ${value}\\n`));
  }
}); // prettier-ignore

it.run();
