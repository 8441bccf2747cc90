// The NVIDIA path on the driver stand-in: the same media as on the CPU, made without a picture in memory, and every fault
// that a driver can have. What only hardware can show is for test/gpu-check.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { confinePath, type EnginePlan, type EngineResult } from '../index.js';
import { onStandin, resultOf, standin, type OnStandin } from './on-standin.js';
import { scaleReference } from './scale-reference.js';
import { changing, engine, fresh, joined, make, pictures, planFor, rung, testPicture, tone, x264 } from './support.js';

const native = dirname(dirname(dirname(confinePath)));
const two = [rung('sd', 320, 180), rung('hd', 640, 360)];
const onGpu = (file: string, changes: Partial<EnginePlan> = {}): EnginePlan =>
  planFor(file, { device: 0, rungs: two, ...changes });

/** The stand-in found nothing wrong and nothing left. */
function clean({ violations, leaks, stderr }: OnStandin): void {
  assert.is(violations, 0, stderr);
  assert.is(leaks, 0, stderr);
}

const shape = ({ rungs, framesEncoded, duration, originPts90k }: EngineResult): unknown => ({
  framesEncoded,
  duration,
  originPts90k,
  rungs: rungs.map(({ name, frames, segments }) => ({
    name,
    frames,
    cuts: segments.map((s) => [s.start, s.duration]),
  })),
});

/** Every picture as planes of 8 bits. */
function planes(file: string, filters = 'null'): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-vf', filters, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-'], { maxBuffer: 1 << 30 }); // prettier-ignore
}

/** Lowest PSNR of luma, and of both chroma planes, over all pictures of the first file against the second, filtered. */
function psnr(file: string, other: string, filters: string, format = 'yuv420p'): { luma: number; chroma: number } {
  const stats = fresh('.psnr');
  execFileSync('ffmpeg', ['-v', 'fatal', '-i', file, '-i', other, '-lavfi',
    `[0:v]settb=1/1000,setpts=N,format=${format}[a];[1:v]${filters},settb=1/1000,setpts=N,format=${format}[b];[a][b]psnr=stats_file=${stats}`, '-f', 'null', '-']); // prettier-ignore
  const lines = execFileSync('cat', [stats]).toString();
  const worst = (name: string): number => {
    const found = [...lines.matchAll(new RegExp(`psnr_${name}:(\\S+)`, 'g'))].map(([, value]) =>
      value === 'inf' ? 99 : Number(value),
    );
    assert.ok(found.length > 0 && found.every((value) => value > 0), 'the pictures were compared');
    return Math.min(...found);
  };
  return { luma: worst('y'), chroma: Math.min(worst('u'), worst('v')) };
}

const firstRung = (plan: EnginePlan, result: EngineResult, index = 0): string => {
  const made = result.rungs[index];
  if (!made) throw new Error('no such rung');
  return joined(plan, made);
};

test('all on the GPU: cuts, key frames and times are those of the CPU, and no picture comes to memory', async () => {
  const file = make('.mp4', ...testPicture('640x360', '30000/1001', 9), ...tone(9), ...x264, '-bf', '2');
  const gpuPlan = onGpu(file);
  const cpuPlan = planFor(file, { rungs: two });
  const run = onStandin([gpuPlan]);
  const gpu = resultOf(run.outcomes[0]);
  const cpu = await engine(cpuPlan);
  clean(run);
  assert.is(gpu.engine, 'gpu');
  assert.is(gpu.decoder, 'NVDEC');
  assert.equal(gpu.rungs.map(({ encoder }) => encoder), ['NVENC', 'NVENC']); // prettier-ignore
  assert.equal(shape(gpu), shape(cpu));
  gpu.rungs.forEach((_, index) => {
    const seen = pictures(firstRung(gpuPlan, gpu, index));
    const expected = pictures(firstRung(cpuPlan, cpu, index));
    assert.equal(seen.map(({ key }) => key), expected.map(({ key }) => key)); // prettier-ignore
    // The muxer's clock begins at another decoding time; differences are rounded to microseconds by the reader.
    assert.ok(seen.every(({ time }, at) => Math.abs(time - (expected[at]?.time ?? -1)) < 1e-5));
    assert.is(seen.length, gpu.framesDecoded);
  });
  // The poster and each preview are fetched once; luma and chroma each.
  assert.is(run.counted['planes copied to the host'], 2 * (1 + gpu.previewTimes.length));
  assert.is(run.counted['pictures encoded'], 2 * gpu.framesDecoded);
});

