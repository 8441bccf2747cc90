// Some rounds of npm run fuzz:media with a seed that stays, one of each form, so that all of it is gone through once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mutateIsobmff } from './isobmff.js';
import { allForms, type Form } from './inputs.js';
import { judge } from './judge.js';
import { mutateMatroska } from './matroska.js';
import { Random } from './random.js';
import { inputsOf, tryInputs } from './rounds.js';
import { mutateTransport } from './transport.js';
import { mutateKlv } from './klv.js';
import { mutateText } from './text.js';

const seed = 601;

const it = suite<{ directory: string; forms: Form[] }>('media with something wrong in them');
it.before(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), 'sortie-fuzz-'));
  context.forms = await allForms(context.directory);
});
it.after(({ directory }) => rm(directory, { recursive: true, force: true }));

it('every attempt ends as the list has it', async ({ forms }) => {
  for (const { name, make } of forms) {
    const { wrong } = await tryInputs(make(new Random(seed)));
    assert.equal(wrong, [], name);
  }
});

it('a round can be had again by its seed', ({ forms }) => {
  for (let round = 0; round < 30; round++) assert.equal(inputsOf(forms, seed, round), inputsOf(forms, seed, round));
  const sizes = (from: number): number[] => [0, 1, 2, 3].map((round) => new Random(from, round).word());
  assert.not.equal(sizes(seed), sizes(seed + 1));
});

it('whatever it is given, a mutation gives bytes', () => {
  const odd = [Buffer.alloc(0), Buffer.alloc(7), Buffer.alloc(1000, 0xff), Buffer.alloc(188, 0x47)];
  for (const mutate of [mutateTransport, mutateIsobmff, mutateMatroska, mutateKlv, mutateText])
    for (const bytes of odd)
      for (let round = 0; round < 50; round++) assert.instance(mutate(bytes, new Random(seed, round)), Buffer);
});

it('what must not be told or left is found', async ({ directory }) => {
  const outcome = { code: 'DAMAGED_VIDEO', message: 'It is damaged.', told: [], logged: [], cause: undefined } as const;
  const root = await mkdtemp(join(directory, 'judged-'));
  const wrongOf = (changes: object): Promise<string[]> => judge({ ...outcome, told: [], logged: [], ...changes }, root, []);
  assert.equal(await wrongOf({}), []);
  for (const told of [`in ${root}/a`, 'in /usr/lib/x.so', '[Parsed_scale_0 @ 0x55d0c0ffee00] no', 'duration NaN', 'x'.repeat(5000)])
    assert.ok((await wrongOf({ told: [told] })).length > 0, told);
  for (const code of ['INTERNAL', 'ENGINE_CRASHED', 'ENGINE_STALLED', 'OUTPUT_FAULTY', 'SOMETHING'])
    assert.is((await wrongOf({ code })).length, 1, code);
  await mkdtemp(join(root, 'beside-'));
  assert.match((await wrongOf({}))[0] ?? '', /^beside the attempt's directory: beside-/);
}); // prettier-ignore

it.run();
