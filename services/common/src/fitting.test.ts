import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fitting } from './fitting.js';

const cases: [string, number[], number, number[]][] = [
  ['all fit', [1, 2, 3], 6, [1, 2, 3]],
  ['the last does not', [1, 2, 3], 5, [1, 2]],
  ['those behind one that does not fit are left out, too', [3, 9, 1], 5, [3]],
  ['one that is too large comes alone', [9, 1], 5, [9]],
  ['none', [], 5, []],
];
for (const [name, items, max, expected] of cases)
  test(name, () => assert.equal(fitting(items, (item) => item, max), expected)); // prettier-ignore

test.run();
