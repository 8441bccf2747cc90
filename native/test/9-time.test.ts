// Time: gaps, broken clocks, wild timestamps and starts of any kind. Each frame carries its number, and the audio is a sweep, so that
// what is seen and what is heard tell which second of the source they are of.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EnginePlan, EngineResult } from '../index.js';
import { engine, fresh, joined, make, planFor, x264 } from './support.js';

const rate = 25;
const bits = 12;
/** The number of each frame as columns, black or white; the first frame has number `from`. */
const numbered = (seconds: number, from = 0): string[] => [
  '-f', 'lavfi', '-i', `color=black:s=192x64:r=${rate}:d=${seconds},geq=lum='if(mod(floor((N+${from})/pow(2,floor(X/16))),2),235,16)':cb=128:cr=128`,
]; // prettier-ignore
/** 300 Hz and 20 Hz more each second. */
const sweep = (seconds: number, from = 0): string[] => [
  '-f', 'lavfi', '-i', `aevalsrc='0.5*sin(2*PI*(300*(t+${from})+10*(t+${from})*(t+${from})))':s=16000:d=${seconds}`,
]; // prettier-ignore

interface Seen {
  result: EngineResult;
  /** Source second of each frame, by its media time. */
  frames: { time: number; source: number }[];
  /** Source second of the audio at a media time. */
  heard: (time: number) => number;
}

const sharp = { bitrate: 2_000_000, maxBitrate: 4_000_000, bufferSize: 8_000_000 };

async function look(input: string, changes: Partial<EnginePlan> = {}, rates: typeof sharp = sharp): Promise<Seen> {
  const plan = planFor(input, { rungs: [{ name: 'a', width: 192, height: 64, ...rates }], ...changes });
  const result = await engine(plan);
  const [first] = result.rungs;
  if (!first) throw new Error('No rung was made.');
  const path = joined(plan, first);
  const times = execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', path]).toString().split('\n').filter((line) => /^\d/.test(line)).map(parseFloat); // prettier-ignore
  const pixels = execFileSync('ffmpeg', ['-v', 'error', '-i', path, '-fps_mode', 'passthrough', '-vf', 'scale=12:1:flags=area', '-pix_fmt', 'gray', '-f', 'rawvideo', '-'], { maxBuffer: 1 << 26 }); // prettier-ignore
  const frames = times.map((time, index) => {
    let number = 0;
    for (let bit = 0; bit < bits; bit++) if ((pixels[index * bits + bit] ?? 0) > 128) number += 1 << bit;
    return { time, source: number / rate };
  });
  const [track] = result.audio;
  const sound = track ? execFileSync('ffmpeg', ['-v', 'error', '-i', joined(plan, track), '-ac', '1', '-ar', '16000', '-f', 's16le', '-'], { maxBuffer: 1 << 26 }) : Buffer.alloc(0); // prettier-ignore
  const heard = (time: number): number => {
    const [from, count] = [Math.round((time - 0.1) * 16_000), 3_200];
    let crossings = 0;
    for (let index = from + 1; index < from + count; index++)
      if (sound.readInt16LE(2 * (index - 1)) < 0 && sound.readInt16LE(2 * index) >= 0) crossings++;
    return (crossings / 0.2 - 300) / 20;
  };
  return { result, frames, heard };
}

/** What is shown and what is heard at each moment belong to one second of the source, by `expected`. */
function together(
  { frames, heard }: Seen,
  moments: readonly number[],
  expected: (time: number) => number,
  standing: (time: number) => number = expected,
): void {
  for (const time of moments) {
    const shown = frames.filter((frame) => frame.time <= time + 1e-6).at(-1)?.source ?? -1;
    assert.ok(
      Math.abs(shown - standing(time)) < 1.5 / rate,
      `at ${time} the frame of ${shown} is shown instead of that of ${standing(time)}`,
    );
    // The pitch of 200 ms tells the second to a quarter: 5 Hz.
    assert.ok(
      Math.abs(heard(time) - expected(time)) < 0.3,
      `at ${time} ${heard(time)} is heard instead of ${expected(time)}`,
    );
  }
}

