import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { placeIn, type VideoSpan } from './place.js';

const ten = Date.UTC(2024, 5, 1, 10) * 1000;
const at = (seconds: number): number => ten + seconds * 1e6;
const video = (creation: number | null, clock: number | null = null, duration = 60): VideoSpan => ({
  duration,
  creationTime: creation === null ? null : at(creation),
  clock: clock === null ? null : at(clock),
});

// prettier-ignore
const table: readonly (readonly [name: string, span: readonly [number, number], video: VideoSpan, start: number, rule: string, doubt: RegExp | null])[] = [
  ['nothing tells of time', [0, 60], video(null), 0, 'timestamp', null],
  ['nothing tells of time, and the track is longer', [0, 600], video(null), 0, 'timestamp', /is longer than the video \(600 s against 60 s\); its first row is laid at the first picture/],
  ['nothing tells of time, and the track is shorter', [0, 20], video(null), 0, 'timestamp', /is shorter than the video \(20 s against 60 s\)/],
  ['created where the track begins', [0, 60], video(0), 0, 'creation', null],
  ['created within the track', [0, 600], video(300), 300, 'creation', /is longer than the video .* the video begins at 2024-06-01T10:05:00Z/],
  ['created shortly before the track', [5, 64], video(0), 0, 'creation', null],
  ['created when it was over', [0, 60], video(60), 0, 'creation end', /created when that was over/],
  ['created when it was over, some time after the track', [0, 60], video(70), 10, 'creation end', /created when that was over/],
  ['created on another day', [0, 60], video(86_400), 0, 'timestamp', /but the video says that it was made at 2024-06-02T10:00:00Z/],
  ['pictures with stamps', [0, 600], video(null, 120), 120, 'video clock', null],
  ['created on another day, and pictures with stamps', [0, 600], video(86_400, 120), 120, 'video clock', null],
  ['stamps of another day', [0, 60], video(null, 86_400), 0, 'timestamp', /2024-06-02/],
  ['one point', [30, 30], video(0), 0, 'creation', /is shorter than the video/],
];
for (const [name, [first, last], span, start, rule, doubt] of table)
  test(name, () => {
    const placed = placeIn({ first: at(first), last: at(last) }, span);
    assert.is((placed.start - ten) / 1e6, start);
    assert.is(placed.rule, rule);
    if (doubt) assert.match(placed.doubt ?? '', doubt);
    else assert.is(placed.doubt, null);
  });

test.run();
