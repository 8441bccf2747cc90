// What is seen, heard and told at a moment of a layer belongs to the same second of its source, whatever happened to the
// source's times: with the same seed in every run, or with another one and more rounds (npm run property -- 100).
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import { complaints } from './judge.js';
import { makeLayer } from './layer.js';
import { makeSource } from './make.js';
import { file, programs, transport, type Recipe } from './recipe.js';

const asked = process.argv[2] ?? process.env['SORTIE_ROUNDS'];
const rounds = Number(asked ?? 18);
const seed = Number(process.env['SORTIE_SEED'] ?? (asked === undefined ? 33 : Date.now() % 2 ** 31));

const families: readonly (readonly [name: string, recipes: fc.Arbitrary<Recipe>, share: number])[] = [
  ['a transport stream', transport(1), 0.25],
  ['recordings put end to end', transport(2), 0.2],
  ['three of them', transport(3), 0.1],
  ['two programs in one stream', programs, 0.15],
  ['an MP4 with a track beside it', file('mp4'), 0.15],
  ['a Matroska with a track beside it', file('mkv'), 0.15],
];

async function judge(recipe: Recipe): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-property-'));
  try {
    const source = makeSource(directory, recipe);
    // Presets differ in whether the encoder reorders pictures.
    const preset = recipe.bFrames > 0 ? 'ultrafast' : 'veryfast';
    const layer = await makeLayer(source, join(directory, 'layer'), preset);
    const found = complaints(recipe, source, layer);
    if (found.length > 0) throw new Error(`${found.join('\n')}\nTold: ${layer.warnings.join(' | ')}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

process.stdout.write(`SORTIE_SEED=${seed} SORTIE_ROUNDS=${rounds}\n`);
for (const [name, recipes, share] of families) {
  test(name, () =>
    fc.assert(fc.asyncProperty(recipes, judge), { seed, numRuns: Math.max(1, Math.round(rounds * share)), endOnFailure: true, includeErrorInReport: true }),
  ); // prettier-ignore
}

test.run();
