// The process that believes what the telemetry reader says, and a reader in foreign hands: each lie is told for real, by a
// program in place of the reader's under the real launcher, and costs the attempt and nothing else.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SortieError } from '@sortie/common/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ExtractOrder, ProbeOrder } from './order.js';
import { extractTelemetry, probeTelemetry, type ReaderParts } from './reader.js';
import { endless, extracted, extractTricks, honest, probed, probeTricks } from './testing/tricks.js';

const script = join(dirname(fileURLToPath(import.meta.url)), 'testing', 'hostile.js');
/** What this process may have grown by, bytes: far less than what the lies would come to. */
const mostGrowth = 150 * 1024 * 1024;

interface Context {
  directory: string;
  parts: ReaderParts;
  probe: ProbeOrder;
  extract: ExtractOrder;
}

const it = suite<Context>('a telemetry reader in foreign hands');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-hostile-reader-'));
  const output = join(context.directory, 'out');
  await mkdir(output);
  const sidecars = [{ name: 'a.klv', path: join(context.directory, 'says') }];
  context.parts = { directory: output, signal: new AbortController().signal, onLine: () => undefined, script };
  context.probe = { kind: 'probe', video: null, sidecars };
  context.extract = { kind: 'extract', video: null, sidecars, outputDir: output, videoBytes: 1, duration: 1, creationTime: null, clock: [], ranges: [], largestSegment: 1, segments: [] }; // prettier-ignore
});
it.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

async function answerOf({ directory, probe, extract, parts }: Context, kind: 'probe' | 'extract', says: string): Promise<unknown> {
  await writeFile(join(directory, 'says'), says);
  return kind === 'probe' ? probeTelemetry(probe, parts) : extractTelemetry(extract, parts);
} // prettier-ignore

async function assertRefused(context: Context, kind: 'probe' | 'extract', says: string): Promise<void> {
  const before = process.memoryUsage().rss;
  const error = await answerOf(context, kind, says).then(
    (answer) => assert.unreachable(`It was believed: ${JSON.stringify(answer).slice(0, 200)}`),
    (thrown: unknown) => thrown,
  );
  assert.instance(error, SortieError);
  const { code, message } = error as SortieError;
  assert.ok(['ENGINE_CRASHED', 'INTERNAL'].includes(code), code);
  assert.ok(message.length < 3_000);
  assert.ok(process.memoryUsage().rss - before < mostGrowth, 'its memory is not filled');
}

it('one that does its work is believed', async (context) => {
  assert.equal(await answerOf(context, 'probe', honest.probe), { ...probed, sidecars: [] });
  assert.equal(await answerOf(context, 'extract', honest.extract), extracted);
});

for (const [name, says] of Object.entries(probeTricks))
  it(`probe, ${name}: refused`, (context) => assertRefused(context, 'probe', says));
for (const [name, says] of Object.entries(extractTricks))
  it(`extract, ${name}: refused`, (context) => assertRefused(context, 'extract', says));
for (const says of endless) it(`${says}: ended`, (context) => assertRefused(context, 'probe', says));

it.run();
