// What goes wrong: it ends soon, with a name, and without a trace but the files that were finished.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run, verify, type EngineFailure, type EnginePlan } from '../index.js';
import { engine, folder, fresh, make, planFor, rung, testPicture, tone, x264 } from './support.js';

const file = make('.mp4', ...testPicture('320x180', '25', 6), ...tone(6), ...x264, '-c:a', 'aac');

async function failure(plan: EnginePlan): Promise<EngineFailure> {
  try {
    await engine(plan);
  } catch (thrown) {
    return thrown as EngineFailure;
  }
  throw new Error('The run did not fail.');
}

test('a run is cancelled in the middle', async () => {
  const long = make('.mp4', ...testPicture('1280x720', '25', 20), ...x264);
  const plan = planFor(long, { rungs: [rung('a', 1280, 720), rung('b', 640, 360)], preset: 'slow' });
  let cancelled = false;
  const job = run(plan, () => {
    if (!cancelled) job.cancel();
    cancelled = true;
  });
  try {
    await job.result;
    assert.unreachable();
  } catch (thrown) {
    assert.is((thrown as EngineFailure).code, 'CANCELLED');
  }
  job.cancel();
  const files = readdirSync(plan.outputDir, { recursive: true, encoding: 'utf8' });
  assert.not.ok(files.some((name) => name.endsWith('.part')));
});

test('Node may end in the middle of a run', () => {
  const plan = planFor(file, { preset: 'veryslow', rungs: [rung('a', 320, 180)] });
  const index = join(dirname(dirname(fileURLToPath(import.meta.url))), 'index.js');
  const script = `
    const { Worker } = require('node:worker_threads');
    const code = "import(" + ${JSON.stringify(JSON.stringify(index))} + ").then(({ run }) => run(" + ${JSON.stringify(JSON.stringify(plan))} + ", () => {}))";
    const worker = new Worker(code, { eval: true });
    setTimeout(() => worker.terminate().then(() => {
      import(${JSON.stringify(index)}).then(({ run }) => {
        run(${JSON.stringify(plan)}, () => {}).result.catch(() => {});
        setTimeout(() => process.exit(3), 100);
      });
    }), 300);`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  assert.is(status, 3, stderr);
});

test('every failure has its code', async () => {
  const text = fresh('.mp4');
  writeFileSync(text, 'this is not a video '.repeat(100));
  const empty = fresh('.mp4');
  writeFileSync(empty, '');
  const audio = make('.mp4', ...tone(1), '-c:a', 'aac');
  const cases: [string, Partial<EnginePlan>][] = [
    ['OPEN_FAILED', { input: join(folder, 'absent.mp4') }],
    ['OPEN_FAILED', { input: text }],
    ['OPEN_FAILED', { input: empty }],
    ['OPEN_FAILED', { input: folder }],
    ['OPEN_FAILED', { demuxer: 'no such demuxer' }],
    ['OPEN_FAILED', { demuxer: 'mpegts', input: text }],
    ['NO_STREAM', { input: audio, videoStream: 0, audio: [] }],
    ['NO_STREAM', { videoStream: 9 }],
    ['TOO_LARGE', { maxPixels: 320 * 179 }],
    ['TOO_LARGE', { maxFrames: 149 }],
    ['ENCODE_FAILED', { preset: 'no such preset' }],
    ['WRITE_FAILED', { outputDir: '/proc/no/such/folder' }],
  ];
  for (const [code, changes] of cases) {
    const thrown = await failure({ ...planFor(file), ...changes });
    // An MPEG-TS demuxer may open what has no packets, and then finds no stream.
    if (changes.demuxer === 'mpegts') assert.ok(['OPEN_FAILED', 'NO_STREAM'].includes(thrown.code));
    else assert.is(thrown.code, code, `${JSON.stringify(changes)}: ${thrown.message}`);
    assert.ok(thrown.message.length > 10);
  }
});

test('a plan that lacks something is refused at once', () => {
  const plan: Partial<EnginePlan> = planFor(file);
  delete plan.rungs;
  assert.throws(() => run(plan as EnginePlan, () => undefined), /rungs is missing/);
  assert.throws(() => run({ ...planFor(file), threads: 1.5 }, () => undefined), /whole number/);
  assert.throws(() => run({ ...planFor(file), rungs: [rung('../up', 160, 90)] }, () => undefined), /plain folder name/);
});

test('playlists and external references lead nowhere', async () => {
  const list = fresh('.m3u8');
  writeFileSync(list, `#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n${file}\n#EXT-X-ENDLIST\n`);
  const concat = fresh('.txt');
  writeFileSync(concat, `ffconcat version 1.0\nfile '${file}'\n`);
  for (const [demuxer, input] of [
    ['hls', list],
    ['concat', concat],
  ] as const) {
    const thrown = await failure({ ...planFor(file), demuxer, input });
    assert.is(thrown.code, 'OPEN_FAILED');
  }
});

