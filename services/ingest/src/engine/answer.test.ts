// Answers of the engine: those that fit their plan, and those that do not by one field.
import type { EnginePlan } from '@sortie/native';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readEngineResult, readPreflight, readProgress, readVerified } from './answer.js';

const plan: Pick<EnginePlan, 'rungs' | 'audio' | 'device' | 'maxFrames'> = {
  rungs: [{ name: 'hd', width: 1280, height: 720, bitrate: 1, maxBitrate: 1, bufferSize: 1 }],
  audio: [1, 4].map((stream, index) => ({ stream, directory: `audio/${index}`, bitrate: 1, channels: 2, sampleRate: 48_000 })),
  device: null,
  maxFrames: 1_000,
}; // prettier-ignore

const files = (directory: string): object => ({
  initPath: `${directory}/init.mp4`,
  initBytes: 700,
  segments: [1, 2].map((number) => ({ path: `${directory}/0000${number}.m4s`, bytes: 9, start: 0, duration: 4 })),
});
const rung = { name: 'hd', width: 1280, height: 720, codecs: 'avc1.64001f', encoder: 'libx264', frames: 200, ...files('video/hd') }; // prettier-ignore
const track = (index: number): object => ({ stream: [1, 4][index], directory: `audio/${index}`, codecs: 'mp4a.40.2', channels: 2, sampleRate: 48_000, ...files(`audio/${index}`) }); // prettier-ignore
const result = {
  engine: 'cpu', decoder: 'libavcodec', framesDecoded: 201, framesEncoded: 200, decodeErrors: 1, duration: 8, originPts90k: -5e9, clockJumps: [{ mediaTime: 4, pts90k: 7 }],
  rungs: [rung], audio: [track(0), track(1)], posterTime: null, previewInterval: 1, previewRows: 1, previewTimes: [0, 1], warnings: ['mended'], gpuWarnings: [],
}; // prettier-ignore

const read = (value: unknown, changes: Partial<EnginePlan> = {}): unknown =>
  readEngineResult(value, { ...plan, ...changes } as EnginePlan);

test('what fits the plan is taken as it is', () => assert.equal(read(result), result));

test('tracks may be left out, and stay in their order', () => {
  assert.equal(read({ ...result, audio: [track(1)] }), { ...result, audio: [track(1)] });
  assert.throws(() => read({ ...result, audio: [track(1), track(0)] }));
  assert.throws(() => read({ ...result, audio: [track(0), track(0)] }));
});

test('the GPU is told of only where there is one in the plan', () => {
  assert.throws(() => read({ ...result, engine: 'gpu' }));
  assert.equal(read({ ...result, engine: 'gpu' }, { device: 0 }), { ...result, engine: 'gpu' });
});

test('what nobody asks for is left behind', () => {
  assert.equal(read({ ...result, more: 1, rungs: [{ ...rung, __proto__: { more: 1 } }] }), result);
});

const wrong: [string, object][] = [
  ['duration', { duration: 1e308 }], ['duration', { duration: null }], ['duration', { duration: '8' }], ['framesDecoded', { framesDecoded: 2.5 }],
  ['framesEncoded', { framesEncoded: 2_001 }], ['rungs', { rungs: [] }], ['rungs', { rungs: [rung, rung] }], ['rungs', { rungs: { length: 1 } }],
  ['width', { rungs: [{ ...rung, width: 1282 }] }], ['encoder', { rungs: [{ ...rung, encoder: 'x264' }] }], ['segments', { rungs: [{ ...rung, segments: [] }] }],
  ['codecs', { rungs: [{ ...rung, codecs: 'avc1.64001f",X="' }] }], ['initPath', { rungs: [{ ...rung, initPath: 'video/hd/00001.m4s' }] }],
  ['path', { rungs: [{ ...rung, segments: [{ path: 'video/hd/00002.m4s', bytes: 9, start: 0, duration: 4 }] }] }],
  ['sampleRate', { audio: [{ ...track(0), sampleRate: 1 }] }], ['directory', { audio: [{ ...track(0), directory: 'audio/1' }] }],
  ['previewTimes', { previewTimes: [0, Infinity] }], ['warnings', { warnings: ['x'.repeat(1_001)] }], ['gpuWarnings', { gpuWarnings: 'x' }], ['decoder', { decoder: 'a\nb' }],
]; // prettier-ignore
for (const [field, change] of wrong) {
  test(`refused: ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.throws(() => read({ ...result, ...change }), new RegExp(`makes no sense \\(${field}`));
  });
}
for (const value of [null, undefined, 'done', [], [result], 7])
  test(`refused: ${JSON.stringify(value)?.slice(0, 20)} for an answer`, () => assert.throws(() => read(value), /makes no sense/)); // prettier-ignore

test('a verification tells of each segment that it was given, and of no other', () => {
  const one = { path: 'a/00001.m4s', frames: 100, firstPts: 0, lastPts: 3.96, endPts: 4, startsWithIdr: true, error: null };
  const plans = [{ outputDir: '/', initPath: 'a/init.mp4', segments: ['a/00001.m4s'], threads: 1 }];
  assert.equal(readVerified([[one]], plans), [[one]]);
  for (const answer of [[], [[]], [[one, one]], [[one], []], [[{ ...one, path: 'a/00002.m4s' }]], [[{ ...one, endPts: NaN }]], [[{ ...one, error: 'x'.repeat(2_000) }]], [[{ ...one, startsWithIdr: 1 }]], null])
    assert.throws(() => readVerified(answer, plans), /makes no sense/);
}); // prettier-ignore

test('progress that makes no sense is none', () => {
  const progress = { engine: 'cpu', frames: 1, fps: 25, mediaTime: 0.04, inputBytes: 100 };
  assert.equal(readProgress({ ...progress, more: 1 }), progress);
  for (const change of [{ mediaTime: 1e308 }, { fps: null }, { engine: 'x' }, { frames: -1 }])
    assert.is(readProgress({ ...progress, ...change }), null);
});

test('the trial of the GPUs', () => {
  const trial = { works: true, reason: '', codecs: ['h264'], engines: 1 };
  const gpu = { device: 0, name: 'GPU', major: 9, minor: 0, memoryFree: 1, memoryTotal: 2, decode: trial, scale: trial, encode: trial }; // prettier-ignore
  const preflight = { driver: '570.1', cuda: 12_080, reason: '', gpus: [gpu] };
  assert.equal(readPreflight(preflight), preflight);
  for (const change of [{ name: 'x'.repeat(1_000) }, { memoryFree: 1e308 }, { decode: { ...trial, codecs: [7] } }, { scale: null }])
    assert.throws(() => readPreflight({ ...preflight, gpus: [{ ...gpu, ...change }] }), /makes no sense/);
}); // prettier-ignore

test.run();
