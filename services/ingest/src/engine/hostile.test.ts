// Ways out of the confinement through the process that believes what a confined one says: each is tried for real, by a
// program in place of the engine's under the real launcher, and each costs the attempt and nothing else.
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SortieError } from '@sortie/common/errors';
import type { EnginePlan, EngineProgress } from '@sortie/native';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runEngine, verifySegments } from './engine.js';
import { tricks, type Task, type Trick } from './testing/tricks.js';

const script = join(dirname(fileURLToPath(import.meta.url)), 'testing', 'hostile.js');
const secret = 'the key of everything';

interface Context {
  directory: string;
  key: string;
  outside: string;
  outputDir: string;
}

const it = suite<Context>('an engine in foreign hands');
it.before.each(async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-hostile-'));
  Object.assign(context, { directory, key: join(directory, 'key'), outside: join(directory, 'outside'), outputDir: join(directory, 'out') }); // prettier-ignore
  await writeFile(context.key, secret, { mode: 0o600 });
  await mkdir(context.outside);
  await mkdir(context.outputDir);
});
it.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

const planOf = (input: string, outputDir: string): EnginePlan => ({
  input, demuxer: 'mov', outputDir, videoStream: 0, rotation: 0, mirror: false, deinterlace: false, frameRateNum: 25, frameRateDen: 1, steadyRate: true,
  gopSeconds: 2, segmentSeconds: 4, rungs: [{ name: 'sd', width: 320, height: 180, bitrate: 300_000, maxBitrate: 400_000, bufferSize: 600_000 }],
  audio: [], codec: 'h264', bitDepth: 8, preset: 'ultrafast', device: null, gpuPreset: 'p5', threads: 2, lookahead: null,
  posterPath: 'poster.jpg', posterTime: 0, posterWidth: 160, posterHeight: 90, previewsPath: null, previewWidth: 2, previewHeight: 2,
  previewColumns: 1, previewMax: 1, previewInterval: 1, maxPixels: 8192 * 5120, maxFrames: 100_000,
}); // prettier-ignore

async function outcomeOf({ directory, key, outside, outputDir }: Context, trick: Trick): Promise<SortieError | null> {
  const input = join(directory, 'task');
  const task: Task = { trick, key, outside };
  await writeFile(input, JSON.stringify(task));
  const expected = { seconds: 1, sourceBytes: 100, sourcePixels: 320 * 180, memoryBytes: 2 ** 28 };
  const quiet = { gpu: null, signal: new AbortController().signal, onLine: () => undefined };
  const onProgress = (_: EngineProgress): void => undefined;
  try {
    await runEngine(planOf(input, outputDir), { ...quiet, expected, onProgress, script });
    return null;
  } catch (error) {
    assert.instance(error, SortieError);
    return error as SortieError;
  }
}

it('one that does its work is believed', async (context) => {
  assert.is(await outcomeOf(context, 'nothing at all'), null);
});

for (const trick of Object.keys(tricks).filter((name) => name !== 'nothing at all') as Trick[]) {
  it(`${trick}: the attempt is refused, and nothing outside is changed or told`, async (context) => {
    const before = await lstat(context.key);
    const error = await outcomeOf(context, trick);
    assert.is(error?.code, 'ENGINE_CRASHED', error?.message);
    assert.not.match(error?.message ?? '', /\n|key of everything/);
    assert.is(await readFile(context.key, 'utf8'), secret);
    const { mode, uid, nlink, mtimeMs } = await lstat(context.key);
    assert.equal([mode, uid, nlink, mtimeMs], [before.mode, before.uid, 1, before.mtimeMs]);
    assert.equal(await readdir(context.outside), []);
  });
}

it('who verifies can change nothing of what it looks at', async (context) => {
  const path = 'video/sd/00001.m4s';
  await mkdir(join(context.outputDir, 'video/sd'), { recursive: true });
  await writeFile(join(context.outputDir, path), 'a segment');
  const limits = { addressSpace: null, data: null, cpuSeconds: null, fileSize: null, openFiles: null };
  const plan = { outputDir: context.outputDir, initPath: 'video/sd/init.mp4', segments: [path], threads: 1 };
  const [verified] = await verifySegments([plan], context.outputDir, limits, new AbortController().signal, script);
  assert.is(verified?.[0]?.error, null);
  assert.is(await readFile(join(context.outputDir, path), 'utf8'), 'a segment');
  assert.equal(await readdir(context.outputDir), ['video']);
});

it.run();