const cut = (what: string): string => `${what}='lt(t,5)+gte(t,20)'`;
const vfr = ['-fps_mode', 'vfr'];
// One packet of audio in each PES packet, as encoders of live streams do it.
const encoded = [...x264, '-crf', '10', '-c:a', 'aac', '-pes_payload_size', '0'];

for (const [suffix, flags] of [
  ['.mkv', []],
  ['.mp4', []],
  ['.mp4', ['-bf', '2']],
  ['.ts', []],
] as const) {
  test(`frames stand while audio goes on: ${suffix} ${flags.join(' ')}`, async () => {
    const seen = await look(make(suffix, ...numbered(25), ...sweep(25), '-vf', cut('select'), ...vfr, ...encoded, ...flags)); // prettier-ignore
    assert.ok(Math.abs(seen.result.duration - 25) < 0.1, String(seen.result.duration));
    assert.equal(seen.result.clockJumps, []);
    together(seen, [1, 3, 7.2, 12.2, 19.2, 21, 24], (time) => time, (time) => (time >= 5 && time < 19.9 ? 4.96 : time)); // prettier-ignore
    assert.match(seen.result.warnings.join(' '), /no frame for 1[45]\.\d s in 1 place/);
    // A frame that stands for long comes again: no segment is longer than usual.
    for (const { duration } of seen.result.rungs[0]?.segments ?? []) assert.ok(duration < 4.6, String(duration));
  });
}

test('a transport stream in which all fall silent together is joined', async () => {
  const seen = await look(make('.ts', ...numbered(25), ...sweep(25), '-vf', cut('select'), '-af', cut('aselect'), ...vfr, ...encoded)); // prettier-ignore
  assert.ok(Math.abs(seen.result.duration - 10) < 0.1, String(seen.result.duration));
  assert.is(seen.result.clockJumps.length, 1);
  together(seen, [1, 3, 4.5, 5.5, 7, 9], (time) => (time < 5 ? time : time + 15));
});

test('a join is decided on before frames that are decoded before it and shown behind it', async () => {
  // Frame 125 stands before the gap and is decoded behind frame 128, which stands after it, and no key frame is near.
  const gap = (what: string): string => `${what}='lt(t,5.02)+gte(t,20)'`;
  const seen = await look(make('.ts', ...numbered(25), ...sweep(25), '-vf', gap('select'), '-af', gap('aselect'), ...vfr, ...encoded, '-bf', '3', '-g', '500', '-x264-params', 'scenecut=0:b-adapt=0')); // prettier-ignore
  assert.ok(Math.abs(seen.result.duration - 10.04) < 0.1, String(seen.result.duration));
  assert.is(seen.result.clockJumps.length, 1);
  together(seen, [1, 3, 4.5, 5.6, 7, 9], (time) => (time < 5.02 ? time : time + 14.96));
});

test('elsewhere times are meant: in a file all may be silent for long', async () => {
  const seen = await look(make('.mkv', ...numbered(25), ...sweep(25), '-vf', cut('select'), '-af', cut('aselect'), ...vfr, ...encoded)); // prettier-ignore
  assert.ok(Math.abs(seen.result.duration - 25) < 0.1, String(seen.result.duration));
  together(seen, [1, 3, 21, 24], (time) => time);
});

for (const [name, offset] of [
  ['ahead', 1_000],
  ['back', -30],
] as const) {
  test(`recordings put end to end whose clock jumps ${name} are joined, audio and video alike`, async () => {
    const piece = (from: number, shift: number): string => make('.ts', ...numbered(6, from * rate), ...sweep(6, from), ...encoded, '-output_ts_offset', String(shift)); // prettier-ignore
    const path = fresh('.ts');
    writeFileSync(path, Buffer.concat([readFileSync(piece(0, 100)), readFileSync(piece(40, 100 + offset))]));
    const seen = await look(path);
    assert.ok(Math.abs(seen.result.duration - 12) < 0.3, String(seen.result.duration));
    together(seen, [1, 5, 7.5, 11], (time) => (time < 6 ? time : time + 34));
  });
}

