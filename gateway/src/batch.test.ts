// Many questions in few calls.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Batch, type BatchAnswers } from './batch.js';

/** Calls wait until they are released, one after the other. */
function harness({ max = 3, lateMs = 60_000 } = {}) {
  const calls: { keys: readonly string[]; answer: (answers: BatchAnswers<string>) => void; fail: (error: Error) => void }[] = []; // prettier-ignore
  const batch = new Batch<string>({
    ask: (keys) => new Promise((answer, fail) => calls.push({ keys, answer, fail })),
    missing: (key) => new Error(`no ${key}`),
    max,
    lateMs,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const found = (...keys: string[]): BatchAnswers<string> => ({ found: new Map(keys.map((key) => [key, `${key}!`])), missing: new Set() }); // prettier-ignore
  return { batch, calls, turn, found };
}

test('the first goes at once, what comes meanwhile goes together, and never too many', async () => {
  const { batch, calls, turn, found } = harness();
  const answers = ['a', 'b', 'c', 'b', 'd', 'e'].map((key) => batch.get(key));
  assert.equal(calls.map(({ keys }) => keys), [['a']]); // prettier-ignore
  calls[0]?.answer(found('a'));
  await turn();
  calls[1]?.answer(found('b', 'c', 'd'));
  await turn();
  calls[2]?.answer(found('e'));
  assert.equal(calls.map(({ keys }) => keys), [['a'], ['b', 'c', 'd'], ['e']]); // prettier-ignore
  assert.equal(await Promise.all(answers), ['a!', 'b!', 'c!', 'b!', 'd!', 'e!']);
});

test('who asks while the same key is on its way gets a newer answer', async () => {
  const { batch, calls, turn } = harness();
  const first = batch.get('a');
  const second = batch.get('a');
  assert.is.not(first, second);
  calls[0]?.answer({ found: new Map([['a', 'old']]), missing: new Set() });
  await turn();
  calls[1]?.answer({ found: new Map([['a', 'new']]), missing: new Set() });
  assert.equal([await first, await second], ['old', 'new']);
});

test('what is missing is said, what did not fit is asked again, and a failed call fails its own only', async () => {
  const { batch, calls, turn, found } = harness();
  const answers = ['z', 'a', 'b', 'c'].map((key) => batch.get(key).catch((error: unknown) => (error as Error).message));
  calls[0]?.fail(new Error('away'));
  await turn();
  calls[1]?.answer({ found: new Map([['a', 'a!']]), missing: new Set(['b']) });
  await turn();
  assert.equal(calls[2]?.keys, ['c']);
  calls[2]?.answer(found('c'));
  assert.equal(await Promise.all(answers), ['away', 'a!', 'no b', 'c!']);
  const later = batch.get('d');
  calls[3]?.answer(found('d'));
  assert.is(await later, 'd!');
});

test('a call that hangs holds up its own questions only', async () => {
  const { batch, calls, found } = harness({ lateMs: 1 });
  const hanging = batch.get('a');
  const next = batch.get('b');
  while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  calls[1]?.answer(found('b'));
  assert.is(await next, 'b!');
  const later = batch.get('c');
  while (calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  calls[0]?.answer(found('a'));
  calls[2]?.answer(found('c'));
  assert.equal(await Promise.all([hanging, later]), ['a!', 'c!']);
});

test('a call that answers nothing is an error, not a loop', async () => {
  const { batch, calls } = harness();
  const answer = batch.get('a').catch((error: unknown) => (error as Error).message);
  calls[0]?.answer({ found: new Map(), missing: new Set() });
  assert.match(await answer, /without any answer/);
  assert.is(calls.length, 1);
});

test.run();
