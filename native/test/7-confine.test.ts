// sortie-confine: the named files, no network, no privilege.
import { execFileSync, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { confinePath } from '../index.js';
import { fresh, make, planFor, testPicture, x264 } from './support.js';

/** Of root's own PATH another user may not enter everything. */
const env = { ...process.env, PATH: '/usr/bin:/bin' };
const confine = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(confinePath, args, { encoding: 'utf8', env });
interface Told {
  landlock: number;
  files: boolean;
  truncate: string;
  signals: string;
  seccomp: boolean;
  capabilities: string;
  uid: number;
  gid: number;
  bestEffort: boolean;
}
const told = JSON.parse(confine('--best-effort', '--explain').stdout) as Told;
/** Says so where the kernel has not what the test is about. */
function skips(name: string, what: boolean, lacks: string): boolean {
  if (!what) console.log(`SKIPPED ${name}: this kernel has no ${lacks}`);
  return !what;
}
const isRoot = process.getuid?.() === 0;
/** Where root starts the launcher, the command is another user: who may come here, and has a room of its own. */
chmodSync(dirname(fresh('')), 0o755);
function freshRoom(): string {
  const room = fresh('-room');
  mkdirSync(room);
  if (isRoot) chownSync(room, told.uid, told.gid);
  return room;
}
const native = dirname(dirname(dirname(confinePath)));
const node = ['--read', process.execPath, '--read', native, '--read', join(dirname(native), 'package.json')];

test('it tells what is in force', () => {
  assert.is(told.seccomp, true);
  assert.is(told.capabilities, 'dropped');
  assert.is(told.files, told.landlock > 0);
});

test('files: those that are named', () => {
  if (skips('files', told.files, 'Landlock')) return;
  const secret = fresh('.txt');
  writeFileSync(secret, 'secret');
  assert.not.equal(confine('--', 'cat', secret).status, 0);
  assert.not.equal(confine('--', 'cat', '/etc/passwd').status, 0);
  assert.is(confine('--read', secret, '--', 'cat', secret).stdout, 'secret');
  assert.not.equal(confine('--read', secret, '--', 'cp', '/dev/null', secret).status, 0);
  const room = freshRoom();
  const inRoom: readonly (readonly string[])[] = [['tee', 'a'], ['mv', 'a', 'b'], ['rm', 'b'], ['mkdir', 'c']]; // prettier-ignore
  for (const [command = '', ...names] of inRoom)
    assert.is(confine('--write', room, '--', command, ...names.map((name) => join(room, name))).status, 0, command);
  assert.not.equal(confine('--write', room, '--', 'tee', `${room}-beside`).status, 0);
  // Nothing that could lead those astray who read what was written.
  assert.is(confine('--write', room, '--', 'tee', join(room, 'd')).status, 0);
  const astray: readonly (readonly string[])[] = [['ln', '-s', secret, join(room, 'e')], ['ln', join(room, 'd'), join(room, 'c', 'd')], ['mkfifo', join(room, 'f')]]; // prettier-ignore
  for (const [command = '', ...names] of astray)
    assert.not.equal(confine('--write', room, '--', command, ...names).status, 0, command);
  assert.equal(readdirSync(room).sort(), ['c', 'd']);
  assert.equal(readdirSync(join(room, 'c')), []);
  // What is written cannot be run.
  assert.is(confine('--write', room, '--', 'cp', '/bin/true', join(room, 't')).status, 0);
  assert.is(confine('--write', room, '--', join(room, 't')).status, 126);
});

test('network: none, pairs of sockets excepted', () => {
  const script = `
    const results = [];
    const { connect, createServer } = require('node:net');
    connect(9, '127.0.0.1').on('error', (e) => results.push(e.code));
    connect('/tmp/nowhere.sock').on('error', (e) => results.push(e.code));
    createServer().listen(0).on('error', (e) => results.push(e.code));
    process.on('exit', () => console.log(results.join()));`;
  const { stdout } = confine(...node, '--', process.execPath, '-e', script);
  assert.is(stdout.trim(), 'EACCES,EACCES,EACCES');
});

test('limits and failures', () => {
  const room = freshRoom();
  assert.not.equal(confine('--write', room, '--file-size', '1000', '--', 'sh', '-c', `exec head -c 2000 /dev/zero > ${room}/a`).status, 0); // prettier-ignore
  assert.is(confine('--open-files', '16', '--', 'sh', '-c', 'ulimit -n').stdout.trim(), '16');
  assert.is(confine('--', 'sh', '-c', 'ulimit -c').stdout.trim(), '0');
  assert.is(confine('--cpu', '1', '--', 'sh', '-c', 'while :; do :; done').signal, 'SIGXCPU');
  const allocate = "try { Buffer.alloc(4e8, 1); console.log('taken'); } catch { console.log('refused'); }";
  assert.is(confine(...node, '--data', '300000000', '--', process.execPath, '-e', allocate).stdout, 'refused\n');
  assert.is(confine(...node, '--data', '900000000', '--', process.execPath, '-e', allocate).stdout, 'taken\n');
  assert.is(confine('--', 'sh', '-c', 'exit 7').status, 7);
  assert.is(confine('--', 'no-such-command').status, 127);
  for (const wrong of [[], ['--'], ['--cpu'], ['--cpu', '-1', '--', 'true'], ['--wrong', '1', '--', 'true']])
    assert.is(confine(...wrong).status, 125);
  if (!skips('a path that is not there', told.files, 'Landlock'))
    assert.is(confine('--read', '/no/such/path', '--', 'true').status, 125);
});

/** Python: tells whether an attempt went through, or with which errno(3) it did not. */
const tried = `def tried(name, act):
    try:
        act()
        print(name, 'done')
    except OSError as error:
        print(name, error.errno)`;

test('with --gpu: one kind of socket to listen on and the names of its own threads, and nothing else more', () => {
  const script = `
import os, socket, threading
${tried}
listener = None
def listen():
    global listener
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(chr(0) + 'cuda-uvmfd-test-' + str(os.getpid()))
    listener.listen(1)
tried('listen', listen)
tried('connect', lambda: listener.connect(chr(0) + 'somebody'))
tried('path', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind('/tmp/sortie-confine-test.sock'))
tried('stream', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
tried('datagram', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
tried('inet', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
tried('inet6', lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
tried('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
def name():
    held = threading.Event()
    other = threading.Thread(target=held.wait)
    other.start()
    try:
        open(f'/proc/self/task/{other.native_id}/comm', 'r+').write('cuda-test')
    finally:
        held.set()
tried('name', name)
tried('parent', lambda: open(f'/proc/{os.getppid()}/comm'))
tried('passwords', lambda: open('/etc/passwd'))
`;
  const outcome = (...options: string[]): string[] =>
    confine(...options, '--', 'python3', '-I', '-c', script).stdout.trim().split('\n'); // prettier-ignore
  const refused = ['connect 13', 'path 13', 'stream 13', 'datagram 13', 'inet 13', 'inet6 13', 'netlink 13'];
  assert.is(outcome()[0], 'listen 13');
  if (skips('the files of --gpu', told.files, 'Landlock')) return;
  assert.equal(outcome('--gpu'), ['listen done', ...refused, 'name done', 'parent 13', 'passwords 13']);
});

/** Whatever may be done to files and processes that are not its own, and what it may become. */
const attempts = `
import ctypes, fcntl, os, resource, socket, sys
victim, room, parent = sys.argv[1], sys.argv[2], os.getppid()
c = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(c, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
${tried}
own = os.path.join(room, 'own')
tried('make', lambda: open(own, 'w').close())
tried('own limit', lambda: resource.prlimit(0, resource.RLIMIT_NOFILE, (100, 100)))
tried('pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
tried('own signal', lambda: os.kill(os.getpid(), 0))
tried('rights', lambda: os.chmod(victim, 0o4777))
tried('own rights', lambda: os.chmod(own, 0o4777))
tried('made with rights', lambda: os.close(os.open(os.path.join(room, 'set'), os.O_CREAT | os.O_WRONLY, 0o4755)))
tried('owner', lambda: os.chown(victim, os.getuid(), -1))
tried('times', lambda: os.utime(victim, (1, 1)))
tried('attribute', lambda: os.setxattr(victim, 'user.a', b'1'))
tried('truncate', lambda: os.truncate(victim, 0))
tried('truncate by opening', lambda: os.open(victim, os.O_RDONLY | os.O_TRUNC))
tried('truncate by opening for nothing', lambda: os.open(victim, os.O_ACCMODE | os.O_TRUNC))
tried('limit', lambda: resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1)))
tried('priority', lambda: os.setpriority(os.PRIO_PROCESS, parent, 19))
tried('scheduler', lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)))
tried('places', lambda: os.sched_setaffinity(parent, {0}))
tried('signal', lambda: os.kill(parent, 0))
tried('signals of the kernel', lambda: fcntl.fcntl(0, fcntl.F_SETOWN, parent))
tried('group', lambda: os.setsid())
tried('pair of datagrams', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
tried('shared memory', lambda: call('shmget', 0, 4096, 0o1600))
tried('queue', lambda: call('msgget', 0, 0o1600))
tried('memory to run', lambda: os.memfd_create('a'))
tried('link', lambda: os.symlink(victim, os.path.join(room, 'link')))
tried('second name', lambda: os.link(own, os.path.join(room, 'second')))
tried('pipe', lambda: os.mkfifo(os.path.join(room, 'pipe')))
tried('pipe by another name', lambda: call('fchmodat', -100, own.encode(), 0o4777, 0))
tried('trace', lambda: call('ptrace', 16, parent, 0, 0))
tried('dies with its parent', lambda: call('prctl', 1, 0, 0, 0, 0))
tried('rights of root', lambda: call('setuid', 0) if os.getuid() else call('setuid', 1))
`;
const permitted = ['make done', 'own limit done', 'pair done', 'own signal done'];
const ownRefusals = new Map([['truncate', 13], ['truncate by opening', 13], ['truncate by opening for nothing', 13], ['pair of datagrams', 13]]); // prettier-ignore

/** What each of them came to, and that the victim is what it was. */
function outcomes(environment: Record<string, string>, ...options: string[]): string[] {
  const victim = fresh('.txt');
  const room = freshRoom();
  writeFileSync(victim, 'victim', { mode: 0o600 });
  // As in a directory that is lent: its own file, and in reach of it.
  if (isRoot) chownSync(victim, told.uid, told.gid);
  const before = statSync(victim);
  const { stdout, stderr } = spawnSync(
    confinePath,
    [...options, '--read', victim, '--write', room, '--', 'python3', '-I', '-c', attempts, victim, room],
    { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ...environment } },
  );
  const { mode, uid, nlink, mtimeMs } = statSync(victim);
  assert.equal([mode, uid, nlink, mtimeMs], [before.mode, before.uid, 1, before.mtimeMs], stderr);
  assert.is(readFileSync(victim, 'utf8'), 'victim');
  return stdout.trim().split('\n');
}

