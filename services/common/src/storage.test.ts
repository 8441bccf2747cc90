// The storage on real directories: what happens when it is not there, full, read-only, or cannot do what it has to.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SortieError } from './errors.js';
import { openStorage, type Storage } from './storage.js';

interface Context {
  directory: string;
  root: string;
  storage: Storage;
}

const it = suite<Context>('storage');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-storage-'));
  context.root = join(context.directory, 'root');
  // As people write a directory: with a slash at its end.
  context.storage = await openStorage(`${context.root}/`);
});
it.after.each(async ({ directory }) => {
  await rm(directory, { recursive: true, force: true });
});

async function refused(code: string, act: Promise<unknown>): Promise<SortieError> {
  try {
    await act;
  } catch (error) {
    assert.instance(error, SortieError);
    assert.is((error as SortieError).code, code, (error as SortieError).message);
    return error as SortieError;
  }
  throw new Error(`should have been refused with ${code}`);
}

const stream = async function* (...chunks: Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
};

it('of several that put under one key one wins, with the whole content', async ({ storage }) => {
  const won = await Promise.all(Array.from({ length: 20 }, (_, index) => storage.putNew('a/b.json', `by ${index}`)));
  assert.is(won.filter((mine) => mine).length, 1);
  assert.is((await storage.get('a/b.json'))?.toString(), `by ${won.indexOf(true)}`);
  assert.equal((await storage.entries('a')).map(({ name }) => name), ['b.json']); // prettier-ignore
});

it('a file is moved within a file system and copied from another one, hashed either way', async (context) => {
  const { storage, directory, root } = context;
  const bytes = randomBytes(3_000_000);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  for (const folder of [directory, '/dev/shm']) {
    const path = join(folder, `sortie-storage-${process.pid}`);
    await writeFile(path, bytes);
    assert.equal(await storage.putFile(`layers/${folder.length}`, path), { sizeBytes: bytes.length, sha256 });
    assert.ok((await readFile(join(root, `layers/${folder.length}`))).equals(bytes));
    await rm(path, { force: true });
  }
});

it('no link is followed, and no pipe waited for, in place of a file that is to be stored', async ({ storage, directory, root }) => {
  const secret = join(directory, 'secret');
  await writeFile(secret, 'secret');
  await symlink(secret, join(directory, 'link'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  for (const name of ['link', 'pipe', '.']) {
    const error = await refused('STORAGE_FAILED', storage.putFile(`layers/${name === '.' ? 'folder' : name}`, join(directory, name)));
    assert.match(error.message, 'a link or no file');
    assert.not.match(error.message, directory);
  }
  assert.equal(await readdir(root).then((names) => names.filter((name) => name === 'layers')), []);
  assert.is(await readFile(secret, 'utf8'), 'secret');
}); // prettier-ignore

it('a stream that breaks off leaves nothing, not even its folder', async ({ storage, root }) => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield* stream(randomBytes(100));
    throw new SortieError('CANCELLED', 'gone');
  }
  await refused('CANCELLED', storage.putStream('uploads/x/source.ts', broken()));
  assert.equal(await readdir(join(root, 'uploads')), []);
});

it('a storage that is not mounted is noticed, and gets no new tree under its name', async ({
  storage,
  root,
  directory,
}) => {
  await storage.put('services/a/service.json', '{}');
  await rename(root, join(directory, 'elsewhere'));
  const gone = async (): Promise<void> => {
    await refused('STORAGE_FAILED', storage.put('services/b/service.json', '{}'));
    await refused('STORAGE_FAILED', storage.putNew('services/b/service.json', '{}'));
    await refused('STORAGE_FAILED', storage.putStream('uploads/x/source.ts', stream(Buffer.alloc(9))));
    // What is missing in a storage that is not there is not missing.
    await refused('STORAGE_FAILED', storage.get('services/a/service.json'));
    await refused('STORAGE_FAILED', storage.size('services/a/service.json'));
    await refused('STORAGE_FAILED', storage.children('services'));
    await refused('STORAGE_FAILED', storage.room());
  };
  await gone();
  assert.not(existsSync(root));
  // The mount point of a volume that is not mounted.
  await mkdir(root);
  await gone();
  assert.equal(await readdir(root), []);
  await rm(root, { recursive: true });
  await rename(join(directory, 'elsewhere'), root);
  assert.is((await storage.get('services/a/service.json'))?.toString(), '{}');
  assert.is(await storage.get('services/b/service.json'), null);
});