test('an input of NVENC is given back once the bits of its own picture have come, which are not the k-th', () => {
  const run = onStandin([onGpu(make('.mp4', ...testPicture('640x360', '25', 2), ...x264))]);
  assert.is(run.counted['pictures encoded'], 100);
  assert.is(run.counted['inputs unmapped before their pictures came out'], undefined);
  assert.is(run.counted['inputs submitted again before they were coded'], undefined);
});

test('parameter sets stand in the initialisation section, and in no sample', () => {
  for (const codec of ['h264', 'hevc'] as const) {
    const plan = onGpu(make('.mp4', ...testPicture('640x360', '25', 1), ...x264), { codec });
    const [segment] = resultOf(onStandin([plan]).outcomes[0]).rungs[0]?.segments ?? [];
    const bytes = readFileSync(join(plan.outputDir, segment?.path ?? ''));
    const types = new Set<number>();
    const end = bytes.length;
    for (let at = bytes.indexOf('mdat') + 4; at + 4 < end; at += 4 + bytes.readUInt32BE(at)) {
      const header = bytes.readUInt8(at + 4);
      types.add(codec === 'hevc' ? (header >> 1) & 63 : header & 31);
    }
    assert.ok(types.size > 1, 'an IDR picture and others');
    for (const set of codec === 'hevc' ? [32, 33, 34] : [7, 8]) assert.not.ok(types.has(set), `${codec}: ${set}`);
  }
});

test('scaled pictures are those of the description to the last bit, and near libswscale’s', () => {
  const file = make('.mp4', ...testPicture('640x360', '25', 1), ...x264);
  const plan = onGpu(file, { rungs: [rung('down', 364, 204), rung('up', 960, 540), rung('same', 640, 360)] });
  const run = onStandin([plan]);
  const result = resultOf(run.outcomes[0]);
  clean(run);
  const source = planes(file);
  result.rungs.forEach(({ name, width, height }, index) => {
    const made = firstRung(plan, result, index);
    const seen = planes(made);
    const size = (width * height * 3) / 2;
    for (const picture of [0, 12]) {
      const expected = scaleReference(source.subarray(picture * 345_600, (picture + 1) * 345_600), [640, 360], [width, height]); // prettier-ignore
      assert.is(Buffer.compare(seen.subarray(picture * size, (picture + 1) * size), expected), 0, `${name} ${picture}`);
    }
    const scale = `scale=${width}:${height}:flags=bicubic+accurate_rnd:in_h_chr_pos=0:in_v_chr_pos=128:out_h_chr_pos=0:out_v_chr_pos=128`;
    const { luma, chroma } = psnr(made, file, scale);
    assert.ok(luma >= 45, `${name}: luma ${luma} dB`);
    assert.ok(chroma >= 42, `${name}: chroma ${chroma} dB`);
  });
});

