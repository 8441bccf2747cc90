// Confined children that misbehave: real processes under the real launcher.
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ChildError, childError, reasonOf, type Ending, type Reason } from './ending.js';
import { LineSplitter } from './lines.js';
import { restarting } from './restart.js';
import { runConfined, type Limits, type Watch } from './run.js';
import { confinedUser } from './state.js';

const it = suite<{ directory: string }>('confined children');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-confined-'));
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

const unlimited: Limits = { addressSpace: null, data: null, cpuSeconds: null, fileSize: null, openFiles: null };

function node(directory: string, script: string, limits: Partial<Limits> = {}, watch: Partial<Watch> = {}): Promise<Ending> {
  return runConfined(
    {
      command: (inside) => [inside(process.execPath), '--max-old-space-size=64', '-e', script],
      read: [process.execPath],
      write: directory,
      code: [],
      codeRoot: null,
      gpu: false,
      limits: { ...unlimited, ...limits },
      env: {},
      cwd: directory,
      outputFd: 3,
      input: () => 'order',
    },
    {
      signal: new AbortController().signal,
      stallMs: () => null,
      timeoutMs: null,
      onOutput: () => 'more',
      onLine: () => undefined,
      ...watch,
    },
  );
} // prettier-ignore

// prettier-ignore
const endings: readonly (readonly [what: string, script: string, limits: Partial<Limits>, reason: Reason])[] = [
  ['ends', '', {}, 'exited'],
  ['fails', 'process.exit(3)', {}, 'exited'],
  ['aborts', 'process.abort()', {}, 'crashed'],
  ['is killed', "process.kill(process.pid, 'SIGKILL')", {}, 'killed'],
  ['is told to go', "process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)", {}, 'killed'],
  ['loops', 'for (;;);', { cpuSeconds: 1 }, 'CPU time'],
  ['fills its heap', 'const all = []; for (;;) all.push(new Array(1e5).fill(all.length))', {}, 'out of memory'],
];
for (const [what, script, limits, reason] of endings) {
  it(`one that ${what}: ${reason}`, async ({ directory }) => {
    const ending = await node(directory, script, limits);
    assert.is(ending.reason, reason, ending.stderr.join('\n'));
  });
}

it('what the kernel killed for want of memory did not die by somebody’s hand', () => {
  assert.is(reasonOf('SIGKILL', true, []), 'out of memory');
  assert.is(reasonOf('SIGKILL', false, []), 'killed');
  assert.is(reasonOf('SIGSEGV', true, []), 'crashed');
});

it('reads its order', async ({ directory }) => {
  const said: Buffer[] = [];
  const script = "require('fs').writeSync(3, require('fs').readFileSync(0, 'utf8') + ' read')";
  await node(directory, script, {}, { onOutput: (chunk) => (said.push(chunk), 'more') });
  assert.is(Buffer.concat(said).toString(), 'order read');
});

it('one that says nothing is stopped', async ({ directory }) => {
  const ending = await node(directory, 'setInterval(() => {}, 1000)', {}, { stallMs: () => 300 });
  assert.is(ending.reason, 'stalled');
});

it('a flood without a line’s end ends the child, not the parent', async ({ directory }) => {
  const lines = new LineSplitter(1 << 20, 'stop', () => undefined);
  const script = "const b = Buffer.alloc(1 << 16, 97); for (;;) require('fs').writeSync(3, b)";
  const ending = await node(directory, script, {}, { onOutput: (chunk) => (lines.push(chunk) ? 'more' : 'flood') });
  assert.is(ending.reason, 'flooded');
});

it('a flood on stderr is cut, line by line', async ({ directory }) => {
  const lines: string[] = [];
  const script = "const b = Buffer.alloc(1 << 16, 97); for (let i = 0; i < 500; i++) require('fs').writeSync(2, b); console.error('\\nlast')";
  const ending = await node(directory, script, {}, { onLine: (line) => lines.push(line) });
  assert.is(ending.reason, 'exited');
  assert.is(lines[0]?.length, 4096);
  assert.is(ending.stderr.at(-1), 'last');
}); // prettier-ignore

it('cancelling ends it at once, with the reason that was given', async ({ directory }) => {
  const cancel = new AbortController();
  const reason = new SortieError('CANCELLED', 'Enough.');
  const script = "process.on('SIGTERM', () => {}); require('fs').writeSync(3, 'on'); for (;;);";
  try {
    await node(directory, script, {}, { signal: cancel.signal, onOutput: () => (cancel.abort(reason), 'more') });
    assert.unreachable('it ended by itself');
  } catch (error) {
    assert.is(error, reason);
  }
});