/** All that is not permitted is refused; by Landlock with another word, where it is asked first. */
function assertRefused(found: readonly string[], byLandlock: boolean): void {
  assert.equal(found.slice(0, permitted.length), permitted);
  assert.ok(found.length > 30);
  for (const line of found.slice(permitted.length)) {
    const [, name = '', error = ''] = /^(.*) (\S+)$/.exec(line) ?? [];
    const byName = ownRefusals.get(name);
    const wanted = byName !== undefined && (byLandlock || name === 'pair of datagrams') ? byName : 1;
    assert.is(error, String(wanted), line);
  }
}

test('nothing is done to files and processes that are not its own', () => {
  if (skips('what Landlock and the filter refuse', told.landlock >= 3, 'Landlock with truncation')) return;
  for (const options of [[], ['--gpu']]) assertRefused(outcomes({}, ...options), true);
});

test('root’s place is taken by another user, who has nothing of root’s', () => {
  if (!isRoot) {
    console.log('SKIPPED root’s place: this is not root');
    return;
  }
  assert.is.not(told.uid, 0);
  assert.match(confine('--', 'cat', '/proc/self/status').stdout, new RegExp(`Uid:(\\s${told.uid}){4}\\nGid:(\\s${told.gid}){4}\\n`));
  assert.match(confine('--', 'cat', '/proc/self/status').stdout, /Groups:\s*\n/);
  assert.match(confine('--user', '12345', '--', 'cat', '/proc/self/status').stdout, /Uid:(\s12345){4}\nGid:(\s12345){4}\n/);
  const key = fresh('.key');
  writeFileSync(key, 'secret', { mode: 0o600 });
  // Also where no Landlock closes it.
  const open = confineOn(on(0), '--best-effort', '--', 'cat', key);
  assert.equal([open.status, open.stdout], [1, '']);
  const named = confine('--read', key, '--', 'cat', key);
  assert.is(named.status, 125);
  assert.ok(named.stderr.includes(`may not read ${key}`), named.stderr);
}); // prettier-ignore

