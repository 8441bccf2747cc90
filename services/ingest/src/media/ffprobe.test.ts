// What builds of ffprobe say of themselves, and which one is taken.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findFfprobe, newest, versionOf } from './ffprobe.js';

const it = suite<{ directory: string }>('the choice of ffprobe');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-ffprobe-'));
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

const lines: readonly (readonly [string, readonly number[] | null])[] = [
  ['ffprobe version 5.1.9-0+deb12u1 Copyright (c) 2007-2026 the FFmpeg developers', [5, 1, 9]],
  ['ffprobe version 4.3.9-0+deb11u1 Copyright (c) 2007-2024 the FFmpeg developers', [4, 3, 9]],
  ['ffprobe version 7.1.2-0+deb13u1 Copyright (c) 2007-2025 the FFmpeg developers', [7, 1, 2]],
  ['ffprobe version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2007-2021 the FFmpeg developers', [4, 4, 2]],
  ['ffprobe version 4.0.2-static https://johnvansickle.com/ffmpeg/  Copyright (c) 2007-2018 the FFmpeg developers', [4, 0, 2]],
  ['ffprobe version 7.0.2-static https://johnvansickle.com/ffmpeg/  Copyright (c) 2007-2024 the FFmpeg developers', [7, 0, 2]],
  ['ffprobe version 8.0 Copyright (c) 2007-2025 the FFmpeg developers', [8, 0]],
  ['ffprobe version n7.1 Copyright (c) 2007-2024 the FFmpeg developers', [7, 1]],
  ['ffprobe version n7.1-184-gdc07f98934-20250805 Copyright (c) 2007-2025 the FFmpeg developers', [7, 1]],
  ['ffprobe version N-12345-gabcdef0 Copyright (c) 2007-2024 the FFmpeg developers', [Infinity]],
  ['ffprobe version N-113348-g0a5813fc68-20240117 Copyright (c) 2007-2024 the FFmpeg developers', [Infinity]],
  ['ffprobe version git-2020-06-20-29ea4e1 Copyright (c) 2007-2020 the FFmpeg developers', [Infinity]],
  ['ffprobe version 2023-03-02-git-814178f926-full_build-www.gyan.dev Copyright (c) 2007-2023 the FFmpeg developers', [Infinity]],
  ['ffprobe version UNKNOWN', null],
  ['ffmpeg version 5.1.9', null],
  ['', null],
]; // prettier-ignore
for (const [line, version] of lines) {
  it(`${line.slice(0, 60) || 'nothing'}: ${version?.join('.') ?? 'no version'}`, () => {
    assert.equal(versionOf(line), version);
  });
}

const build = (word: string) => ({ path: `/${word}`, says: `ffprobe version ${word} Copyright` });

it('the newest is taken, number by number; of equals the first, and none that says nothing', () => {
  for (const [words, wanted] of [
    [['4.0.2-static', '5.1.9-0+deb12u1'], '5.1.9-0+deb12u1'],
    [['3.4.11-0ubuntu0.1', '4.0.2-static'], '4.0.2-static'],
    [['10.0', '9.9'], '10.0'],
    [['4.0', '4.0.0'], '4.0'],
    [['4.0', '4.0.2'], '4.0.2'],
    [['N-12345-gabcdef0', '8.0'], 'N-12345-gabcdef0'],
    [['UNKNOWN', '4.0.2'], '4.0.2'],
  ] as const)
    assert.is(newest(words.map(build))?.path, `/${wanted}`);
  assert.is(newest([build('UNKNOWN')]), null);
  assert.is(newest([]), null);
});

async function put(directory: string, says: string): Promise<string> {
  const path = join(directory, 'ffprobe');
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
  return path;
}

it('the machine’s own is taken where it is newer, else that of the package; the operator’s word counts above all', async ({
  directory,
}) => {
  const told: unknown[] = [];
  const log = { info: (what: unknown) => void told.push(what) };
  const path = await put(directory, 'ffprobe version 99.1 Copyright');
  assert.is(await findFfprobe({ searched: `relative:${directory}` }, log), path);
  assert.equal(told.pop(), { ffprobe: path, version: 'ffprobe version 99.1 Copyright' });
  await put(directory, 'ffprobe version 0.5 Copyright');
  assert.match(await findFfprobe({ searched: directory }, log), /node_modules\/ffprobe-static/);
  assert.match(await findFfprobe({ searched: '' }, log), /node_modules\/ffprobe-static/);
  assert.is(await findFfprobe({ searched: '', path }, log), path);
  assert.is(await findFfprobe({ path: '/no/such/ffprobe' }, log), '/no/such/ffprobe');
});

it.run();