test('the first frame of a recording follows the last one before in order of display, however both are reordered', async () => {
  const kept = "select='eq(n,0)+gte(mod(n*37,100),60)'";
  const piece = (from: number, shift: number, flags: string[]): string => make('.ts', ...numbered(6, from * rate), '-vf', kept, ...vfr, ...encoded, ...flags, '-output_ts_offset', String(shift)); // prettier-ignore
  const path = fresh('.ts');
  const reordered = ['-bf', '3', '-x264-params', 'b-adapt=0:b-pyramid=normal'];
  writeFileSync(path, Buffer.concat([readFileSync(piece(0, 100, reordered)), readFileSync(piece(40, 1100, [])), readFileSync(piece(80, 100, reordered))])); // prettier-ignore
  const { frames, result } = await look(path);
  const numbers = Array.from({ length: 150 }, (_, number) => number).filter((number) => number === 0 || (number * 37) % 100 >= 60); // prettier-ignore
  const last = (numbers.at(-1) ?? 0) + 1;
  assert.equal(frames.map(({ source }) => Math.round(source * rate)), [0, 1000, 2000].flatMap((from) => numbers.map((number) => from + number))); // prettier-ignore
  assert.equal(frames.map(({ time }) => Math.round(time * rate * 10) / 10), [0, last, 2 * last].flatMap((from) => numbers.map((number) => from + number))); // prettier-ignore
  assert.equal(result.clockJumps.map(({ mediaTime }) => Math.round(mediaTime * rate * 10) / 10), [last, 2 * last]); // prettier-ignore
});

/** Adds seconds to the times of some PES packets of a transport stream (ISO 13818-1, 2.4.3.6). */
function shift(bytes: Buffer, pid: number, seconds: number, which: (index: number) => boolean): Buffer {
  let index = 0;
  for (let at = 0; at < bytes.length; at += 188) {
    if ((bytes.readUInt16BE(at + 1) & 0x5fff) !== (0x4000 | pid)) continue;
    const pes = at + 4 + ((bytes[at + 3] ?? 0) & 0x20 ? 1 + (bytes[at + 4] ?? 0) : 0);
    if (!which(index++)) continue;
    const flags = (bytes[pes + 7] ?? 0) >> 6;
    for (const place of [flags & 2 ? pes + 9 : 0, flags === 3 ? pes + 14 : 0].filter((found) => found > 0)) {
      const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(place, place + 5);
      const time =
        ((a & 14) * 2 ** 29 + (b << 22) + ((c & 254) << 14) + (d << 7) + (e >> 1) + seconds * 90_000) % 2 ** 33;
      bytes[place] = (a & 0xf1) | (Math.floor(time / 2 ** 30) << 1);
      bytes.writeUInt16BE(((Math.floor(time / 2 ** 15) % 2 ** 15) << 1) | 1, place + 1);
      bytes.writeUInt16BE(((time % 2 ** 15) << 1) | 1, place + 3);
    }
  }
  return bytes;
}

const videoPid = 0x100;
const audioPid = 0x101;
function shifted(flags: string[], pid: number, seconds: number, which: (index: number) => boolean): string {
  const path = make('.ts', ...numbered(8), ...sweep(8), ...encoded, ...flags, '-output_ts_offset', '100'); // prettier-ignore
  writeFileSync(path, shift(readFileSync(path), pid, seconds, which));
  return path;
}

const wild: [name: string, input: () => string][] = [
  ['two frames of an MP4', () => make('.mp4', '-i', make('.mp4', ...numbered(8), ...sweep(8), ...encoded, '-bf', '2'), '-c', 'copy', '-bsf:v', "setts=pts=PTS+if(between(N\\,60\\,61)\\,3/TB\\,0)")], // prettier-ignore
  ['a frame, a minute late', () => shifted([], videoPid, 60, (index) => index === 60)],
  ['a frame, three seconds late', () => shifted([], videoPid, 3, (index) => index === 60)],
  ['a frame, early', () => shifted([], videoPid, -20, (index) => index === 60)],
  ['three frames in a row', () => shifted([], videoPid, 5, (index) => index >= 60 && index < 63)],
  ['a frame among reordered ones', () => shifted(['-bf', '3'], videoPid, 40, (index) => index === 60)],
  ['a packet of audio, late', () => shifted([], audioPid, 5, (index) => index === 40)],
  ['a packet of audio, early', () => shifted([], audioPid, -7, (index) => index === 40)],
];
for (const [name, input] of wild) {
  test(`wild timestamps do not bend what follows: ${name}`, async () => {
    const seen = await look(input());
    assert.ok(Math.abs(seen.result.duration - 8) < 0.1, String(seen.result.duration));
    together(seen, [1, 2, 3.2, 4, 6, 7.5], (time) => time);
    assert.match(seen.result.warnings.join(' '), /timestamp\(s\) were missing, doubled or out of order/);
    assert.equal(seen.result.clockJumps, []);
  });
}

