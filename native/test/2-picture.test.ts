// The picture: upright, square, progressive, and not washed out.
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EnginePlan } from '../index.js';
import { changing, engine, fresh, joined, make, planFor, streamOf, rgb, rung, testPicture, x264 } from './support.js';

// Red, green, blue, white: top left, top right, bottom left, bottom right.
const quarters =
  'color=red:s=160x90[a];color=lime:s=160x90[b];color=blue:s=160x90[c];color=white:s=160x90[d];[a][b][c][d]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0';
const asymmetric = make('.mp4', '-f', 'lavfi', '-i', quarters, '-t', '1', ...x264);

async function firstPicture(input: string, changes: Partial<EnginePlan>): Promise<string> {
  const plan = planFor(input, changes);
  const result = await engine(plan);
  const [first] = result.rungs;
  if (!first) throw new Error('No rung was made.');
  return joined(plan, first);
}

/** Names of the colours in the middle of the four quarters. */
function corners(path: string): string {
  const picture = rgb(path, 'scale=2:2:flags=area');
  return [0, 1, 2, 3]
    .map((index) => {
      const [r, g, b] = [0, 1, 2].map((channel) => (picture[index * 3 + channel] ?? 0) > 128);
      return r && g && b ? 'w' : r ? 'r' : g ? 'g' : b ? 'b' : '?';
    })
    .join('');
}

const turns: [number, boolean, string][] = [
  [0, false, 'rgbw'],
  [90, false, 'brwg'],
  [180, false, 'wbgr'],
  [270, false, 'gwrb'],
  [0, true, 'grwb'],
  // Mirrored first, then turned clockwise.
  [90, true, 'wgbr'],
  [180, true, 'bwrg'],
  [270, true, 'rbgw'],
];
for (const [rotation, mirror, expected] of turns) {
  test(`a turn of ${rotation}${mirror ? ', mirrored' : ''}`, async () => {
    const size = rotation % 180 === 0 ? rung('a', 160, 90) : rung('a', 90, 160);
    assert.is(corners(await firstPicture(asymmetric, { rotation, mirror, rungs: [size] })), expected);
  });
}

test('columns that the stream cuts off at the left are cut off, to the sample', async () => {
  const marked = 'color=lime:s=160x96,drawbox=x=0:y=0:w=6:h=96:color=red:t=fill';
  const file = make('.ts', '-f', 'lavfi', '-i', marked, '-t', '1', ...x264, '-bsf:v', 'h264_metadata=crop_left=6');
  const [red = 255, green = 0] = rgb(await firstPicture(file, { rungs: [rung('a', 154, 96)] }), 'crop=2:96:0:0,scale=1:1:flags=area'); // prettier-ignore
  assert.ok(red < 64 && green > 128, `${red} ${green}`);
});

test('4:2:2 with 10 bits is turned too', async () => {
  const file = make('.mkv', '-i', asymmetric, ...x264, '-pix_fmt', 'yuv422p10le');
  assert.is(corners(await firstPicture(file, { rotation: 90, rungs: [rung('a', 90, 160)] })), 'brwg');
});

test('pixels that are not square become square', async () => {
  const file = make('.mp4', '-i', asymmetric, '-vf', 'scale=160:180,setsar=2', ...x264);
  const made = await firstPicture(file, { rungs: [rung('a', 320, 180)] });
  const stream = streamOf(made);
  assert.is(stream.sample_aspect_ratio, '1:1');
  assert.is(stream.width, 320);
  assert.is(corners(made), 'rgbw');
});

const white = (size: string, ...more: string[]): string[] => [
  '-f',
  'lavfi',
  '-i',
  `color=white:s=${size}:r=25:d=2`,
  ...more,
];
/** Luma in the middle and at the edges: left, top. */
function edges(path: string, second: number): string {
  const plane = rgb(path, `select=gte(t\\,${second})`, 'scale=9:9:flags=area');
  const at = (x: number, y: number): string => ((plane[(y * 9 + x) * 3] ?? 0) > 128 ? 'w' : 'b');
  return at(4, 4) + at(0, 4) + at(4, 0);
}

