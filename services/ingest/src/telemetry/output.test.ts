// Disks that are full, or take nothing: /dev/full gives ENOSPC as a full disk does (full(4)).
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromFileSystem } from '@sortie/common/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GrowingFile, OutputBudget } from './output.js';

async function errorOf(write: (file: GrowingFile) => Promise<void>, path: string): Promise<unknown> {
  try {
    await write(new GrowingFile(path, new OutputBudget(0), 'head'));
  } catch (error) {
    return error;
  }
  throw new Error('It was written.');
}

test('a full disk is told to whoever writes next, or ends the file', async () => {
  const endless = async (file: GrowingFile): Promise<void> => {
    for (let round = 0; round < 100; round++) await file.write('x'.repeat(100_000));
  };
  const late = async (file: GrowingFile): Promise<void> => {
    // Nobody waits for the stream in the moment in which it fails.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await file.write('more');
  };
  for (const write of [endless, late, (file: GrowingFile) => file.end()]) {
    const error = fromFileSystem(await errorOf(write, '/dev/full'));
    assert.is(error?.code, 'DISK_FULL');
    assert.not.match(error?.message ?? '', /dev/);
  }
});

test('a folder that is not there is a failure of the disk, and its name stays inside', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-output-'));
  await rm(directory, { recursive: true });
  const error = fromFileSystem(await errorOf((file) => file.end(), join(directory, 'a')));
  assert.is(error?.code, 'STORAGE_FAILED');
  assert.not.match(error?.message ?? '', directory);
});

test.run();