const x265 = ['-c:v', 'libx265', '-x265-params', 'log-level=none', '-preset', 'ultrafast'];
const forms: [string, string, string[], Partial<EnginePlan>][] = [
  ['HEVC of ten bits', '.mp4', [...testPicture('640x360', '25', 2), '-pix_fmt', 'yuv420p10le', ...x265], {}],
  ['MPEG-2 in TS', '.ts', [...testPicture('640x360', '25', 2), '-c:v', 'mpeg2video', '-b:v', '4M', '-bf', '2'], {}],
  ['MPEG-4 in MP4', '.mp4', [...testPicture('640x360', '25', 2), '-c:v', 'mpeg4', '-b:v', '4M'], {}],
  ['VP9 in WebM', '.webm', [...testPicture('320x240', '25', 1), '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'], {}],
  ['odd size', '.webm', [...testPicture('321x241', '25', 1), '-c:v', 'libvpx-vp9', '-b:v', '4M', '-deadline', 'realtime', '-cpu-used', '8'], {}],
  ['full range', '.mp4', [...testPicture('640x360', '25', 2), '-vf', 'scale=out_range=full', '-pix_fmt', 'yuvj420p', ...x264], {}],
  ['turned by 90', '.mp4', [...testPicture('640x360', '25', 2), ...x264], { rotation: 90, rungs: [rung('sd', 180, 320)] }],
  ['turned by 270 and mirrored', '.mp4', [...testPicture('640x360', '25', 2), ...x264], { rotation: 270, mirror: true, rungs: [rung('sd', 180, 320)] }],
  ['upside down', '.mp4', [...testPicture('640x360', '25', 2), ...x264], { rotation: 180 }],
  ['HLG', '.mp4', [...testPicture('640x360', '25', 2), '-pix_fmt', 'yuv420p10le', '-color_trc', 'arib-std-b67', '-color_primaries', 'bt2020', '-colorspace', 'bt2020nc', ...x265], {}],
]; // prettier-ignore
for (const [name, suffix, args, changes] of forms) {
  test(`as on the CPU: ${name}`, async () => {
    const file = make(suffix, ...args);
    const gpuPlan = onGpu(file, changes);
    const run = onStandin([gpuPlan]);
    const gpu = resultOf(run.outcomes[0]);
    clean(run);
    assert.is(gpu.decoder, 'NVDEC');
    assert.equal(gpu.gpuWarnings, []);
    // Near lossless, so that what differs is not the encoder's.
    const rungs = gpuPlan.rungs.map((made) => ({ ...made, bitrate: 60e6, maxBitrate: 90e6, bufferSize: 90e6 }));
    const cpuPlan = planFor(file, { ...changes, rungs });
    const cpu = await engine(cpuPlan);
    assert.equal(shape(gpu), shape(cpu));
    const { luma, chroma } = psnr(firstRung(gpuPlan, gpu), firstRung(cpuPlan, cpu), 'null');
    assert.ok(luma >= 38, `luma ${luma} dB`);
    assert.ok(chroma >= 36, `chroma ${chroma} dB`);
  });
}

test('frames of another shape are shown whole, between black bars, as on the CPU', async () => {
  const shapes: [string, string[], string[]][] = [
    ['by size', [...testPicture('640x360', '25', 2), ...x264], [...testPicture('480x360', '25', 2), ...x264]],
    ['by the aspect of a sample', [...testPicture('640x360', '25', 2), '-vf', 'setsar=1', ...x264], [...testPicture('640x360', '25', 2), '-vf', 'setsar=4/3', ...x264]],
    ['MPEG-2', [...testPicture('640x352', '25', 2), '-aspect', '4:3', '-c:v', 'mpeg2video', '-b:v', '4M', '-flags', 'low_delay'], [...testPicture('640x352', '25', 2), '-aspect', '16:9', '-c:v', 'mpeg2video', '-b:v', '4M', '-flags', 'low_delay']],
    ['ten bits', [...testPicture('640x360', '25', 2), '-pix_fmt', 'yuv420p10le', ...x265], [...testPicture('480x360', '25', 2), '-pix_fmt', 'yuv420p10le', ...x265]],
  ]; // prettier-ignore
  for (const [name, before, after] of shapes) {
    const file = changing(before, after);
    const gpuPlan = onGpu(file, name === 'ten bits' ? { codec: 'hevc', bitDepth: 10 } : {});
    const run = onStandin([gpuPlan]);
    const gpu = resultOf(run.outcomes[0]);
    clean(run);
    assert.is(gpu.decoder, 'NVDEC', name);
    assert.match(gpu.warnings.join(' '), /shape of the frames changes: 50 of (?:99|100) /, name);
    const rungs = gpuPlan.rungs.map((made) => ({ ...made, bitrate: 60e6, maxBitrate: 90e6, bufferSize: 90e6 }));
    const cpuPlan = planFor(file, { rungs });
    const cpu = await engine(cpuPlan);
    const { luma, chroma } = psnr(firstRung(gpuPlan, gpu), firstRung(cpuPlan, cpu), 'null');
    assert.ok(luma >= 36 && chroma >= 34, `${name}: luma ${luma} dB, chroma ${chroma} dB`);
  }
});

