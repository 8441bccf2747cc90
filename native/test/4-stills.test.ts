// The poster and the sheet of previews.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engine, make, planFor, streamOf, rgb, testPicture, x264 } from './support.js';

const colour = (name: string, seconds: number): string => `color=${name}:s=160x90:r=25:d=${seconds}`;

test('the poster shows something, not the black before it', async () => {
  const file = make('.mp4', '-f', 'lavfi', '-i', `${colour('black', 2)}[a];testsrc2=s=160x90:r=25:d=3[b];[a][b]concat`, ...x264); // prettier-ignore
  const plan = planFor(file, { posterWidth: 320, posterHeight: 180 });
  const result = await engine(plan);
  assert.is(result.posterTime, 2);
  const stream = streamOf(join(plan.outputDir, 'poster.jpg'));
  assert.is(stream.codec_name, 'mjpeg');
  assert.is(stream.width, 320);
  assert.is(stream.height, 180);
});

test('the poster is taken at the moment asked for, with the right colours', async () => {
  const file = make('.mp4', '-f', 'lavfi', '-i', 'smptebars=s=160x90:r=25:d=1.2[a];smptehdbars=s=160x90:r=25:d=1.2[b];[a][b]concat', ...x264, '-crf', '5'); // prettier-ignore
  const plan = planFor(file, { posterTime: 1.2 });
  const result = await engine(plan);
  assert.ok(Math.abs((result.posterTime ?? 0) - 1.2) < 0.001);
  const at = rgb(plan.input, 'select=eq(n\\,30)', 'scale=16:9:flags=area');
  const poster = rgb(join(plan.outputDir, 'poster.jpg'), 'scale=16:9:flags=area');
  let sum = 0;
  for (const [index, value] of at.entries()) sum += Math.abs(value - (poster[index] ?? 0));
  assert.ok(sum / at.length < 6, `mean difference ${sum / at.length}`);
});

test('a black video has a poster all the same, and one that is too short', async () => {
  const black = planFor(make('.mp4', '-f', 'lavfi', '-i', colour('black', 1), ...x264));
  assert.ok((await engine(black)).posterTime !== null);
  const short = planFor(make('.mp4', ...testPicture('160x90', '25', 1), ...x264), { posterTime: 60 });
  assert.ok(((await engine(short)).posterTime ?? 0) > 0.7);
});

test('one tile for each interval, row by row', async () => {
  const plan = planFor(make('.mp4', '-f', 'lavfi', '-i', `${colour('red', 3)}[a];${colour('blue', 3)}[b];[a][b]concat`, ...x264)); // prettier-ignore
  const result = await engine(plan);
  assert.equal(result.previewTimes, [0, 1, 2, 3, 4, 5]);
  assert.is(result.previewInterval, 1);
  assert.is(result.previewRows, 2);
  const sheet = join(plan.outputDir, 'previews.jpg');
  assert.is(streamOf(sheet).width, 4 * 64);
  assert.is(streamOf(sheet).height, 2 * 36);
  const tiles = rgb(sheet, 'scale=4:2:flags=area');
  const red = [0, 1, 2, 3, 4, 5].map((index) => (tiles[index * 3] ?? 0) > 128);
  assert.equal(red, [true, true, true, false, false, false]);
});

test('too many tiles: every second goes and the interval doubles', async () => {
  const plan = planFor(make('.mp4', ...testPicture('160x90', '25', 10), ...x264), {
    previewMax: 4,
    previewInterval: 0.4,
  });
  const result = await engine(plan);
  assert.is(result.previewInterval, 3.2);
  assert.equal(result.previewTimes, [0, 3.2, 6.4, 9.6]);
});

test('neither is made unless asked for', async () => {
  const plan = planFor(make('.mp4', ...testPicture('160x90', '25', 1), ...x264), { posterPath: null, previewsPath: null }); // prettier-ignore
  const result = await engine(plan);
  assert.is(result.posterTime, null);
  assert.equal(result.previewTimes, []);
  assert.not.ok(existsSync(join(plan.outputDir, 'poster.jpg')));
});

test.run();
