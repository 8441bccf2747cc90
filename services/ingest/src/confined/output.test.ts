// What a confined process may leave behind, and what of it is never opened.
import { execFileSync } from 'node:child_process';
import { chmod, chown, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openFileBelow, readFileBelow, writeFileBelow } from './below.js';
import { inspectOutput } from './output.js';

interface Context {
  directory: string;
  /** The directory that was written to. */
  out: string;
}

const known = new Map([
  ['video/sd/1', true],
  ['audio/1', false],
]);

/** The words of what it throws. */
async function refusal(act: Promise<unknown>): Promise<string> {
  try {
    await act;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It was taken.');
}

const it = suite<Context>('output of a confined process');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-output-'));
  context.out = join(context.directory, 'out');
  await mkdir(join(context.out, 'video/sd'), { recursive: true });
  await writeFile(join(context.out, 'video/sd/1'), 'content');
  await writeFile(join(context.directory, 'secret'), 'secret');
});
it.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

it('what is known may be there, and what is needed has to', async ({ out }) => {
  assert.equal(await inspectOutput(out, known), new Map([['video/sd/1', 7]]));
  await mkdir(join(out, 'audio'));
  assert.is((await inspectOutput(out, known)).size, 1);
  await writeFile(join(out, 'audio/1'), '');
  assert.is((await inspectOutput(out, known)).size, 2);
  await rm(join(out, 'video/sd/1'));
  assert.match(await refusal(inspectOutput(out, known)), /"video\/sd\/1" is missing/); // prettier-ignore
});

const faults: [string, RegExp, (out: string, secret: string) => Promise<unknown>][] = [
  ['a link to a file', /"audio\/1" is a symbolic link/, (out, secret) => mkdir(join(out, 'audio')).then(() => symlink(secret, join(out, 'audio/1')))],
  ['a link that leads nowhere', /"audio\/1" is a symbolic link/, (out) => mkdir(join(out, 'audio')).then(() => symlink('nowhere', join(out, 'audio/1')))],
  ['a link to a folder', /"audio" is a symbolic link/, (out) => symlink('video', join(out, 'audio'))],
  ['a link in place of all', /"\." is no folder/, (out) => rm(out, { recursive: true }).then(() => symlink('/', out))],
  ['a second name of a file outside', /"audio\/1" has a second name/, (out, secret) => mkdir(join(out, 'audio')).then(() => link(secret, join(out, 'audio/1')))],
  ['a pipe', /"audio\/1" is a pipe/, (out) => mkdir(join(out, 'audio')).then(() => execFileSync('mkfifo', [join(out, 'audio/1')]))],
  ['a file that is not known', /"video\/sd\/2" is no file of the work/, (out) => writeFile(join(out, 'video/sd/2'), '')],
  ['a name with a line\u2019s end', /"x\\ny" is no file of the work/, (out) => writeFile(join(out, 'x\ny'), '')],
  ['a folder that is not known', /"video\/hd" is no folder of the work/, (out) => mkdir(join(out, 'video/hd'))],
  ['a folder in place of a file', /"audio\/1" is no folder of the work/, (out) => mkdir(join(out, 'audio/1'), { recursive: true })],
  ['a file in place of a folder', /"audio" is no file of the work/, (out) => writeFile(join(out, 'audio'), '')],
  ['the right of the owner', /would give rights/, (out) => chmod(join(out, 'video/sd/1'), 0o4755)],
]; // prettier-ignore
for (const [name, message, act] of faults) {
  it(`${name} is refused`, async ({ out, directory }) => {
    await act(out, join(directory, 'secret'));
    assert.match(await refusal(inspectOutput(out, known)), message);
  });
}

it('a file of another user is refused', async ({ out }) => {
  if (process.getuid?.() !== 0) {
    console.log('SKIPPED a file of another user is refused: only root can make one');
    return;
  }
  await chown(join(out, 'video/sd/1'), 12_345, 12_345);
  assert.match(await refusal(inspectOutput(out, known)), /another user/); // prettier-ignore
});

it('files are opened below the directory only', async ({ out, directory }) => {
  assert.is((await readFileBelow(out, 'video/sd/1', 7)).toString(), 'content');
  await symlink(join(directory, 'secret'), join(out, 'link'));
  await symlink(directory, join(out, 'folder'));
  await symlink(join(directory, 'made'), join(out, 'dangling'));
  for (const path of ['link', 'folder/secret', '../secret', 'video/../../secret', '/etc/passwd', 'video', ''])
    await refusal(readFileBelow(out, path, 100));
  await refusal(readFileBelow(out, 'video/sd/1', 6));
  for (const path of ['link', 'dangling', 'folder/made', '../made', 'video/sd/1', 'none/made'])
    await refusal(writeFileBelow(out, path, 'x'));
  assert.not.ok((await readdir(directory)).includes('made'));
  assert.is(await readFile(join(directory, 'secret'), 'utf8'), 'secret');
  await writeFileBelow(out, 'video/sd/2', 'new');
  assert.is(await readFile(join(out, 'video/sd/2'), 'utf8'), 'new');
});

it('a pipe is not waited for', async ({ out }) => {
  execFileSync('mkfifo', [join(out, 'pipe')]);
  assert.match(await refusal(openFileBelow(out, 'pipe')), /pipe is no file/); // prettier-ignore
});

it.run();