test('where only the video falls silent its last frame stands, also on the GPU', async () => {
  const cut = ['-vf', "select='lt(t,3)+gte(t,16)'", '-fps_mode', 'vfr'];
  const file = make(
    '.ts',
    ...testPicture('640x360', '25', 18),
    ...tone(18),
    ...cut,
    ...x264,
    '-bf',
    '2',
    '-c:a',
    'aac',
  );
  const run = onStandin([onGpu(file)]);
  const gpu = resultOf(run.outcomes[0]);
  clean(run);
  const cpu = await engine(planFor(file));
  assert.equal([gpu.duration, gpu.framesEncoded, gpu.warnings], [cpu.duration, cpu.framesEncoded, cpu.warnings]);
  assert.ok(gpu.framesEncoded > gpu.framesDecoded);
});

const clip = make('.mp4', ...testPicture('640x360', '25', 4), ...tone(4), ...x264, '-bf', '2');

// AV1 where this machine's tools can make it.
const encoders = execFileSync('ffmpeg', ['-v', 'quiet', '-encoders']).toString();
const av1 = encoders.includes('libsvtav1') ? ['-c:v', 'libsvtav1', '-preset', '12'] : null;
const uneven = ['-vf', "select='gt(mod(n\\,7)\\,1)'", '-fps_mode', 'vfr'];
const fromRecoveryPoint = (): string => {
  const whole = make(
    '.ts',
    ...testPicture('640x360', '25', 6),
    ...x264,
    '-x264-params',
    'intra-refresh=1:keyint=25:bframes=2',
  );
  const cut = fresh('.ts');
  execFileSync('ffmpeg', ['-v', 'error', '-ss', '2.5', '-i', whole, '-c', 'copy', '-y', cut]);
  return cut;
};
const streams: [string, () => string][] = [
  ['H.264', () => make('.mp4', ...testPicture('640x360', '25', 4), ...uneven, ...x264, '-bf', '3')],
  ['H.264 with a pyramid', () => make('.ts', ...testPicture('640x360', '25', 4), ...x264, '-bf', '7', '-x264-params', 'b-pyramid=normal:b-adapt=0')],
  ['HEVC', () => make('.mkv', ...testPicture('640x360', '25', 4), ...uneven, ...x265, '-bf', '3')],
  ['MPEG-2', () => make('.ts', ...testPicture('640x360', '25', 4), '-c:v', 'mpeg2video', '-b:v', '4M', '-bf', '2')],
  ['MPEG-4', () => make('.mp4', ...testPicture('640x360', '25', 4), '-c:v', 'mpeg4', '-b:v', '4M', '-bf', '2')],
  ['MPEG-4 in AVI, which tells no times of presentation', () => make('.avi', ...testPicture('640x360', '25', 4), '-c:v', 'mpeg4', '-b:v', '4M', '-bf', '2')],
  ['H.264 in AVI', () => make('.avi', ...testPicture('640x360', '25', 4), ...x264, '-bf', '2')],
  ['VP9', () => make('.webm', ...testPicture('320x240', '25', 2), ...uneven, '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8')],
  ['fields', () => make('.ts', ...testPicture('640x352', '25', 4), ...x264, '-flags', '+ildct+ilme', '-bf', '2')],
  ['a start at a recovery point', fromRecoveryPoint],
  ...(av1 ? [['AV1', () => make('.mp4', ...testPicture('640x360', '25', 2), ...uneven, ...av1)] satisfies [string, () => string]] : []),
]; // prettier-ignore
for (const [name, build] of streams) {
  test(`every picture has the time that libavcodec gives it: ${name}`, async () => {
    const file = build();
    const rungs = [rung('sd', 320, 180)];
    const gpuPlan = onGpu(file, { rungs });
    const cpuPlan = planFor(file, { rungs });
    const run = onStandin([gpuPlan]);
    clean(run);
    const gpu = resultOf(run.outcomes[0]);
    const cpu = await engine(cpuPlan);
    assert.is(gpu.decoder, 'NVDEC');
    assert.is(gpu.originPts90k, cpu.originPts90k);
    const times = (plan: EnginePlan, result: EngineResult): number[] =>
      pictures(firstRung(plan, result)).map(({ time }) => Math.round(time * 1e4));
    assert.equal(times(gpuPlan, gpu), times(cpuPlan, cpu));
    assert.equal(gpu.warnings, cpu.warnings);
  });
}

