// Limits as they are written.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limitOf } from './limits.js';

test('a number, none, or nothing', () => {
  const cases: [string | undefined, number][] = [
    [undefined, 7],
    ['', 7],
    ['1', 1],
    ['10737418240', 10_737_418_240],
    ['none', Infinity],
  ];
  for (const [text, value] of cases) assert.is(limitOf(text === undefined ? {} : { SORTIE_X: text }, 'SORTIE_X', 7), value, text); // prettier-ignore
});

test('what is no limit is refused by its name', () => {
  for (const text of ['0', '-1', '1.5', 'many', '1e99']) assert.throws(() => limitOf({ SORTIE_X: text }, 'SORTIE_X', 7), /SORTIE_X is/, text); // prettier-ignore
});

test.run();