for (const codec of ['h264', 'hevc'] as const) {
  test(`the frames before a long pause are encoded as well as the others: ${codec}`, async () => {
    // 9 s are a pause of any stream, and nothing is repeated. What is grainy takes all of the rate; of a hundred frames 60 are missing.
    const kept = "select='(eq(n,0)+gte(mod(n*37,100),60))*(lt(n,69)+gte(n,294))',noise=alls=24:allf=t,format=yuv420p";
    const source = make('.mkv', ...numbered(20), '-vf', kept, ...vfr, ...x264, '-crf', '10');
    const low = { bitrate: 100_000, maxBitrate: 150_000, bufferSize: 200_000 };
    const { frames } = await look(source, { codec, preset: 'veryfast' }, low);
    const numbers = Array.from({ length: 500 }, (_, number) => number);
    const expected = numbers.filter(
      (number) => (number === 0 || (number * 37) % 100 >= 60) && (number < 69 || number >= 294),
    );
    assert.equal(frames.map(({ source }) => Math.round(source * rate)), expected); // prettier-ignore
    assert.equal(
      frames.map(({ time }) => Math.round(time * rate)),
      expected,
    );
  });
}

test('a file that starts at ten hours counts from its first frame', async () => {
  const seen = await look(make('.mkv', ...numbered(6), ...sweep(6), ...encoded, '-output_ts_offset', '36000'));
  assert.ok(Math.abs(seen.result.duration - 6) < 0.1);
  together(seen, [1, 5], (time) => time);
});

test('one frame and long audio: the frame stands as long as there is audio', async () => {
  const seen = await look(make('.mp4', ...numbered(0.04), ...sweep(14), ...encoded));
  assert.ok(Math.abs(seen.result.duration - 14) < 0.1);
  together(seen, [1, 6, 13], (time) => time, () => 0); // prettier-ignore
});

for (const seconds of [4_900, -60]) {
  test(`audio on another clock than the video is placed by where it lies in the file: ${seconds} s`, async () => {
    const seen = await look(shifted([], audioPid, seconds, () => true));
    // By the multiplex the places are known to some tenths only.
    assert.ok(Math.abs(seen.result.duration - 8) < 1, String(seen.result.duration));
    assert.match(seen.result.warnings.join(' '), 'another clock');
    for (const time of [2, 4, 6]) assert.ok(Math.abs(seen.heard(time) - time) < 1, String(seen.heard(time)));
  });
}

test('what lies before the first frame is told with how much', async () => {
  const { result } = await look(make('.mkv', '-itsoffset', '1.5', ...numbered(4), ...sweep(6), ...encoded)); // prettier-ignore
  assert.match(result.warnings.join(' '), /1\.[56] s of audio before the first frame are left out/);
});

test('times that no clock tells are none', async () => {
  const path = make('.mp4', ...numbered(4), ...x264, '-movflags', 'frag_keyframe+empty_moov+default_base_moof');
  const bytes = readFileSync(path);
  // From the second fragment on: base media decode times (ISO 14496-12, 8.8.12) at which sums of 64 bits overflow.
  let fragment = 0;
  for (let at = bytes.indexOf('tfdt'); at >= 0; at = bytes.indexOf('tfdt', at + 1))
    if (fragment++ > 0) bytes.writeBigInt64BE(2n ** 60n + BigInt(fragment * 12_800), at + 8);
  assert.ok(fragment > 2);
  writeFileSync(path, bytes);
  const { result, frames } = await look(path);
  assert.equal(result.clockJumps, []);
  assert.is(result.duration, 4);
  assert.is(result.framesEncoded, 4 * rate);
  const shown = frames.slice(0, 4 * rate).map(({ source }) => Math.round(source * rate));
  assert.equal(shown, shown.map((_, index) => index)); // prettier-ignore
});

test.run();