const isRoot = process.getuid?.() === 0;

it('root’s children are somebody else, who has no more than what is handed over', async ({ directory }) => {
  if (!isRoot) {
    console.log('SKIPPED root’s children are somebody else: this is not root');
    return;
  }
  const said: Buffer[] = [];
  const script = "const { readFileSync, writeSync, writeFileSync } = require('fs'); writeFileSync('theirs', ''); writeSync(3, readFileSync('/proc/self/status'))";
  const ending = await node(directory, script, {}, { onOutput: (chunk) => (said.push(chunk), 'more') });
  assert.is(ending.exitCode, 0, ending.stderr.join('\n'));
  const status = Buffer.concat(said).toString();
  const user = await confinedUser();
  assert.ok(user && user.uid !== 0);
  assert.match(status, new RegExp(`Uid:(\\s${user.uid}){4}\\nGid:(\\s${user.gid}){4}\\n`));
  assert.match(status, /Groups:\s*\n/);
  for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) assert.match(status, new RegExp(`Cap${set}:\\s0{16}\\n`));
  assert.match(status, /NoNewPrivs:\s1\n/);
  assert.is((await stat(join(directory, 'theirs'))).uid, 0);
}); // prettier-ignore

it('code and libraries are found where nobody else may enter the folders above', async ({ directory }) => {
  const home = join(directory, 'home');
  const modules = join(home, 'code/node_modules');
  await mkdir(join(home, 'real'), { recursive: true });
  await mkdir(modules, { recursive: true });
  await writeFile(join(home, 'code/main.mjs'), "import { word } from 'library'; import { writeSync } from 'node:fs'; writeSync(3, word);");
  await mkdir(join(home, 'code/library'));
  await writeFile(join(home, 'code/library/package.json'), '{"type":"module","exports":"./index.js"}');
  await writeFile(join(home, 'code/library/index.js'), "export const word = 'found';");
  await symlink('../library', join(modules, 'library'));
  await chmod(home, 0o700);
  const said: Buffer[] = [];
  const ending = await runConfined(
    {
      command: (inside) => [inside(process.execPath), '--preserve-symlinks', '--preserve-symlinks-main', inside(join(home, 'code/main.mjs'))],
      read: [process.execPath],
      write: null,
      code: [join(home, 'code')],
      codeRoot: join(home, 'code'),
      gpu: false,
      limits: unlimited,
      env: {},
      cwd: '/',
      outputFd: 3,
      input: () => '',
    },
    { signal: new AbortController().signal, stallMs: () => null, timeoutMs: null, onOutput: (chunk) => (said.push(chunk), 'more'), onLine: () => undefined },
  );
  assert.is(Buffer.concat(said).toString(), 'found', ending.stderr.join('\n'));
}); // prettier-ignore

it('a file larger than allowed cannot be written', async ({ directory }) => {
  const script = "try { require('fs').writeFileSync('a', Buffer.alloc(9000)) } catch (e) { process.exitCode = e.code === 'EFBIG' ? 7 : 8 }";
  assert.is((await node(directory, script, { fileSize: 5000 })).exitCode, 7);
}); // prettier-ignore

const killed: Ending = { reason: 'killed', exitCode: null, signal: 'SIGKILL', stallMs: null, stderr: [] };

it('what is killed from outside is started again, three times and no more, and cleaned up in between', async () => {
  const { signal } = new AbortController();
  for (const [kills, result] of [
    [0, 'done'],
    [3, 'done'],
    [4, 'ENGINE_CRASHED'],
  ] as const) {
    let tries = 0;
    let cleaned = 0;
    const act = (): Promise<string> =>
      ++tries <= kills ? Promise.reject(childError('It', killed)) : Promise.resolve('done');
    const came = await restarting(act, signal, () => {
      cleaned++;
    }).catch((error: unknown) => (error as ChildError).code);
    assert.equal([came, tries, cleaned], [result, Math.min(kills + 1, 4), Math.min(kills, 3)]);
  } // prettier-ignore
});

it('a crash of its own is not tried again', async () => {
  let tries = 0;
  const act = (): Promise<never> => {
    tries++;
    return Promise.reject(childError('It', { ...killed, reason: 'crashed', signal: 'SIGSEGV' }));
  };
  await restarting(act, new AbortController().signal, () => undefined).catch(() => undefined);
  assert.is(tries, 1);
});

it.run();
