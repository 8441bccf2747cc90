// Renditions: as many pictures as came in, at the same times, with the same key frames and the same cuts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { info, type EnginePlan, type EngineResult } from '../index.js';
import { engine, joined, make, pictures, planFor, rung, streamOf, testPicture, tone, x264, yuv } from './support.js';

const two = [rung('hd', 320, 180), rung('sd', 160, 90)];

/** What holds for every run, whatever the source. Returns the pictures of the first rung. */
function checkRungs(plan: EnginePlan, result: EngineResult, frames: number): { time: number; key: boolean }[] {
  assert.is(result.framesDecoded, frames);
  assert.is(result.framesEncoded, frames);
  const all = result.rungs.map((one) => pictures(joined(plan, one)));
  const first = all[0] ?? [];
  for (const [index, list] of all.entries()) {
    assert.is(list.length, frames);
    assert.equal(list, first);
    assert.is(result.rungs[index]?.frames, frames);
  }
  const cuts = result.rungs[0]?.segments.map(({ start, duration }) => ({ start, duration })) ?? [];
  for (const one of result.rungs) {
    assert.equal(
      one.segments.map(({ start, duration }) => ({ start, duration })),
      cuts,
    );
  }
  let end = 0;
  for (const { start, duration } of cuts) {
    assert.ok(Math.abs(start - end) < 1e-9);
    assert.ok(first.some((picture) => picture.key && Math.abs(picture.time - start) < 1e-4));
    end = start + duration;
  }
  assert.ok(Math.abs(end - result.duration) < 1e-9);
  return first;
}

const keys = (list: { time: number; key: boolean }[]): number[] =>
  list.filter(({ key }) => key).map(({ time }) => time);

test('the build knows its libraries', () => {
  const { libavcodec, libx264 } = info();
  assert.match(libavcodec, /^\d+\.\d+\.\d+$/);
  assert.ok(libx264);
});

test('25 pictures a second: an IDR picture every 2 s, a cut every 4 s', async () => {
  const file = make('.mp4', ...testPicture('320x180', '25', 9), ...x264, '-bf', '2');
  const plan = planFor(file, { rungs: two, preset: 'fast' });
  const result = await engine(plan);
  assert.equal(keys(checkRungs(plan, result, 225)), [0, 2, 4, 6, 8]);
  assert.equal(
    result.rungs[0]?.segments.map(({ start, duration }) => [start, duration]),
    [
      [0, 4],
      [4, 4],
      [8, 1],
    ],
  );
  assert.match(result.rungs[0]?.codecs ?? '', /^avc1\.6400[0-9a-f]{2}$/);
  assert.equal(result.audio, []);
  assert.equal(result.warnings, []);
  const stream = streamOf(joined(plan, result.rungs[1] ?? { initPath: '', segments: [] }));
  assert.is(stream.width, 160);
  assert.is(stream.height, 90);
  assert.is(stream.profile, 'High');
  assert.is(stream.pix_fmt, 'yuv420p');
  assert.is(stream.sample_aspect_ratio, '1:1');
});

test('29.97 pictures a second: cuts at the first picture of each 2 s', async () => {
  const plan = planFor(make('.mp4', ...testPicture('320x180', '30000/1001', 7), ...x264), { rungs: two });
  const result = await engine(plan);
  const list = checkRungs(plan, result, 210);
  const expected = [0, 60, 120, 180].map((frame) => (frame * 1001) / 30000);
  for (const [index, time] of keys(list).entries()) assert.ok(Math.abs(time - (expected[index] ?? -1)) < 1e-4);
  assert.is(keys(list).length, expected.length);
  assert.ok(Math.abs(result.duration - (210 * 1001) / 30000) < 1e-3);
});

