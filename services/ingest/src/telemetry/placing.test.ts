// Tables and tracks beside a video, placed by what the video itself tells of time, down to the files of the layer.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket } from '../klv/encode.js';
import { extract } from './extract.js';
import type { ExtractOrder, ExtractResult } from './order.js';

const it = suite<{ directory: string }>('placing');
it.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-placing-'));
});
it.after.each(({ directory }) => rm(directory, { recursive: true }));

const ten = Date.UTC(2024, 5, 1, 10) * 1000;
const duration = 8;

/** A table of a minute, a line a second, at 46 degrees and as many thousandths as seconds. */
const table = `Precision Timestamp,Sensor Latitude,Sensor Longitude\n${Array.from({ length: 61 }, (_, second) => `${ten + second * 1e6},${46 + second / 1000},7.5`).join('\n')}\n`; // prettier-ignore

interface Outcome {
  result: ExtractResult | null;
  rules: Record<string, number>;
  /** Media time and latitude of each row of the layer's table. */
  rows: [time: number, latitude: number][];
}

async function place(directory: string, changes: Partial<ExtractOrder>): Promise<Outcome> {
  const path = join(directory, 'a.csv');
  await writeFile(path, table);
  const result = await extract({
    kind: 'extract',
    video: null,
    sidecars: [{ name: 'a.csv', path }],
    outputDir: directory,
    videoBytes: 0,
    duration,
    creationTime: null,
    clock: [],
    ranges: [{ start: 0, duration }],
    largestSegment: 0,
    segments: [],
    ...changes,
  });
  const read = (name: string): Promise<string> => readFile(join(directory, 'telemetry', name), 'utf8');
  const [header = '', ...lines] = (await read('telemetry.csv')).trim().split('\r\n');
  const at = header.split(',').indexOf('Sensor Latitude');
  const { time } = JSON.parse(await read('report.json')) as { time: { rules: Record<string, number> } };
  const rows = lines.map((line): [number, number] => {
    const cells = line.split(',');
    return [Number(cells[0]), Math.round(Number(cells[at]) * 1e4) / 1e4];
  });
  return { result, rules: time.rules, rows };
}

it('by the time at which the video says that it was created', async ({ directory }) => {
  const { result, rules, rows } = await place(directory, { creationTime: ten + 30.5e6 });
  assert.equal(rules, { creation: 9 });
  assert.equal([rows[0], rows[1], rows.at(-1)], [[-0.5, 46.03], [0.5, 46.031], [7.5, 46.038]]); // prettier-ignore
  assert.equal(result?.notes.map(({ code }) => code), ['TELEMETRY_CLOCK']); // prettier-ignore
});

it('by KLV that came in the video', async ({ directory }) => {
  const path = join(directory, 'video.klv');
  await writeFile(path, encodePacket([[2, BigInt(ten + 20e6)], [13, 46.5], [14, 7.5]])); // prettier-ignore
  const { result, rules, rows } = await place(directory, { video: { path, container: 'klv', program: null } });
  assert.equal(rules, { timestamp: 1, 'video clock': 9 });
  // Who is heard first speaks; the table is in the track alone.
  assert.equal(rows, [[0, 46.5]]);
  assert.equal(result?.notes, []);
});

it('by nothing: the first row lies at the first picture, and that is told', async ({ directory }) => {
  const { result, rules, rows } = await place(directory, {});
  assert.equal(rules, { timestamp: 9 });
  assert.equal([rows[0], rows.at(-1)], [[0, 46], [8, 46.008]]); // prettier-ignore
  assert.match(result?.notes[0]?.text ?? '', /^a\.csv is longer than the video \(60 s against 8 s\); its first row is laid at the first picture.* 52 lie outside/); // prettier-ignore
});

it.run();
