// What ffprobe's end means: its refusal is the file's doing, its death is not. Shells stand in for ffprobe where it has to
// die, for they end as any program does.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ChildError } from '../confined/ending.js';
import { findFfprobe } from './ffprobe.js';
import { parseProbe, probe } from './probe.js';

const it = suite<{ directory: string }>('the probe');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-probe-'));
  await writeFile(join(context.directory, 'noise.mp4'), Buffer.alloc(5000, 0xa5));
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

async function failure(directory: string, ffprobe: string): Promise<SortieError> {
  try {
    await probe(ffprobe, join(directory, 'noise.mp4'), 'mov', new AbortController().signal);
  } catch (error) {
    assert.instance(error, SortieError);
    return error as SortieError;
  }
  throw new Error('It was probed.');
}

it('what ffprobe refuses is a damaged video, in its own words without our paths', async ({ directory }) => {
  const { code, message } = await failure(directory, await findFfprobe({ searched: '' }));
  assert.is(code, 'DAMAGED_VIDEO');
  // Noise has no index; ffprobe's own words are kept as evidence.
  assert.match(message, /cut off/);
  assert.match(message, 'moov atom not found');
  assert.not.match(message, directory);
});

const creations: readonly (readonly [tags: object, microseconds: number | null])[] = [
  [{ creation_time: '2024-06-01T10:05:00.000000Z' }, Date.UTC(2024, 5, 1, 10, 5) * 1000],
  [{ creation_time: '1970-01-01T00:00:00.000000Z' }, null],
  [{ creation_time: '1904-01-01T00:00:00.000000Z' }, null],
  [{ creation_time: 'yesterday' }, null],
  [{}, null],
];
it('when the file was created; what a muxer writes for want of a date is none', () => {
  for (const [tags, microseconds] of creations)
    assert.is(parseProbe(JSON.stringify({ format: { tags }, streams: [] }))?.creationTime, microseconds, JSON.stringify(tags)); // prettier-ignore
});

it('words and numbers that cannot be ffprobe’s are none', () => {
  const stream = { index: 1e308, codec_name: 'x'.repeat(100_000), duration: '1e300', width: 640, codec_type: 'video' };
  const [probed] = parseProbe(JSON.stringify({ streams: [stream] }))?.streams ?? [];
  assert.equal([probed?.index, probed?.codec, probed?.duration, probed?.width, probed?.type], [0, '', null, 640, 'video']); // prettier-ignore
});

const deaths: readonly (readonly [what: string, script: string, code: string, reason: string | null])[] = [
  ['is killed by somebody', 'kill -KILL $$', 'ENGINE_CRASHED', 'killed'],
  ['is told to go by somebody', 'kill -TERM $$', 'ENGINE_CRASHED', 'killed'],
  ['crashes', 'kill -SEGV $$', 'DAMAGED_VIDEO', null],
  ['meets the limit of CPU time', 'kill -XCPU $$', 'PROBE_LIMIT', null],
  ['floods', 'while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done', 'PROBE_LIMIT', null], // prettier-ignore
];
for (const [what, script, code, reason] of deaths) {
  it(`an ffprobe that ${what}: ${code}`, async ({ directory }) => {
    const path = join(directory, 'ffprobe.sh');
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    const error = await failure(directory, path);
    assert.is(error.code, code);
    assert.is(error instanceof ChildError ? error.reason : null, reason);
  });
}

it('one that is not there is no fault of the video', async ({ directory }) => {
  assert.is((await failure(directory, join(directory, 'none'))).code, 'INTERNAL');
});

it.run();