test('interlaced pictures show the moment of their first field, also when the driver says that they are progressive', () => {
  // Fifty moments a second; the even ones become the first fields, the odd ones the second.
  const moments = make('.mkv', ...testPicture('640x360', '50', 2), '-c:v', 'ffv1');
  const file = fresh('.ts');
  execFileSync('ffmpeg', ['-v', 'error', '-i', moments, '-vf', 'tinterlace=interleave_top,setfield=tff', ...x264, '-flags', '+ildct+ilme', '-b:v', '20M', '-y', file]); // prettier-ignore
  for (const settings of [{}, { SAYS_PROGRESSIVE: '1' }]) {
    const plan = onGpu(file, { deinterlace: true, rungs: [rung('same', 640, 360)] });
    const made = firstRung(plan, resultOf(onStandin([plan], settings).outcomes[0]));
    const [first, second] = [0, 1].map((field) => psnr(made, moments, `select='eq(mod(n\\,2)\\,${field})'`).luma);
    assert.ok((first ?? 0) > (second ?? 0) + 3, `${first} dB to the first fields, ${second} dB to the second`);
  }
});

test('a decoder is kept when the sequence changes in what it does not look at', () => {
  const colours = ['bt709', 'smpte170m'].map((space) => make('.ts', ...testPicture('640x360', '25', 1), ...x264, '-colorspace', space)); // prettier-ignore
  const file = fresh('.ts');
  execFileSync('bash', ['-c', `cat ${colours.join(' ')} > ${file}`]);
  const run = onStandin([onGpu(file)]);
  clean(run);
  assert.is(resultOf(run.outcomes[0]).framesEncoded, 50);
  assert.is(run.counted['decoders made'], 1);
});

test('no frame stays mapped while the chip wants to write to it, not even for a poster that finds only black', () => {
  const file = make('.mp4', '-f', 'lavfi', '-i', 'color=black:s=640x360:r=25:d=4', ...x264, '-bf', '2');
  clean(onStandin([onGpu(file, { posterTime: 0.4 })], { BLOCK_MAPPED: '1', MAP_US: '500' }));
});

const undecoded: [string, Record<string, string>, RegExp][] = [
  ['gives nothing', { DECODES_NOTHING: 'h264' }, /NVDEC gave 0 pictures of 100 packets/],
  ['finds much of it damaged', { DAMAGED: '20' }, /NVDEC found \d+ pictures damaged of 100 packets/],
];
for (const [name, settings, why] of undecoded) {
  test(`a stream of which NVDEC ${name} is the GPU’s failure, not the video’s`, () => {
    const [outcome] = onStandin([onGpu(clip)], settings).outcomes;
    assert.ok(outcome && 'code' in outcome);
    assert.is(outcome.code, 'GPU_FAILED');
    assert.match(outcome.message, why);
  });
}