test('damage costs pictures, not the job', async () => {
  const whole = make('.ts', ...testPicture('320x180', '25', 8), ...tone(8), ...x264, '-c:a', 'mp2');
  const bytes = readFileSync(whole);
  let seed = 1;
  for (let i = 0; i < 300; ++i) {
    seed = (seed * 48271) % 0x7fffffff;
    bytes[20_000 + (seed % (bytes.length - 20_000))] = seed & 0xff;
  }
  const damaged = fresh('.ts');
  writeFileSync(damaged, bytes);
  const plan = planFor(whole, { input: damaged, rungs: [rung('a', 320, 180), rung('b', 160, 90)] });
  const result = await engine(plan);
  assert.ok(result.framesDecoded > 100 && result.framesDecoded <= 200);
  assert.ok(result.decodeErrors > 0);
  assert.ok(result.warnings.length > 0);
  for (const { initPath, segments } of result.rungs) {
    const checked = await verify({ outputDir: plan.outputDir, initPath, segments: segments.map(({ path }) => path), threads: 2 }); // prettier-ignore
    for (const { error, startsWithIdr } of checked) {
      assert.is(error, null);
      assert.ok(startsWithIdr);
    }
  }
});

test('a video that is encrypted, or mostly damaged, fails instead of showing garbage', async () => {
  const code = (plan: EnginePlan): Promise<string> => engine(plan).then(() => 'it was made', (thrown: unknown) => (thrown as EngineFailure).code); // prettier-ignore
  const key = '00112233445566778899aabbccddeeff';
  const clear = make('.mp4', ...testPicture('160x90', '25', 2), ...x264);
  const encrypted = make('.mp4', '-i', clear, '-c', 'copy', '-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', key, '-encryption_kid', key); // prettier-ignore
  assert.is(await code(planFor(encrypted)), 'ENCRYPTED');
  // The same bytes without a word about it.
  const bytes = readFileSync(clear);
  const at = bytes.indexOf('mdat') + 4;
  for (let index = at + 400; index < bytes.length && index < at + bytes.readUInt32BE(at - 8) - 8; index++) bytes[index] = (index * 2_654_435_761) >>> 24; // prettier-ignore
  const broken = fresh('.mp4');
  writeFileSync(broken, bytes);
  assert.is(await code(planFor(clear, { input: broken })), 'DECODE_FAILED');
});

test('every way to cut a file short ends', async () => {
  for (const suffix of ['.mkv', '.ts', '.mp4']) {
    const whole = make(suffix, ...testPicture('160x90', '25', 2), ...tone(2), ...x264, '-c:a', 'aac', ...(suffix === '.mp4' ? ['-movflags', 'faststart'] : [])); // prettier-ignore
    const bytes = readFileSync(whole);
    for (let tenth = 1; tenth < 10; ++tenth) {
      const short = fresh(suffix);
      writeFileSync(short, bytes.subarray(0, Math.floor((bytes.length * tenth) / 10)));
      try {
        const result = await engine(planFor(whole, { input: short }));
        assert.ok(result.framesDecoded > 0 && result.framesDecoded <= 50);
      } catch (thrown) {
        assert.ok(['OPEN_FAILED', 'NO_STREAM', 'DECODE_FAILED'].includes((thrown as EngineFailure).code), String(thrown)); // prettier-ignore
      }
    }
  }
});

test('the origin is the time that stands in the transport stream, also before it wraps', async () => {
  for (const offset of [10, 95_440]) {
    // Muxer delay 1.4 s; 2^33 / 90000 = 95443.7 s.
    const ts = make('.ts', ...testPicture('160x90', '25', 4), ...x264, '-output_ts_offset', String(offset));
    const result = await engine(planFor(ts));
    const expected = (offset + 1.4) * 90_000;
    assert.ok(Math.abs(result.originPts90k - (expected % 2 ** 33)) < 9000, `${result.originPts90k} is not ${expected}`);
    assert.is(result.framesDecoded, 100);
    assert.is(result.duration, 4);
    assert.equal(result.clockJumps, []);
  }
});

test('a stream that begins without a key frame begins at the first one', async () => {
  const whole = make('.ts', ...testPicture('160x90', '25', 4), '-c:v', 'libx264', '-g', '50', '-bf', '0');
  const bytes = readFileSync(whole);
  const late = fresh('.ts');
  // Programme tables, then from a quarter of the file on.
  const from = Math.floor(bytes.length / 4 / 188) * 188;
  writeFileSync(late, Buffer.concat([bytes.subarray(0, 3 * 188), bytes.subarray(from)]));
  const result = await engine(planFor(whole, { input: late }));
  assert.ok(result.framesDecoded >= 50 && result.framesDecoded < 100);
  assert.ok(result.originPts90k > (1.4 + 1) * 90_000);
});

test('many runs at once do not disturb each other', async () => {
  const results = await Promise.all(Array.from({ length: 4 }, () => engine(planFor(file))));
  for (const result of results) assert.is(result.framesDecoded, 150);
});

test.run();