test('a variable rate: the same times as in the source', async () => {
  // Every picture from 2 s to 5 s but each 7th is left out.
  const file = make('.mkv', ...testPicture('320x180', '30', 8), '-vf', "select='not(between(t,2,5)*mod(n,7))'", '-fps_mode', 'passthrough', ...x264, '-bf', '2'); // prettier-ignore
  const source = pictures(file);
  const plan = planFor(file, { rungs: two });
  const list = checkRungs(plan, await engine(plan), source.length);
  for (const [index, { time }] of list.entries()) assert.ok(Math.abs(time - (source[index]?.time ?? -1)) < 0.0011);
  const gops = new Set<number>();
  const expected = source.filter(({ time }) => {
    const gop = Math.floor(time / 2);
    return gops.has(gop) ? false : gops.add(gop);
  });
  assert.is(keys(list).length, expected.length);
});

test('few threads or many, the same pictures', async () => {
  const file = make('.mp4', ...testPicture('320x180', '25', 3), ...x264);
  for (const threads of [1, 7]) {
    const plan = planFor(file, { rungs: two, threads });
    checkRungs(plan, await engine(plan), 75);
  }
});

const sources: [string, string[]][] = [
  ['10 bits', ['-pix_fmt', 'yuv420p10le']],
  ['4:2:2', ['-pix_fmt', 'yuv422p']],
  ['4:4:4', ['-pix_fmt', 'yuv444p']],
  ['full range', ['-pix_fmt', 'yuvj420p']],
];
for (const [name, options] of sources) {
  test(`${name} become 8 bits 4:2:0 in standard range, and look the same`, async () => {
    // Flat colours, so that only matrix and range count; and a matrix that is named, else each reader guesses its own.
    const file = make('.mkv', '-f', 'lavfi', '-i', 'smptehdbars=s=320x180:r=25:d=1', '-vf', 'scale=out_color_matrix=bt709', '-colorspace', 'bt709', ...x264, '-crf', '10', ...options); // prettier-ignore
    for (const size of [rung('same', 320, 180), rung('half', 160, 90)]) {
      const plan = planFor(file, { rungs: [{ ...size, bitrate: 4e6, maxBitrate: 8e6, bufferSize: 8e6 }] });
      const result = await engine(plan);
      checkRungs(plan, result, 25);
      const made = joined(plan, result.rungs[0] ?? { initPath: '', segments: [] });
      assert.is(streamOf(made).pix_fmt, 'yuv420p');
      assert.is(streamOf(made).color_space, 'bt709');
      const [a, b] = [yuv(file, 'scale=160:90:flags=area'), yuv(made, 'scale=160:90:flags=area')];
      let sum = 0;
      for (const [index, value] of a.entries()) sum += Math.abs(value - (b[index] ?? 0));
      assert.ok(sum / a.length < 2, `mean difference ${sum / a.length}`);
    }
  });
}

test('odd sizes, and every size that comes in the middle', async () => {
  const odd = planFor(make('.mkv', ...testPicture('161x91', '25', 1), '-pix_fmt', 'yuv444p', ...x264), { rungs: two });
  checkRungs(odd, await engine(odd), 25);
  const parts = ['160x90', '320x240'].map((size) => make('.ts', ...testPicture(size, '25', 2), ...x264));
  const plan = planFor(make('.ts', '-i', `concat:${parts.join('|')}`, '-c', 'copy'), { rungs: two });
  checkRungs(plan, await engine(plan), 100);
});

test('pictures without times (an elementary stream) stand one frame apart', async () => {
  const plan = planFor(make('.h264', ...testPicture('320x180', '25', 5), ...x264, '-bf', '2'), { rungs: two });
  const result = await engine(plan);
  const list = checkRungs(plan, result, 125);
  assert.equal(keys(list), [0, 2, 4]);
  assert.is(result.duration, 5);
  assert.is(result.originPts90k, 0);
});

test('progress rises and is told', async () => {
  const file = make('.mp4', ...testPicture('640x360', '25', 20), ...tone(20), ...x264, '-c:a', 'aac');
  const seen: number[] = [];
  const plan = planFor(file, { rungs: [rung('a', 640, 360)], preset: 'medium' });
  await engine(plan, ({ frames, fps, mediaTime, inputBytes }) => {
    seen.push(frames);
    assert.ok(fps > 0 && mediaTime >= 0 && inputBytes > 0);
  });
  assert.ok(seen.length > 0);
  assert.equal(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test.run();
