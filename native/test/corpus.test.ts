// Every file of a folder of real and hostile videos (SORTIE_MEDIA), and a few of our own always, through the engine: it
// ends, in a known way.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run, verify, type EngineFailure, type EnginePlan, type EngineResult } from '../index.js';
import { onStandin } from './on-standin.js';
import { folder, fresh, make, planFor, rung, testPicture, tone, x264 } from './support.js';

const media = process.env['SORTIE_MEDIA'];
const limitMs = 120_000;
const known = ['OPEN_FAILED', 'NO_STREAM', 'UNSUPPORTED_CODEC', 'DECODE_FAILED', 'TOO_LARGE'];
const sound = make('.ts', ...testPicture('320x180', '25', 2), ...tone(2), ...x264);
const cut = fresh('.ts');
writeFileSync(cut, readFileSync(sound).subarray(0, 188 * 100));
const noise = fresh('.mp4');
writeFileSync(noise, Buffer.alloc(5000, 0x5a));
const videos = [sound, cut, noise];
if (media !== undefined) {
  videos.push(...readdirSync(media).filter((name) => !/\.(json|md|txt|klv)$/.test(name)).map((name) => join(media, name))); // prettier-ignore
}

/** What cannot be probed is given to the demuxer that its name promises. */
function planOf(path: string): EnginePlan {
  const wanted = { deinterlace: true, rungs: [rung('sd', 320, 180), rung('low', 160, 90)] };
  try {
    return planFor(path, wanted);
  } catch {
    return { ...planFor(sound, wanted), input: path, demuxer: path.endsWith('.ts') ? 'mpegts' : 'mov' };
  }
}

/** Whether libavcodec complains about the video. With frame threads its own flags depend on which thread is first. */
function isDamaged(path: string): boolean {
  const options = ['-v', 'error', '-threads', '1', '-select_streams', 'v:0', '-show_frames', '-of', 'csv'];
  const { stderr } = spawnSync('ffprobe', [...options, path], { maxBuffer: 1 << 28 });
  return stderr.length > 0;
}

/** What the CPU made of the files that it could make something of. */
const made: { name: string; plan: EnginePlan; result: EngineResult }[] = [];

for (const path of videos) {
  const name = basename(path);
  test(`the corpus: ${name}`, async () => {
    const plan = planOf(path);
    const job = run(plan, () => undefined);
    const timer = setTimeout(() => job.cancel(), limitMs);
    let told = '';
    try {
      const result = await job.result;
      assert.ok(result.framesDecoded > 0);
      for (const { frames, segments } of result.rungs) {
        assert.is(frames, result.framesDecoded);
        assert.equal(segments.map((s) => [s.start, s.duration]), result.rungs[0]?.segments.map((s) => [s.start, s.duration])); // prettier-ignore
        segments.reduce((end, segment) => {
          assert.ok(Math.abs(segment.start - end) < 1e-9, `gap at ${segment.path}`);
          return segment.start + segment.duration;
        }, 0);
      }
      for (const rendition of [...result.rungs, ...result.audio]) {
        const segments = rendition.segments.map((segment) => segment.path);
        const checked = await verify({ outputDir: plan.outputDir, initPath: rendition.initPath, segments, threads: 2 });
        for (const [index, segment] of checked.entries()) {
          assert.is(segment.error, null);
          assert.ok(segment.startsWithIdr);
          assert.ok(Math.abs(segment.firstPts - (rendition.segments[index]?.start ?? -1)) < 1e-6);
        }
      }
      made.push({ name, plan, result });
      told = `${result.framesDecoded} pictures, ${result.duration.toFixed(3)} s, origin ${result.originPts90k}, ${result.audio.length} sound, ${result.decodeErrors} damaged ${result.warnings.join(' ')}`;
    } catch (thrown) {
      if (thrown instanceof assert.Assertion) throw thrown;
      const failure = thrown as EngineFailure;
      told = `${failure.code}: ${failure.message}`;
      assert.ok(known.includes(failure.code), told);
    } finally {
      clearTimeout(timer);
    }
    if (process.env['SORTIE_MEDIA_TELL']) console.log(`${name}: ${told}`);
  });
}

test('the corpus on the GPU (driver stand-in): the same pictures and cuts', () => {
  const run = onStandin(made.map(({ plan }) => ({ ...plan, device: 0, outputDir: mkdtempSync(join(folder, 'gpu-')) })));
  assert.is(run.violations, 0, run.stderr);
  assert.is(run.leaks, 0, run.stderr);
  let same = 0;
  made.forEach(({ name, plan, result }, index) => {
    const outcome = run.outcomes[index];
    // What NVDEC finds damaged the CPU does over.
    if (outcome && 'code' in outcome && outcome.code === 'GPU_FAILED' && isDamaged(plan.input)) return;
    assert.ok(outcome && 'result' in outcome, `${name}: ${JSON.stringify(outcome)}`);
    const gpu = outcome.result;
    assert.equal(gpu.rungs.map(({ encoder }) => encoder), ['NVENC', 'NVENC'], name); // prettier-ignore
    const shape = ({ framesEncoded, rungs }: EngineResult): unknown => [
      framesEncoded,
      rungs.map(({ segments }) => segments.map((s) => [s.start, s.duration])),
    ];
    if (JSON.stringify(shape(gpu)) === JSON.stringify(shape(result))) {
      same++;
      return;
    }
    // Of damaged pictures NVDEC's parser and libavcodec keep different ones.
    assert.ok(isDamaged(plan.input), `${name}: ${gpu.framesEncoded} of ${result.framesEncoded}`);
    if (process.env['SORTIE_MEDIA_TELL'])
      console.log(`${name} on the GPU: ${gpu.framesEncoded} pictures of ${result.framesEncoded}`);
  });
  assert.ok(same > 0);
});

test.run();
