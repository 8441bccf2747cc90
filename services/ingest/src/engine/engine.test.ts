// The engine's process with its limits: a small video, made here, under the real launcher.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import type { EnginePlan } from '@sortie/native';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runEngine, verifySegments } from './engine.js';
import { runLimits, verifyLimits, type Expected } from './limits.js';

const it = suite<{ directory: string; plan: EnginePlan }>('the engine’s process');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-engine-'));
  const input = join(context.directory, 'a.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25:duration=3', '-pix_fmt', 'yuv420p', input]); // prettier-ignore
  const outputDir = join(context.directory, 'out');
  await mkdir(outputDir);
  context.plan = {
    input, demuxer: 'mov', outputDir, videoStream: 0, rotation: 0, mirror: false, deinterlace: false, frameRateNum: 25, frameRateDen: 1, steadyRate: true,
    gopSeconds: 2, segmentSeconds: 4, rungs: [{ name: 'sd', width: 320, height: 180, bitrate: 300_000, maxBitrate: 400_000, bufferSize: 600_000 }],
    audio: [], codec: 'h264', bitDepth: 8, preset: 'ultrafast', device: null, gpuPreset: 'p5', threads: 2, lookahead: null,
    posterPath: 'poster.jpg', posterTime: 0, posterWidth: 160, posterHeight: 90, previewsPath: null, previewWidth: 2, previewHeight: 2,
    previewColumns: 1, previewMax: 1, previewInterval: 1, maxPixels: 8192 * 5120, maxFrames: 100_000,
  }; // prettier-ignore
});
it.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

const expected: Expected = {
  seconds: 3,
  sourceBytes: 100_000,
  sourcePixels: 320 * 180,
  memoryBytes: 200 * 1024 * 1024,
};
const parts = (signal = new AbortController().signal): Parameters<typeof runEngine>[1] => ({
  expected,
  gpu: null,
  signal,
  onProgress: () => undefined,
  onLine: () => undefined,
});

it('works and verifies within its limits, also with a short lookahead', async ({ plan }) => {
  for (const lookahead of [null, 10]) {
    const made = await runEngine({ ...plan, lookahead }, parts());
    assert.is(made.framesEncoded, 75);
    const plans = made.rungs.map(({ initPath, segments }) => ({ outputDir: plan.outputDir, initPath, segments: segments.map(({ path }) => path), threads: 2 })); // prettier-ignore
    const [verified] = await verifySegments(plans, plan.outputDir, verifyLimits(made, 2), new AbortController().signal);
    assert.ok(verified?.every(({ error, startsWithIdr }) => error === null && startsWithIdr));
  }
});

it('what cannot be written is told without the server’s folders, and is not a full disk', async ({ plan }) => {
  await writeFile(join(plan.outputDir, 'video'), 'in the way');
  try {
    await runEngine(plan, parts());
    assert.unreachable('it was written');
  } catch (error) {
    assert.is((error as SortieError).code, 'STORAGE_FAILED');
    assert.not.match((error as SortieError).message, plan.outputDir);
  }
});

it('cancelling ends it with the reason that was given', async ({ plan }) => {
  const cancel = new AbortController();
  const reason = new SortieError('CANCELLED', 'Enough.');
  const running = runEngine(plan, { ...parts(cancel.signal), onProgress: () => cancel.abort(reason) });
  assert.is(await running.catch((error: unknown) => error), reason);
});

it('limits grow with the work, and a length that is not told leaves time for the most frames', ({ plan }) => {
  const at = (changes: Partial<EnginePlan>, more: Partial<Expected> = {}): ReturnType<typeof runLimits> =>
    runLimits({ ...plan, ...changes }, { ...expected, ...more });
  const [rung] = plan.rungs;
  assert.ok(rung);
  const large = rung && { ...rung, width: 3840, height: 2160, maxBitrate: 100_000_000 };
  const hour = { seconds: 3600 };
  const seconds = (limits: ReturnType<typeof runLimits>): number => limits.cpuSeconds ?? 0;
  const fast = seconds(at({ rungs: [large] }, hour));
  // An hour of 2160p takes about 22,000 s with libx264's preset "fast".
  assert.ok(fast > 200_000 && fast < 1_000_000, `${fast} s`);
  assert.ok(seconds(at({ rungs: [large], preset: 'veryslow', codec: 'hevc' }, hour)) > 30 * fast);
  assert.ok(seconds(at({}, { seconds: null })) > seconds(at({}, { seconds: 600 })));
  assert.ok((at({ rungs: [{ ...large, maxBitrate: 1e9 }] }).fileSize ?? 0) > (at({}).fileSize ?? 0));
  assert.is(at({}).data, 2 * expected.memoryBytes + 1024 ** 3);
  // The driver's mappings count as data.
  assert.is(at({ device: 0 }).data, null);
});

it.run();
