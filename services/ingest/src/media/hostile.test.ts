// An ffprobe in foreign hands: a program in its place says what the file holds, under the real launcher.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { probe, type Probed } from './probe.js';

interface Context {
  directory: string;
  /** Says what the file holds. */
  says: string;
  /** Says the same without end. */
  endless: string;
  file: string;
}

const it = suite<Context>('an ffprobe in foreign hands');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-hostile-ffprobe-'));
  Object.assign(context, { says: join(context.directory, 'says'), endless: join(context.directory, 'endless'), file: join(context.directory, 'file') }); // prettier-ignore
  // The last word of its command line is the file's name.
  await writeFile(context.says, '#!/bin/sh\nfor last; do :; done\nexec cat "${last#file:}"\n');
  await writeFile(context.endless, '#!/bin/sh\nexec yes \'{"streams":[{}]}\'\n');
  for (const path of [context.says, context.endless]) await chmod(path, 0o755);
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

const { signal } = new AbortController();
async function answerOf({ says, file }: Context, text: string): Promise<Probed> {
  await writeFile(file, text);
  return probe(says, file, 'mov', signal);
}

const stream = { index: 0, codec_type: 'video', codec_name: 'h264', width: 320, height: 180 };
const json = (more: object): string => JSON.stringify({ streams: [stream], format: {}, ...more });

it('one that does its work is believed', async (context) => {
  const { streams } = await answerOf(context, json({}));
  assert.equal([streams.length, streams[0]?.codec, streams[0]?.width], [1, 'h264', 320]);
});

const lies: readonly (readonly [string, string])[] = [
  ['no JSON', 'streams'],
  ['half of an answer', json({}).slice(0, -3)],
  ['a list', '[{"streams":[{}]}]'],
  ['an answer from the prototype', `{"__proto__":${json({})}}`],
  ['streams by their length', '{"streams":{"length":4294967295}}'],
  ['more streams than there can be', `{"streams":[${'{"index":0,"codec_type":"video","codec_name":"h264"},'.repeat(8_192)}{}]}`],
  ['streams without end', `{"streams":[${'{},'.repeat(5_000_000)}{}]}`],
  ['arrays in arrays without end', `{"streams":${'['.repeat(7_000_000)}${']'.repeat(7_000_000)}}`],
]; // prettier-ignore
for (const [name, text] of lies) {
  it(`${name}: refused`, async (context) => {
    const before = process.memoryUsage().rss;
    const error = await answerOf(context, text).then(() => null, (thrown: unknown) => thrown); // prettier-ignore
    assert.instance(error, SortieError);
    assert.ok(['DAMAGED_VIDEO', 'PROBE_LIMIT'].includes((error as SortieError).code), String(error));
    assert.ok((error as SortieError).message.length < 1_000);
    assert.ok(process.memoryUsage().rss - before < 250 * 1024 * 1024, 'its memory is not filled');
  });
}

it('what never ends is ended', async ({ endless, file }) => {
  await writeFile(file, '');
  const error = await probe(endless, file, 'mov', signal).then(() => null, (thrown: unknown) => thrown); // prettier-ignore
  assert.is((error as SortieError | null)?.code, 'PROBE_LIMIT');
});

it('words, numbers and tables that lie become empty, and no object gets fields of its own', async (context) => {
  const wild = {
    index: 1e308, codec_type: { toString: 'x' }, codec_name: 'x'.repeat(5_000), width: -1e99, height: 'Infinity', pix_fmt: [],
    duration: 'NaN', channels: '9'.repeat(400), side_data_list: [{ side_data_type: 'Display Matrix', displaymatrix: '1 '.repeat(100_000) }],
    tags: { language: 7, creation_time: 'x' }, disposition: 'attached_pic', nb_frames: -1,
  }; // prettier-ignore
  const text = json({ streams: [wild], programs: [{ program_num: {}, streams: 'x' }], format: { tags: null, duration: [] } });
  const found = await answerOf(context, text.replace('{', '{"__proto__":{"polluted":true},'));
  const [first] = found.streams;
  assert.equal(
    [first?.index, first?.type, first?.codec, first?.width, first?.height, first?.duration, first?.channels, first?.displayMatrix, first?.language, first?.still, first?.frames],
    [0, '', '', 0, 0, null, 0, null, '', false, null],
  );
  assert.equal([found.duration, found.creationTime, found.programs], [null, null, [{ number: 0, streams: [] }]]);
  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
}); // prettier-ignore

it.run();