test('without a user to take root’s place nothing is run, unless that is wanted', () => {
  if (!isRoot) {
    console.log('SKIPPED without a user to take root’s place: this is not root');
    return;
  }
  for (const user of ['no-such-user', '', '-1', '4294967295', '12x']) {
    const { status, stdout, stderr } = confine('--user', user, '--', 'echo', 'run');
    assert.equal([status, stdout], [125, ''], user);
    assert.match(stderr, /there is no user .*SORTIE_CONFINE_USER.*SORTIE_CONFINE=best-effort/);
  }
  for (const user of ['root', '0']) assert.match(confine('--user', user, '--best-effort', '--', 'echo', 'run').stderr, /is root, too/);
  const { status, stdout, stderr } = confine('--user', 'no-such-user', '--best-effort', '--', 'id', '-u');
  assert.equal([status, stdout], [0, '0\n']);
  assert.match(stderr, /there is no user .*\(SORTIE_CONFINE=best-effort\)/);
}); // prettier-ignore

test('no capabilities are left, whoever starts it', () => {
  const { stdout } = confine('--', 'cat', '/proc/self/status');
  for (const set of ['Inh', 'Prm', 'Eff', 'Amb']) assert.match(stdout, new RegExp(`Cap${set}:\\s0{16}\\n`));
});

