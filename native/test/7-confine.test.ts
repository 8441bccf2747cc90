// sortie-confine: the named files, no network, no privilege.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { confinePath } from '../index.js';
import { fresh, make, planFor, testPicture, x264 } from './support.js';

const confine = (...args: string[]): SpawnSyncReturns<string> => spawnSync(confinePath, args, { encoding: 'utf8' });
const told = JSON.parse(confine('--explain').stdout) as { landlock: number; files: boolean; seccomp: boolean };
const native = dirname(dirname(dirname(confinePath)));
const node = ['--read', process.execPath, '--read', native, '--read', join(dirname(native), 'package.json')];

test('it tells what is in force', () => {
  assert.type(told.landlock, 'number');
  assert.is(told.seccomp, true);
});

test('files: those that are named', () => {
  if (!told.files) return;
  const secret = fresh('.txt');
  writeFileSync(secret, 'secret');
  assert.not.equal(confine('--', 'cat', secret).status, 0);
  assert.not.equal(confine('--', 'cat', '/etc/passwd').status, 0);
  assert.is(confine('--read', secret, '--', 'cat', secret).stdout, 'secret');
  assert.not.equal(confine('--read', secret, '--', 'cp', '/dev/null', secret).status, 0);
  const room = fresh('-room');
  mkdirSync(room);
  const inRoom: readonly (readonly string[])[] = [['touch', 'a'], ['mv', 'a', 'b'], ['rm', 'b'], ['mkdir', 'c']]; // prettier-ignore
  for (const [command = '', ...names] of inRoom)
    assert.is(confine('--write', room, '--', command, ...names.map((name) => join(room, name))).status, 0, command);
  assert.not.equal(confine('--write', room, '--', 'touch', `${room}-beside`).status, 0);
  // Nothing that could lead those astray who read what was written.
  assert.is(confine('--write', room, '--', 'touch', join(room, 'd')).status, 0);
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
  const room = fresh('-room');
  mkdirSync(room);
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
  if (told.files) assert.is(confine('--read', '/no/such/path', '--', 'true').status, 125);
});

test('with --gpu: one kind of socket to listen on and the names of its own threads, and nothing else more', () => {
  const script = `
import os, socket, threading
def tried(name, act):
    try:
        act()
        print(name, 'done')
    except OSError as error:
        print(name, error.errno)
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
  const files = told.files ? ['parent 13', 'passwords 13'] : ['parent done', 'passwords done'];
  assert.equal(outcome('--gpu'), ['listen done', ...refused, 'name done', ...files]);
  assert.is(outcome()[0], 'listen 13');
});

test('processes: none besides, but for drivers of GPUs; threads as many as wanted', () => {
  const fork = ['sh', '-c', '/bin/true; echo on'];
  assert.is(confine('--', ...fork).stdout, '');
  assert.is(confine('--gpu', '--', ...fork).stdout, 'on\n');
  const thread = "new (require('node:worker_threads').Worker)('console.log(1)', { eval: true })";
  assert.is(confine(...node, '--', process.execPath, '-e', thread).stdout, '1\n');
});

test('the engine runs inside, and talks to its parent', async () => {
  const plan = planFor(make('.mp4', ...testPicture('160x90', '25', 2), ...x264));
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
