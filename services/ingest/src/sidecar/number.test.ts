import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dateIn, dateOf } from './date.js';
import { numberOf, type DecimalMark } from './number.js';

const numbers: readonly (readonly [text: string, mark: DecimalMark, value: number | null])[] = [
  ['46.5', '.', 46.5], ['-0.5', '.', -0.5], ['+7', '.', 7], ['5.', '.', 5], ['.5', '.', 0.5], ['1.5e-05', '.', 1.5e-5],
  ['−3.5', '.', -3.5], ['46,5', ',', 46.5], ['1,7E+15', ',', 1.7e15], ['46,5', '.', null], ['46.5', ',', null],
  ['46.5.1', '.', null], ['46.5 ', '.', null], ['46.5m', '.', null], ['', '.', null], ['-', '.', null], ['0x10', '.', null],
  ['1e999', '.', null], ['Infinity', '.', null], ['1'.repeat(60), '.', null], ['1_0', '.', null],
]; // prettier-ignore
for (const [text, mark, value] of numbers)
  test(`the number of "${text}" by "${mark}"`, () => assert.is(numberOf(text, mark), value));

const ten = Date.UTC(2024, 5, 1, 10) * 1000;
const dates: readonly (readonly [text: string, microseconds: number | null])[] = [
  ['2024-06-01T10:00:00Z', ten],
  ['2024-06-01T10:00:00', ten],
  ['2024-06-01 10:00:00', ten],
  ['2024.6.1 10:00:00', ten],
  ['2024-06-01T12:00:00+02:00', ten],
  ['2024-06-01T05:30:00-0430', ten],
  ['2024-06-01T10:00:00.5Z', ten + 500_000],
  ['2024-06-01T10:00:00.123456789Z', ten + 123_456],
  ['2024-06-01 10:00:00,123,456', ten + 123_456],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1) * 1000],
  ['2024-02-30T10:00:00Z', null],
  ['2024-13-01T10:00:00Z', null],
  ['2000-00-00 12:00:01', null],
  ['2024-06-01', null],
  ['now', null],
];
for (const [text, microseconds] of dates) test(`the date of "${text}"`, () => assert.is(dateOf(text), microseconds));

test('a date in the middle of a text, and what is none behind it', () => {
  assert.is(dateIn('HOME(1,2) 2024.06.01 10:00:00 -58.4 x'), ten);
  assert.is(dateOf('2024-06-01T10:00:00Z and more'), null);
});

test.run();