const changes: [string, string[], string[], Partial<EnginePlan>, string][] = [
  ['4:3 to 16:9, by size', white('160x120', ...x264), white('320x120', ...x264), { rungs: [rung('a', 160, 120)] }, 'wwb'],
  ['16:9 to 4:3, by size', white('320x120', ...x264), white('160x120', ...x264), { rungs: [rung('a', 320, 120)] }, 'wbw'],
  ['by the aspect of a sample', white('160x120', '-vf', 'setsar=1', ...x264), white('160x120', '-vf', 'setsar=2', ...x264), { rungs: [rung('a', 160, 120)] }, 'wwb'],
  ['MPEG-2, 4:3 to 16:9', white('160x120', '-aspect', '4:3', '-c:v', 'mpeg2video'), white('160x120', '-aspect', '2.21', '-c:v', 'mpeg2video'), { rungs: [rung('a', 160, 120)] }, 'wwb'],
  ['turned by a quarter', white('160x120', ...x264), white('320x120', ...x264), { rotation: 90, rungs: [rung('a', 120, 160)] }, 'wbw'],
  ['deinterlaced on the way', white('160x120', '-vf', 'setsar=1', ...x264), white('160x120', '-vf', 'setsar=2', ...x264), { deinterlace: true, rungs: [rung('a', 160, 120)] }, 'wwb'],
  ['the same shape, larger', white('160x120', ...x264), white('320x240', ...x264), { rungs: [rung('a', 160, 120)] }, 'www'],
]; // prettier-ignore
for (const [name, before, after, plan, expected] of changes) {
  test(`frames of another shape are shown whole, between black bars: ${name}`, async () => {
    const made = planFor(changing(before, after), plan);
    const result = await engine(made);
    const [first] = result.rungs;
    if (!first) throw new Error('No rung was made.');
    const path = joined(made, first);
    assert.is(edges(path, 1), 'www');
    assert.is(edges(path, 3), expected);
    assert.is(
      /shape of the frames changes: 50 of (?:99|100) /.test(result.warnings.join(' ')),
      expected !== 'www',
      result.warnings.join(' '),
    );
  });
}

test('frames of a few pixels', async () => {
  for (const size of ['10x5', '5x3', '2x2', '16x1']) {
    const file = make('.mkv', ...testPicture('64x64', '25', 1), '-vf', `scale=${size.replace('x', ':')}`, '-c:v', 'ffv1', '-pix_fmt', 'yuv444p'); // prettier-ignore
    const result = await engine(planFor(file, { deinterlace: true, rungs: [rung('a', 16, 16)] }));
    assert.is(result.framesEncoded, 25, size);
  }
});

test('interlaced pictures lose their combs; one picture for each', async () => {
  // Two fields of a moving picture woven into each frame.
  const file = make('.mkv', ...testPicture('320x180', '50', 2), '-vf', 'scroll=horizontal=0.02,tinterlace=mode=interleave_top,setfield=tff', '-c:v', 'libx264', '-flags', '+ildct+ilme', '-x264-params', 'tff=1', '-crf', '5'); // prettier-ignore
  const combs = async (deinterlace: boolean): Promise<number> => {
    const plan = planFor(file, { deinterlace, rungs: [{ ...rung('a', 320, 180), bitrate: 8e6, maxBitrate: 9e6, bufferSize: 9e6 }] }); // prettier-ignore
    const result = await engine(plan);
    assert.is(result.framesDecoded, 50);
    assert.is(result.rungs[0]?.frames, 50);
    // Differences between neighbouring lines that alternate in sign are combs.
    const made = joined(plan, result.rungs[0] ?? { initPath: '', segments: [] });
    const picture = execFileSync('ffmpeg', ['-v', 'error', '-ss', '1', '-i', made, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', '-']); // prettier-ignore
    let sum = 0;
    for (let y = 1; y < 179; ++y)
      for (let x = 0; x < 320; ++x) {
        const [up, at, down] = [-1, 0, 1].map((step) => picture[(y + step) * 320 + x] ?? 0);
        sum += Math.abs((up ?? 0) - 2 * (at ?? 0) + (down ?? 0));
      }
    return sum;
  };
  const [woven, smooth] = [await combs(false), await combs(true)];
  assert.ok(smooth < woven * 0.7, `${smooth} of ${woven}`);
});

test('HDR becomes BT.709: white stays light, black black', async () => {
  for (const transfer of ['smpte2084', 'arib-std-b67']) {
    // Limited-range 10-bit codes: black, and reference white (BT.2408: 58 % PQ, 75 % HLG), side by side.
    const white = Math.round(64 + 876 * (transfer === 'smpte2084' ? 0.58 : 0.75));
    const file = fresh('.mkv');
    execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'color=black:s=320x180:d=1:r=25,format=yuv420p10le',
      '-vf', `geq=lum='if(lt(X,160),64,${white})':cb=512:cr=512`, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le',
      '-color_primaries', 'bt2020', '-color_trc', transfer, '-colorspace', 'bt2020nc', '-color_range', 'tv', file]); // prettier-ignore
    const made = await firstPicture(file, { rungs: [rung('a', 160, 90)] });
    const stream = streamOf(made);
    assert.is(stream.color_space, 'bt709');
    assert.is(stream.pix_fmt, 'yuv420p');
    const picture = rgb(made, 'scale=2:1:flags=area');
    assert.ok((picture[0] ?? 255) < 8, `black is ${String(picture[0])}`);
    for (const channel of [3, 4, 5]) {
      const value = picture[channel] ?? 0;
      assert.ok(value > 190 && value <= 255, `${transfer} white is ${value}`);
    }
  }
});

test.run();
