import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cutShort, progressOf } from './transcode.js';

const at = (mediaTime: number, elapsedSeconds: number, expectedSeconds: number | null): number | undefined => {
  const { remaining } = progressOf({ frames: 1, fps: 1, mediaTime, inputBytes: 0 }, { duration: 100 }, 1000, { elapsedSeconds, expectedSeconds }); // prettier-ignore
  return remaining && remaining.seconds + remaining.nanos / 1e9;
};

const table: [string, number, number, number | null, number | undefined][] = [
  ['nothing is known in the beginning', 0, 0, null, undefined],
  ['the model tells in the beginning', 0, 0, 50, 50],
  ['the pace tells, once there is one', 50, 40, 10, 40],
  ['both tell between', 5, 10, 100, 142.5], // half of 200 by the pace, half of 100 by the model, and 95 % left
];
for (const [name, media, elapsed, expected, remaining] of table) {
  test(`time left: ${name}`, () => assert.is(at(media, elapsed, expected), remaining));
}

test('a file that does not tell its length is measured by its bytes', () => {
  const { fraction } = progressOf({ frames: 1, fps: 1, mediaTime: 3, inputBytes: 250 }, { duration: null }, 1000, { elapsedSeconds: 1, expectedSeconds: null }); // prettier-ignore
  assert.is(fraction, 0.25);
});

test('a file that holds less than it promises is told, but not where gaps were joined', () => {
  assert.match(
    cutShort({ duration: 60 }, { duration: 23.4, clockJumps: [] }) ?? '',
    /promises 60\.0 s, of which 23\.4 s/,
  );
  assert.is(cutShort({ duration: 60 }, { duration: 59.2, clockJumps: [] }), null);
  assert.is(cutShort({ duration: 60 }, { duration: 23.4, clockJumps: [{ mediaTime: 3, pts90k: 0 }] }), null);
  assert.is(cutShort({ duration: null }, { duration: 23.4, clockJumps: [] }), null);
});

test.run();
