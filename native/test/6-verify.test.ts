// Reading finished segments back.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { verify, type EnginePlan, type VerifiedSegment } from '../index.js';
import { engine, make, planFor, rung, testPicture, tone, x264 } from './support.js';

const file = make('.mp4', ...testPicture('320x180', '25', 10), ...tone(10), ...x264, '-c:a', 'aac');

async function finished(): Promise<{
  plan: EnginePlan;
  check: (kind: 'video' | 'audio') => Promise<VerifiedSegment[]>;
}> {
  const plan = planFor(file, { rungs: [rung('a', 320, 180)] });
  const result = await engine(plan);
  return {
    plan,
    check: (kind) => {
      const rendition = kind === 'video' ? result.rungs[0] : result.audio[0];
      return verify({
        outputDir: plan.outputDir,
        initPath: rendition?.initPath ?? '',
        segments: rendition?.segments.map(({ path }) => path) ?? [],
        threads: 2,
      });
    },
  };
}

test('sound segments: pictures, times and key frames as they were made', async () => {
  const { check } = await finished();
  const video = await check('video');
  assert.equal(
    video.map(({ frames, startsWithIdr, error }) => ({ frames, startsWithIdr, error })),
    [100, 100, 50].map((frames) => ({ frames, startsWithIdr: true, error: null })),
  );
  for (const [index, { firstPts, lastPts, endPts }] of video.entries()) {
    assert.ok(Math.abs(firstPts - index * 4) < 1e-6);
    assert.ok(Math.abs(lastPts + 0.04 - endPts) < 1e-6 || endPts > lastPts);
    assert.ok(Math.abs(lastPts - (Math.min(10, index * 4 + 4) - 0.04)) < 1e-6);
  }
  for (const { error, frames } of await check('audio')) {
    assert.is(error, null);
    assert.ok(frames > 80);
  }
});

const damages: [string, (bytes: Buffer) => Buffer][] = [
  ['cut short', (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2))],
  ['cut by one byte', (bytes) => bytes.subarray(0, bytes.length - 1)],
  ['empty', () => Buffer.alloc(0)],
  ['noise', (bytes) => Buffer.from(bytes.map((_, index) => (index * 7919) & 0xff))],
  ['zeros in its media data', (bytes) => Buffer.from(bytes).fill(0, Math.floor(bytes.length * 0.6))],
  ['without its media data, which another box before its samples has', (bytes) => {
    const whole = Buffer.from(bytes);
    whole.write('free', whole.indexOf('mdat'), 'latin1');
    return Buffer.concat([Buffer.from('000000106d6461740000000000000000', 'hex'), whole]);
  }],
  ['another box in its place', () => Buffer.from('00000010667265650000000000000000', 'hex')],
]; // prettier-ignore
for (const [name, damage] of damages) {
  test(`a segment that is ${name} is told`, async () => {
    const { plan, check } = await finished();
    const path = join(plan.outputDir, 'video/a/00002.m4s');
    writeFileSync(path, damage(readFileSync(path)));
    const errors = (await check('video')).map(({ error }) => error !== null);
    assert.equal(errors, [false, true, false]);
  });
}

test('a segment or an initialisation section that is not there', async () => {
  const { plan, check } = await finished();
  const [first] = await verify({ outputDir: plan.outputDir, initPath: 'video/a/init.mp4', segments: ['video/a/99999.m4s'], threads: 0 }); // prettier-ignore
  assert.match(first?.error ?? '', /cannot be opened/);
  writeFileSync(join(plan.outputDir, 'video/a/init.mp4'), '');
  try {
    await check('video');
    assert.unreachable();
  } catch (thrown) {
    assert.is((thrown as { code?: string }).code, 'OPEN_FAILED');
  }
});

test.run();