it('files are synced before they get their names, and folders after', async ({ directory }) => {
  const script = join(directory, 'script.mjs');
  const module = new URL('./storage.js', import.meta.url).href;
  const local = join(directory, 'local.m4s');
  await writeFile(local, randomBytes(1000));
  await writeFile(
    script,
    `import { openStorage } from '${module}';
     const storage = await openStorage('${join(directory, 'traced')}');
     await storage.putFile('layers/s/0/o/video/1.m4s', '${local}');
     await storage.sync('layers/s/0/o');
     await storage.put('layers/s/0/o/manifest.json', '{}');`,
  );
  const trace = join(directory, 'trace');
  execFileSync('strace', ['-f', '-y', '-o', trace, '-e', 'trace=fsync,fdatasync,rename,renameat,renameat2', process.execPath, script]); // prettier-ignore
  const lines = (await readFile(trace, 'utf8')).split('\n').filter((line) => line.includes(join(directory, 'traced')) || line.includes(local)); // prettier-ignore
  const at = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
  const file = at(/f(?:data)?sync\(.*local\.m4s/);
  const move = at(/rename.*local\.m4s.*1\.m4s/);
  const folder = lines.findLastIndex((line) => /fsync\(.*\/o\/video>/.test(line));
  const manifest = at(/rename.*manifest\.json/);
  assert.ok(file >= 0 && file < move && move < folder && folder < manifest, lines.join('\n'));
  assert.ok(
    lines.slice(manifest).some((line) => /fsync\(.*\/0\/o>/.test(line)),
    'the folder of the manifest',
  );
});

/** Mounts a small file system of its own; null where that is not allowed. */
function mounted(directory: string, size: string): string | null {
  const mount = join(directory, 'mount');
  try {
    execFileSync('mkdir', ['-p', mount]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mount], { stdio: 'pipe' });
    return mount;
  } catch {
    return null;
  }
}

it('a full storage and a read-only one say so, and go on when they can', async ({ directory }) => {
  const mount = mounted(directory, '4m');
  if (mount === null) {
    process.stdout.write('SKIPPED: mounting is not allowed here\n');
    return;
  }
  try {
    const storage = await openStorage(join(mount, 'root'));
    await storage.check();
    await refused('DISK_FULL', storage.putStream('uploads/x/source.ts', stream(Buffer.alloc(8_000_000))));
    const big = join(directory, 'big');
    await writeFile(big, Buffer.alloc(8_000_000));
    await refused('DISK_FULL', storage.putFile('layers/s/0/big', big));
    await storage.put('a.json', '{}');
    execFileSync('mount', ['-o', 'remount,ro', mount]);
    const error = await refused('STORAGE_FAILED', storage.put('b.json', '{}'));
    assert.match(error.message, 'EROFS');
    assert.not.match(error.message, directory);
    assert.match((await refused('STORAGE_FAILED', storage.check())).message, 'cannot be written');
    await refused('STORAGE_FAILED', storage.remove('', 'a.json'));
    execFileSync('mount', ['-o', 'remount,rw', mount]);
    await storage.put('b.json', '{}');
    await storage.check();
  } finally {
    execFileSync('umount', [mount]);
  }
});

it('keys never leave the root', async ({ storage }) => {
  for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', 'a/.b', 'a\0b', 'a/'])
    await refused(
      'INTERNAL',
      Promise.resolve().then(() => storage.get(key)),
    );
});

it.run();
