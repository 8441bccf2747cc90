// Sound: on the picture's clock, from its first picture to its last.
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { execFileSync } from 'node:child_process';
import { verify, type EnginePlan, type EngineResult } from '../index.js';
import { engine, fresh, joined, make, planFor, rung, samples, testPicture, tone, x264 } from './support.js';

const rate = 48_000;

/** A flash and a beep of 0.2 s at the same moment. */
const flash = (at: number, duration: number): string[] => [
  '-f', 'lavfi', '-i', `color=black:s=160x90:r=25:d=${duration},drawbox=c=white:t=fill:enable='between(t,${at},${at + 0.2})'`,
  '-f', 'lavfi', '-i', `aevalsrc='if(between(t,${at},${at + 0.2}),sin(2*PI*1000*t),0)':s=${rate}:d=${duration}`,
]; // prettier-ignore

function flashTime(path: string, from = 0): number {
  const light = execFileSync('ffmpeg', ['-v', 'error', '-i', path, '-vf', 'scale=1:1:flags=area', '-f', 'rawvideo', '-pix_fmt', 'gray', '-']); // prettier-ignore
  return light.findIndex((value, index) => index >= from * 25 && value > 128) / 25;
}
const beepTime = (path: string, from = 0): number =>
  samples(path).findIndex((value, index) => index >= from * rate && Math.abs(value) > 0.2) / rate;

async function made(plan: EnginePlan): Promise<{ result: EngineResult; picture: string; sound: string }> {
  const result = await engine(plan);
  const [first] = result.rungs;
  const [track] = result.audio;
  if (!first || !track) throw new Error(`A rendition is missing: ${result.warnings.join(' ')}`);
  return { result, picture: joined(plan, first), sound: joined(plan, track) };
}

const containers: [string, string[]][] = [
  ['.mp4', ['-c:a', 'aac']],
  ['.ts', ['-c:a', 'aac']],
  ['.ts', ['-c:a', 'mp2']],
  ['.mkv', ['-c:a', 'libopus']],
  ['.mov', ['-c:a', 'pcm_s16le']],
];
for (const [suffix, codec] of containers) {
  test(`flash and beep fall together: ${suffix} ${codec[1] ?? ''}`, async () => {
    const { result, picture, sound } = await made(planFor(make(suffix, ...flash(5, 7), ...x264, '-bf', '2', ...codec)));
    const [seen, heard] = [flashTime(picture), beepTime(sound)];
    assert.ok(Math.abs(seen - 5) < 0.021, `flash at ${seen}`);
    assert.ok(Math.abs(heard - seen) < 0.025, `beep at ${heard}, flash at ${seen}`);
    const length = samples(sound).length / rate;
    assert.ok(Math.abs(length - result.duration) < 0.05, `sound of ${length} s, picture of ${result.duration} s`);
  });
}

test('segments of sound are cut where those of the picture are', async () => {
  const plan = planFor(make('.mp4', ...flash(5, 9), ...x264, '-c:a', 'aac'));
  const { result } = await made(plan);
  const cuts = result.audio[0]?.segments ?? [];
  assert.is(cuts.length, result.rungs[0]?.segments.length);
  for (const [index, { start }] of cuts.entries()) {
    const late = start - (result.rungs[0]?.segments[index]?.start ?? -1);
    assert.ok(late >= 0 && late < 1024 / rate);
  }
  const checked = await verify({ outputDir: plan.outputDir, initPath: result.audio[0]?.initPath ?? '', segments: cuts.map(({ path }) => path), threads: 2 }); // prettier-ignore
  for (const segment of checked) assert.is(segment.error, null);
});

test('sound that begins late keeps its place; sound before the picture goes', async () => {
  for (const delay of [1.5, -1]) {
    const [seen, heard] = [flash(4, 7), flash(4, 7)];
    const file = make('.mkv', ...seen.slice(0, 4), '-itsoffset', String(delay), ...heard.slice(4), '-map', '0:v', '-map', '1:a', ...x264, '-c:a', 'flac', '-avoid_negative_ts', '0'); // prettier-ignore
    const { picture, sound } = await made(planFor(file));
    // With a negative offset the container starts with sound; the beep comes that much before the flash.
    const apart = beepTime(sound) - flashTime(picture);
    assert.ok(Math.abs(apart - delay) < 0.03, `apart by ${apart} instead of ${delay}`);
  }
});

test('a hole in the sound is filled', async () => {
  const whole = make('.ts', ...flash(6, 8), ...x264, '-c:a', 'mp2');
  const file = make('.ts', '-i', whole, '-map', '0:v', '-map', '0:a', '-c', 'copy', '-bsf:a', "noise=drop='between(n,60,120)'"); // prettier-ignore
  const { picture, sound } = await made(planFor(file));
  assert.ok(Math.abs(beepTime(sound) - flashTime(picture)) < 0.03);
});

