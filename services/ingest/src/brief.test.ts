// What is kept for a moment, and by whom it is replaced.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Brief } from './brief.js';

test('who asks meanwhile shares one reading', async () => {
  const brief = new Brief<number>();
  let reads = 0;
  const ask = (): Promise<number> => brief.get('a', () => Promise.resolve(++reads));
  assert.equal(await Promise.all([ask(), ask()]), [1, 1]);
});

test('what failed, and what is not to be kept, is read again', async () => {
  const brief = new Brief<number>();
  const fail = (): Promise<number> => Promise.reject(new Error('away'));
  assert.is(await brief.get('a', fail).catch(() => -1), -1);
  assert.is(await brief.get('a', () => Promise.resolve(1), (value) => value > 1), 1); // prettier-ignore
  assert.is(await brief.get('a', () => Promise.resolve(2)), 2);
});

test('a change takes the place of what is being read in this moment', async () => {
  const brief = new Brief<string>();
  let answer = (_: string): void => undefined;
  const reading = brief.get('a', () => new Promise((resolve) => (answer = resolve)));
  brief.set('a', 'new');
  answer('old');
  assert.is(await reading, 'old');
  assert.is(await brief.get('a', () => Promise.resolve('read')), 'new');
});

test.run();