const refusals: [string, RegExp][] = [
  ['304', /sandbox or the container/],
  ['802', /nvidia-fabricmanager/],
  ['46', /compute mode|MIG/],
  ['3', /kernel module/],
];
for (const [code, words] of refusals)
  test(`what a driver that answers ${code} lacks is said`, () =>
    assert.match(onStandin('preflight', { INIT_ERROR: code }).preflight?.reason ?? '', words));

test('HEVC rungs, of eight bits and of ten', () => {
  const file = make('.mp4', ...testPicture('640x360', '25', 3), '-pix_fmt', 'yuv420p10le', ...x265);
  const plans = [onGpu(file, { codec: 'hevc' }), onGpu(file, { codec: 'hevc', bitDepth: 10 })];
  const run = onStandin(plans);
  clean(run);
  const [eight, ten] = run.outcomes.map(resultOf);
  if (!eight || !ten || !plans[0] || !plans[1]) throw new Error('two runs were asked for');
  assert.match(eight.rungs[0]?.codecs ?? '', /^hvc1\.1\.6\.L\d+\.90$/);
  assert.match(ten.rungs[0]?.codecs ?? '', /^hvc1\.2\.4\.L\d+\.90$/);
  assert.is(pictures(firstRung(plans[0], eight)).length, 75);
  // The largest rung is the source's own size: ten bits come out as they went in.
  const { luma, chroma } = psnr(firstRung(plans[1], ten, 1), file, 'null', 'yuv420p10le');
  assert.is(Math.min(luma, chroma), 99);
});

test('a size that changes in the middle', () => {
  const parts = ['640x360', '320x240', '640x360'].map((size) => make('.ts', ...testPicture(size, '25', 2), ...x264));
  const file = fresh('.ts');
  execFileSync('bash', ['-c', `cat ${parts.join(' ')} > ${file}`]);
  const run = onStandin([onGpu(file)]);
  const result = resultOf(run.outcomes[0]);
  clean(run);
  assert.is(result.framesEncoded, 150);
});

const named: [string, Record<string, string>, { engine: string; decoder: string; encoders: string[]; why: RegExp | null }][] = [
  ['no GPU', { NO_DEVICE: '1' }, { engine: 'cpu', decoder: 'libavcodec', encoders: ['libx264', 'libx264'], why: /finds no GPU/ }],
  ['a driver that does not start', { INIT_ERROR: '999' }, { engine: 'cpu', decoder: 'libavcodec', encoders: ['libx264', 'libx264'], why: /nvidia-uvm/ }],
  ['kernels that the driver does not take', { PTX_MAX: '3.0' }, { engine: 'cpu', decoder: 'libavcodec', encoders: ['libx264', 'libx264'], why: /UNSUPPORTED_PTX_VERSION/ }],
  ['no NVENC on the chip', { NO_ENCODER: '1' }, { engine: 'cpu', decoder: 'NVDEC', encoders: ['libx264', 'libx264'], why: /A100, H100 and H200/ }],
  ['a driver older than the headers', { NVENC_MAX: '0xb0' }, { engine: 'cpu', decoder: 'NVDEC', encoders: ['libx264', 'libx264'], why: /470\.57/ }],
  ['one session allowed, as drivers before 2024 say it', { SESSIONS: '1', SESSIONS_CODE: '10' }, { engine: 'cpu', decoder: 'NVDEC', encoders: ['NVENC', 'libx264'], why: /limit of NVENC sessions/ }],
  ['one session allowed', { SESSIONS: '1' }, { engine: 'cpu', decoder: 'NVDEC', encoders: ['NVENC', 'libx264'], why: /limit of NVENC sessions/ }],
  ['a stream that NVDEC does not take', { NO_DECODER: '1' }, { engine: 'gpu', decoder: 'libavcodec', encoders: ['NVENC', 'NVENC'], why: /does not decode h264/ }],
  ['a busy encoder', { BUSY_AT: '30' }, { engine: 'gpu', decoder: 'NVDEC', encoders: ['NVENC', 'NVENC'], why: null }],
]; // prettier-ignore
for (const [name, faults, expected] of named) {
  test(`all rungs come out, and the reason is told: ${name}`, () => {
    const plan = onGpu(clip);
    const run = onStandin([plan], faults);
    const result = resultOf(run.outcomes[0]);
    clean(run);
    assert.is(result.engine, expected.engine);
    assert.is(result.decoder, expected.decoder);
    assert.equal(result.rungs.map(({ encoder }) => encoder), expected.encoders); // prettier-ignore
    if (expected.why) assert.match(result.gpuWarnings.join(' '), expected.why);
    else assert.equal(result.gpuWarnings, []);
    assert.is(result.framesEncoded, 100);
    for (const index of [0, 1]) assert.is(pictures(firstRung(plan, result, index)).length, 100);
  });
}