test('the layer is as long as the longer of video and audio', async () => {
  for (const [videoLength, audioLength] of [
    [2, 20],
    [2, 5],
    [9, 1],
  ] as const) {
    const file = make('.mkv', ...testPicture('160x90', '25', videoLength), ...tone(audioLength), ...x264, '-c:a', 'aac'); // prettier-ignore
    const { result, sound } = await made(planFor(file));
    assert.ok(Math.abs(result.duration - Math.max(videoLength, audioLength)) < 0.06, String(result.duration));
    assert.ok(
      Math.abs(samples(sound).length / rate - result.duration) < 0.06,
      `${samples(sound).length / rate} ${result.duration}`,
    );
    assert.is(result.framesDecoded, videoLength * 25);
    // A frame that stands for long comes again, so that segments keep their length.
    assert.ok(Math.max(...(result.rungs[0]?.segments ?? []).map(({ duration }) => duration)) <= 6);
    assert.is(result.framesEncoded > result.framesDecoded, audioLength - videoLength > 10);
  }
});

test('several tracks, of one and of six channels', async () => {
  const file = make('.mkv', ...testPicture('160x90', '25', 2), ...tone(2), ...tone(2), '-map', '0', '-map', '1', '-map', '2', ...x264,
    '-c:a', 'aac', '-ac:a:0', '1', '-ac:a:1', '6'); // prettier-ignore
  const plan = planFor(file);
  const result = await engine(plan);
  assert.equal(
    result.audio.map(({ directory, codecs, channels }) => [directory, codecs, channels]),
    [
      ['audio/0', 'mp4a.40.2', 2],
      ['audio/1', 'mp4a.40.2', 2],
    ],
  );
});

test('of many channels that nobody names the first two are kept', async () => {
  for (const [channels, codec] of [
    [10, 'pcm_s16le'],
    [32, 'pcm_s16le'],
    [10, 'pcm_f32le'],
  ] as const) {
    // Silence but for the second channel.
    const raw = Buffer.alloc(2 * rate * channels * 2);
    for (let index = 0; index < 2 * rate; index++) raw.writeInt16LE(Math.round(16_000 * Math.sin(index / 20)), (index * channels + 1) * 2); // prettier-ignore
    const path = fresh('.raw');
    writeFileSync(path, raw);
    const file = make('.mov', ...testPicture('160x90', '25', 2), '-f', 's16le', '-ar', String(rate), '-ac', String(channels), '-i', path, ...x264, '-c:a', codec); // prettier-ignore
    const { result, sound } = await made(planFor(file));
    assert.match(result.warnings.join(' '), `Of the ${channels} channels`);
    assert.ok(Math.max(...samples(sound).subarray(rate / 2, rate)) > 0.1, `${channels} ${codec}`);
  }
});

test('a broken track is left out with a word of it', async () => {
  const file = make('.mkv', ...testPicture('160x90', '25', 2), ...tone(2), ...x264, '-c:a', 'mp3');
  // Sound of zeros: no MP3 frame begins with them.
  const broken = make('.mkv', '-i', file, '-map', '0', '-c', 'copy', '-bsf:a', 'noise=amount=1');
  const plan = planFor(broken, { rungs: [rung('a', 160, 90)] });
  plan.audio.push({ stream: 7, directory: 'audio/7', bitrate: 96_000, channels: 2, sampleRate: rate });
  const result = await engine(plan);
  assert.is(result.framesDecoded, 50);
  assert.ok(result.warnings.some((warning) => warning.includes('sound track 7')));
  assert.not.ok(result.audio.some(({ stream }) => stream === 7));
});

test('a clock that jumps takes sound and picture along', async () => {
  const part = make('.ts', ...flash(2, 4), ...x264, '-c:a', 'mp2');
  const later = make('.ts', ...flash(2, 4), ...x264, '-c:a', 'mp2', '-output_ts_offset', '5000');
  const file = fresh('.ts');
  writeFileSync(file, Buffer.concat([readFileSync(part), readFileSync(later)]));
  const { result, picture, sound } = await made(planFor(file));
  assert.is(result.framesDecoded, 200);
  assert.ok(Math.abs(result.duration - 8) < 0.2, `lasts ${result.duration}`);
  assert.is(result.clockJumps.length, 1);
  const jump = result.clockJumps[0];
  assert.ok(Math.abs((jump?.mediaTime ?? 0) - 4) < 0.1);
  assert.ok(Math.abs((jump?.pts90k ?? 0) / 90_000 - 5001.4) < 0.2, `jumps to ${(jump?.pts90k ?? 0) / 90_000}`);
  assert.ok(result.warnings.some((warning) => warning.includes('jumps')));
  for (const from of [0, 4.5]) {
    const [seen, heard] = [flashTime(picture, from), beepTime(sound, from)];
    assert.ok(Math.abs(seen - heard) < 0.1, `from ${from} s: flash at ${seen}, beep at ${heard}`);
  }
});

test.run();