/** The C++ compiler made what is tested here, so it is there. */
const shim = fresh('.so');
execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-o', shim, join(native, 'test', 'older-kernel.cc'), '-ldl']);
const older = (kernel: Record<string, string>): Record<string, string> => ({ LD_PRELOAD: shim, ...kernel });
const confineOn = (kernel: Record<string, string>, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(confinePath, args, { encoding: 'utf8', env: { ...env, ...older(kernel) } });

test('a kernel without Landlock, or without filters: nothing is run, unless that is wanted', () => {
  for (const [kernel, message] of [
    [{ SORTIE_TEST_LANDLOCK: '0' }, /this kernel has no Landlock .*SORTIE_CONFINE=best-effort/],
    [{ SORTIE_TEST_SECCOMP: 'no' }, /takes no filter of system calls .*SORTIE_CONFINE=best-effort/],
  ] as const) {
    for (const args of [['--', 'echo', 'run'], ['--explain']]) {
      const { status, stdout, stderr } = confineOn(kernel, ...args);
      assert.equal([status, stdout], [125, '']);
      assert.match(stderr, message);
    }
    const { status, stdout, stderr } = confineOn(kernel, '--best-effort', '--', 'echo', 'run');
    assert.equal([status, stdout], [0, 'run\n']);
    assert.match(stderr, message);
  }
});

const on = (landlock: number): { SORTIE_TEST_LANDLOCK: string } => ({ SORTIE_TEST_LANDLOCK: String(landlock) });

test('what an older Landlock lacks, the filter closes', () => {
  for (const [landlock, truncate, signals] of [[0, 'seccomp', 'seccomp'], [1, 'seccomp', 'seccomp'], [2, 'seccomp', 'seccomp'], [3, 'landlock', 'seccomp'], [6, 'landlock', 'landlock']] as const) {
    if (landlock > told.landlock && skips(`Landlock ${landlock}`, false, 'Landlock of that version')) continue;
    const options = landlock === 0 ? ['--best-effort'] : [];
    const explained = JSON.parse(confineOn(on(landlock), ...options, '--explain').stdout) as Told;
    assert.equal([explained.landlock, explained.truncate, explained.signals, explained.files], [landlock, truncate, signals, landlock > 0]);
    assertRefused(outcomes(older(on(landlock)), ...options), landlock >= 3);
    const secret = fresh('.txt');
    writeFileSync(secret, 'secret');
    assert.is(confineOn(on(landlock), ...options, '--', 'cat', secret).stdout, landlock === 0 ? 'secret' : '');
  }
}); // prettier-ignore

test('processes: none besides, but for drivers of GPUs; threads as many as wanted', () => {
  const fork = ['sh', '-c', '/bin/true; echo on'];
  assert.is(confine('--', ...fork).stdout, '');
  assert.is(confine('--gpu', '--', ...fork).stdout, 'on\n');
  const thread = "new (require('node:worker_threads').Worker)('console.log(1)', { eval: true })";
  assert.is(confine(...node, '--', process.execPath, '-e', thread).stdout, '1\n');
});

test('the engine runs inside, and talks to its parent', async () => {
  const plan = planFor(make('.mp4', ...testPicture('160x90', '25', 2), ...x264));
  if (isRoot) chownSync(plan.outputDir, told.uid, told.gid);
  const index = join(dirname(dirname(fileURLToPath(import.meta.url))), 'index.js');
  const script = `
    import(${JSON.stringify(index)}).then(async ({ run }) => {
      process.on('message', async (plan) => {
        const result = await run(plan, () => undefined).result;
        process.send(result.framesDecoded, () => process.disconnect());
      });
      process.send('ready');
    });`;
  const child = spawn(
    confinePath,
    [...node, '--read', plan.input, '--write', plan.outputDir, '--', process.execPath, '-e', script],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const frames = await new Promise((resolve, reject) => {
    child.on('message', (message) => (message === 'ready' ? child.send(plan) : resolve(message)));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`ended with ${String(code)}`)));
  });
  assert.is(frames, 50);
});

test.run();