test('a device that is lost in the middle ends the run with a code of its own, and hangs nowhere', () => {
  const run = onStandin([onGpu(clip)], { LOST_AT: '120' });
  const [outcome] = run.outcomes;
  assert.ok(outcome && 'code' in outcome);
  assert.is(outcome.code, 'GPU_FAILED');
  assert.match(outcome.message, /ILLEGAL_ADDRESS|NVENC/);
  assert.is(run.violations, 0, run.stderr);
});

test('memory that runs out is no crash', () => {
  const run = onStandin([onGpu(clip)], { MEMORY: String(6 << 20) });
  const [outcome] = run.outcomes;
  assert.ok(outcome && 'code' in outcome);
  assert.is(outcome.code, 'GPU_FAILED');
  assert.match(outcome.message, /OUT_OF_MEMORY/);
  clean(run);
});

test('the trial of the GPUs decodes, scales and encodes, and names what does not work', () => {
  const good = onStandin('preflight', { DEVICES: '2' });
  clean(good);
  assert.is(good.preflight?.gpus.length, 2);
  for (const gpu of good.preflight?.gpus ?? []) {
    assert.ok(gpu.decode.works && gpu.scale.works && gpu.encode.works, JSON.stringify(gpu));
    assert.ok(gpu.encode.codecs.includes('hevc10'));
  }
  const bad = onStandin('preflight', { NO_ENCODER: '1' }).preflight?.gpus[0];
  assert.ok(bad?.decode.works && bad.scale.works);
  assert.match(bad.encode.reason, /H200/);
  assert.match(onStandin('preflight', { NO_DEVICE: '1' }).preflight?.reason ?? '', /no GPU/);
});

test('the same pictures at any timing of the device', () => {
  const plans = () => [onGpu(clip)];
  const [slow, fast] = [plans(), plans()];
  const runs = [onStandin(slow, { DELAY_US: '3000', SEED: '7' }), onStandin(fast, { DELAY_US: '0' })];
  runs.forEach(clean);
  const [a, b] = runs.map((run) => resultOf(run.outcomes[0]));
  if (!a || !b || !slow[0] || !fast[0]) throw new Error('two runs were asked for');
  assert.is(Buffer.compare(planes(firstRung(slow[0], a)), planes(firstRung(fast[0], b))), 0);
});

test('fifty jobs one after the other leave nothing behind', () => {
  const short = make('.mp4', ...testPicture('320x180', '25', 1), ...x264);
  const run = onStandin(Array.from({ length: 50 }, () => onGpu(short, { rungs: [rung('sd', 320, 180)] })));
  clean(run);
  assert.is(
    run.outcomes.map(resultOf).reduce((sum, { framesEncoded }) => sum + framesEncoded, 0),
    50 * 25,
  );
  // The first jobs fill the allocator's arenas and Node's heap; what a job kept would come fifty times.
  const late = (from: number): number => Math.min(...run.memory.slice(from, from + 10));
  assert.ok(late(40) < late(15) + 8, `resident memory grows: ${run.memory.map(Math.round).join(' ')} MiB`);
});

const hashes = (file: string): string =>
  execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-map', '0:v', '-pix_fmt', 'nv12', '-f', 'framehash', '-'])
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim())
    .join('\n');
