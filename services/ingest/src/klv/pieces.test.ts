// Times on a clock that jumps, and in what the video leaves out.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket } from './encode.js';
import { decodePacket } from './packet.js';
import { Pieces, type ClockPiece } from './pieces.js';
import type { TimedPacket } from './read.js';
import { Telemetry } from './telemetry.js';
import { Timeline } from './time.js';

const at = (mediaTime: number, seconds: number): ClockPiece => ({ mediaTime, pts90k: seconds * 90_000 });
/** Seconds 0 to 10, and 30 to 40 of the source. */
const joined = [at(0, 100), at(10, 130)];
const placed = (pieces: readonly ClockPiece[], duration: number | null, ...seconds: number[]): (number | null)[] =>
  seconds.map((second) => new Pieces(pieces, duration).place(second * 90_000, null)?.time ?? null);

test('what the video leaves out has no place, and what comes just before its next part holds with that', () => {
  assert.equal(placed(joined, 20, 100, 109.5, 111, 125, 129.5, 130, 139), [0, 9.5, null, null, 10, 10, 19]);
  // Before the beginning and after the end, the clock goes on.
  assert.equal(placed(joined, 20, 97, 143), [-3, 23]);
  assert.equal(placed([at(0, 100)], null, 40, 900), [-60, 800]);
});

test('a clock that begins anew goes on in the part that it is in', () => {
  const pieces = new Pieces([at(0, 0), at(10, 0), at(20, 0)], 30);
  let trail = null;
  const times: number[] = [];
  for (const second of [1, 9, 9.5, 0, 5, 9.9, 0.5, 9]) {
    const place = pieces.place(second * 90_000, trail);
    assert.ok(place);
    times.push(place?.time ?? NaN);
    trail = { piece: place?.piece ?? 0, pts: second * 90_000 };
  }
  assert.equal(times, [1, 9, 9.5, 10, 15, 19.9, 20.5, 29]);
});

const packet = (second: number, more: Partial<TimedPacket>): TimedPacket => {
  const bytes = encodePacket([[2, 1_700_000_000_000_000 + second * 1e6], [13, 46 + second / 100], [14, 7]]); // prettier-ignore
  return { packet: decodePacket(bytes), bytes, i: 0, pid: 300, ...more };
};

test('telemetry goes on while the video is silent: rows stay in order, each at its own place', () => {
  const telemetry = new Telemetry(joined, 20);
  const rows: [number, number][] = [];
  for (let second = 0; second < 40; second += 0.5) {
    const { when, held } = telemetry.add(packet(second, { pts: (100 + second) * 90_000 }));
    assert.is(when.timeRule, second < 10 || second >= 29 ? 'pts' : 'gap');
    if (held) rows.push([held.time, held.state.number(13) ?? NaN]);
  }
  assert.ok(rows.every(([time], index) => index === 0 || time >= (rows[index - 1]?.[0] ?? 0)));
  assert.ok(rows.every(([time, latitude]) => latitude < 46.1001 === time < 10));
  assert.is(rows.at(-1)?.[0], 19.5);
});

test('packets without a PTS behind a picture that has stood for long go by their time stamps', () => {
  const timeline = new Timeline({ pieces: joined, duration: 20, own: new Map() });
  const times = [9.5, 9.9, 10.4, 11, 25, 30].map((second) => {
    const picture = second < 30 ? 109.4 : 130;
    return timeline.timeOf(packet(second, { videoPts: picture * 90_000 })).time;
  });
  assert.equal(times.map((time) => time && Math.round(time * 10) / 10), [9.4, 9.4, 9.4, null, null, 10]); // prettier-ignore
});

test('a PTS that is nowhere near the picture beside it is damaged', () => {
  const timeline = new Timeline({ pieces: [at(0, 100)], duration: 60, own: new Map() });
  const timeOf = (seconds: number, picture: number): unknown => timeline.timeOf(packet(0, { pts: seconds * 90_000, videoPts: picture * 90_000 })); // prettier-ignore
  assert.equal(timeOf(110, 110), { time: 10, timeRule: 'pts' });
  assert.equal(timeOf(9000, 110), { time: 10, timeRule: 'video' });
  assert.equal(timeOf(2, 110), { time: 10, timeRule: 'video' });
  // The video is over, and the telemetry goes on.
  assert.equal(timeOf(190, 159.9), { time: 90, timeRule: 'pts' });
});

test.run();
