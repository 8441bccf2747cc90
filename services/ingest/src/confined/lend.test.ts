// As root only: nobody else can give files away.
import { chown, link, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { whileLent } from './lend.js';

interface Context {
  directory: string;
  /** What is lent. */
  out: string;
}
const borrower = { uid: 12_345, gid: 12_346 };
const stranger = 54_321;

const it = suite<Context>('a directory that is lent');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-lend-'));
  context.out = join(context.directory, 'out');
  await mkdir(join(context.out, 'video/sd'), { recursive: true });
  await writeFile(join(context.out, 'video/sd/1'), 'content');
});
it.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

const ownersOf = (out: string, ...paths: string[]): Promise<string[]> =>
  Promise.all(paths.map((path) => lstat(join(out, path)).then(({ uid, gid }) => `${uid}:${gid}`)));
const all = ['', 'video', 'video/sd', 'video/sd/1'];

if (process.getuid?.() === 0) {
  it('all of it is the borrower’s as long as it is lent, and the owner’s again, whatever comes of it', async ({
    out,
  }) => {
    for (const act of [() => Promise.resolve(), () => Promise.reject(new Error('It failed.'))]) {
      let during: string[] = [];
      await whileLent(out, borrower, async () => {
        during = await ownersOf(out, ...all);
        await writeFile(join(out, 'made'), '');
        await chown(join(out, 'made'), borrower.uid, borrower.gid);
        await act();
      }).catch(() => undefined);
      assert.equal(
        during,
        Array.from(all, () => '12345:12346'),
      );
      assert.equal(
        await ownersOf(out, ...all, 'made'),
        Array.from([...all, 'made'], () => '0:0'),
      );
    }
  });

  it('what is no plain file or folder of theirs changes no hands, and leads nowhere', async ({ out, directory }) => {
    const outside = join(directory, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'key'), 'key');
    await whileLent(out, borrower, async () => {
      await symlink(outside, join(out, 'folder'));
      await symlink(join(outside, 'key'), join(out, 'link'));
      await link(join(outside, 'key'), join(out, 'second'));
      await writeFile(join(out, 'another'), '');
      await chown(join(out, 'another'), stranger, stranger);
      await writeFile(join(out, 'theirs'), '');
      await link(join(out, 'theirs'), join(out, 'again'));
      await chown(join(out, 'theirs'), borrower.uid, borrower.gid);
    });
    assert.equal(await ownersOf(out, 'theirs', 'another'), ['12345:12346', `${stranger}:${stranger}`]);
    await whileLent(out, borrower, async () => {
      assert.equal(await ownersOf(outside, '', 'key'), ['0:0', '0:0']);
      assert.equal(await ownersOf(out, 'folder', 'link', 'second'), ['0:0', '0:0', '0:0']);
    });
  });

  it('folders in folders without end take no descriptors', async ({ out }) => {
    const before = (await readdir('/proc/self/fd')).length;
    const deep = join(out, ...Array.from({ length: 200 }, () => 'f'));
    await mkdir(deep, { recursive: true });
    let most = 0;
    const watch = setInterval(() => void readdir('/proc/self/fd').then(({ length }) => (most = Math.max(most, length))), 1);
    await whileLent(out, borrower, () => Promise.resolve());
    clearInterval(watch);
    assert.ok(most < before + 20, String(most));
    assert.equal(await ownersOf(out, 'f', 'f/f/f/f/f/f/f/f/f/f'), ['0:0', '0:0']);
  }); // prettier-ignore

  it('a link in its place is not followed', async ({ out, directory }) => {
    await symlink(out, join(directory, 'link'));
    let acted = false;
    await whileLent(join(directory, 'link'), borrower, () => Promise.resolve((acted = true))).then(
      () => assert.unreachable('It was taken.'),
      () => undefined,
    );
    assert.not.ok(acted);
  });
} else console.log('SKIPPED lending: only root can give files away');

it('nothing changes hands where the children are the same user', async ({ out }) => {
  const before = await ownersOf(out, ...all);
  assert.equal(await whileLent(out, null, () => ownersOf(out, ...all)), before);
});

it.run();