const independent: [string, string[], string[]][] = [
  ['h264_nvenc, two B pictures', [], ['-pix_fmt', 'nv12', '-c:v', 'h264_nvenc', '-bf', '2']],
  ['h264_nvenc, lookahead', [], ['-pix_fmt', 'nv12', '-c:v', 'h264_nvenc', '-rc-lookahead', '10', '-bf', '3']],
  ['hevc_nvenc', [], ['-pix_fmt', 'nv12', '-c:v', 'hevc_nvenc', '-bf', '2']],
  ['h264_cuvid to h264_nvenc on the GPU', ['-hwaccel', 'cuda', '-hwaccel_output_format', 'cuda', '-c:v', 'h264_cuvid'], ['-c:v', 'h264_nvenc']],
  ['h264_cuvid to hevc_nvenc on the GPU', ['-hwaccel', 'cuda', '-hwaccel_output_format', 'cuda', '-c:v', 'h264_cuvid'], ['-c:v', 'hevc_nvenc']],
]; // prettier-ignore
for (const [name, before, after] of independent) {
  test(`Debian’s ffmpeg runs on the stand-in: ${name}`, () => {
    const made = fresh('.mp4');
    const ffmpeg = spawnSync(standin, ['ffmpeg', '-v', 'error', '-y', ...before, '-i', clip, '-an', ...after, made], {
      encoding: 'utf8',
    });
    assert.is(ffmpeg.status, 0, ffmpeg.stderr);
    assert.match(ffmpeg.stderr, /end: 0 violations, 0 leaks/);
    assert.is(hashes(made), hashes(clip));
  });
}

test('the limit of sessions counts for all processes of the system', () => {
  const script =
    'for i in 1 2; do ffmpeg -v quiet -re -i "$0" -an -pix_fmt nv12 -c:v h264_nvenc -f null - & done; wait -n; first=$?; wait -n; echo $((first == 0)) $(($? == 0))';
  const both = (sessions: string): string =>
    spawnSync(standin, ['bash', '-c', script, clip], { encoding: 'utf8', env: { ...process.env, STANDIN_SESSIONS: sessions } }).stdout.trim(); // prettier-ignore
  assert.is(both('2'), '1 1');
  assert.is(both('1'), '0 1');
});

test('the check for machines with a card finds all good on the stand-in, free and confined', () => {
  const names = ['tools', 'machine', 'start', 'confined', 'codecs', 'kernels', 'pipeline', 'hold', 'sanitizer'];
  const check = spawnSync(standin, [join(native, 'test/gpu-check/run'), ...names], {
    encoding: 'utf8',
    env: { ...process.env, GPU_CHECK_SECONDS: '1' },
  });
  assert.is(check.status, 0, check.stdout + check.stderr);
  const good = (what: RegExp): number =>
    check.stdout.match(new RegExp(`^\\| ${what.source}.*\\| good `, 'gm'))?.length ?? 0;
  assert.ok(good(/NVDEC: /) >= (av1 ? 19 : 17), check.stdout);
  assert.is(good(/kernel: /), 12, check.stdout);
  assert.is(good(/confined: /), 4, check.stdout);
  assert.not.match(check.stdout, /FAILED/);
  assert.not.match(check.stderr, /VIOLATION|LEAK:/);
});

test('the check says FAILED where a codec that the chip has gives nothing, and where a library is missing', () => {
  const nothing = spawnSync(standin, [join(native, 'test/gpu-check/run'), 'codecs'], {
    encoding: 'utf8',
    env: { ...process.env, GPU_CHECK_SECONDS: '1', STANDIN_DECODES_NOTHING: 'hevc' },
  });
  assert.is(nothing.status, 1);
  assert.match(nothing.stdout, /NVDEC: hevc +\| FAILED \| 0 of 50/);
  assert.match(nothing.stdout, /NVDEC: h264 +\| good /);
});

test('the kernels’ header is of these sources', () => {
  const check = spawnSync(join(native, 'src/nvidia/generate-ptx'), ['--check'], { encoding: 'utf8' });
  assert.is(check.status, 0, check.stderr);
});

test.run();
