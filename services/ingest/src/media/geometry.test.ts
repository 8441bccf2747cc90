import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { displaySize, frameRateOf, ladderFor, orientationOf, qualityOf, ratesFor } from './geometry.js';

const one = 65_536;
const matrix = (a: number, b: number, c: number, d: number): number[] => [
  a * one,
  b * one,
  0,
  c * one,
  d * one,
  0,
  0,
  0,
  1 << 30,
];

test('display matrices become quarter turns and mirrors', () => {
  const cases: [string, number[], number, boolean][] = [
    ['upright', matrix(1, 0, 0, 1), 0, false],
    ['quarter clockwise', matrix(0, 1, -1, 0), 90, false],
    ['upside down', matrix(-1, 0, 0, -1), 180, false],
    ['quarter counter-clockwise', matrix(0, -1, 1, 0), 270, false],
    ['mirrored left to right', matrix(-1, 0, 0, 1), 0, true],
    ['mirrored top to bottom', matrix(1, 0, 0, -1), 180, true],
    ['transposed', matrix(0, 1, 1, 0), 270, true],
    ['stretched quarter', matrix(0, 2, -1, 0), 90, false],
  ];
  for (const [name, displayMatrix, rotation, mirror] of cases) {
    assert.equal(orientationOf({ displayMatrix, rotation: 0 }), { rotation, mirror }, name);
  }
  assert.equal(orientationOf({ displayMatrix: null, rotation: -90 }), { rotation: 90, mirror: false });
});

test('sizes as shown are even, have square pixels, and never lose lines', () => {
  const cases: [string, number, number, string, number, number, number][] = [
    ['square', 1920, 1080, '1:1', 0, 1920, 1080],
    ['unknown aspect', 640, 480, '0:1', 0, 640, 480],
    ['PAL wide', 720, 576, '64:45', 0, 1024, 576],
    ['twice as wide', 640, 360, '2:1', 0, 1280, 360],
    ['twice as high', 160, 240, '1:2', 0, 160, 480],
    ['turned', 1920, 1080, '1:1', 90, 1080, 1920],
    ['odd', 161, 121, '1:1', 0, 162, 122],
    ['absurd aspect', 640, 360, '1000:1', 0, 640, 360],
  ];
  for (const [name, width, height, sampleAspect, rotation, w, h] of cases) {
    assert.equal(displaySize({ width, height, sampleAspect }, rotation), { width: w, height: h }, name);
  }
});

test('frame rates come from the average, else from the timestamps, else are guessed', () => {
  assert.equal(frameRateOf({ averageRate: '30000/1001', realRate: '60/1' }), { num: 30_000, den: 1_001 });
  assert.equal(frameRateOf({ averageRate: '0/0', realRate: '60/1' }), { num: 60, den: 1 });
  assert.equal(frameRateOf({ averageRate: '480/1', realRate: '480/1' }), { num: 480, den: 1 });
  assert.equal(frameRateOf({ averageRate: '0/0', realRate: '480/1' }), { num: 25, den: 1 });
  assert.equal(frameRateOf({ averageRate: '57600/1', realRate: '90000/1' }), { num: 25, den: 1 });
});

const names = (source: [number, number], words: string[]): string[] =>
  ladderFor({ width: source[0], height: source[1] }, words).rungs.map(
    (rung) => `${rung.name} ${rung.width}x${rung.height}`,
  );

test('the ladder keeps the aspect, never enlarges, and makes equal rungs once', () => {
  assert.equal(names([1920, 1080], ['sd', 'hd', 'fhd']), ['sd 720x406', 'hd 1280x720', 'fhd 1920x1080']);
  assert.equal(names([1920, 1080], []), ['sd 720x406', 'hd 1280x720', 'fhd 1920x1080']);
  assert.equal(names([640, 360], ['hd', 'sd']), ['sd 640x360']);
  assert.equal(names([640, 360], []), ['sd 640x360']);
  assert.equal(names([640, 360], ['native', 'uhd']), ['native 640x360']);
  assert.equal(names([16, 4000], ['sd', 'uhd']), ['sd 2x480', 'uhd 8x2160']);
  assert.equal(names([3840, 2160], ['uhd', 'sd']), ['sd 720x406', 'uhd 3840x2160']);
  assert.equal(names([720, 1080], ['sd', 'fhd']), ['sd 320x480', 'fhd 720x1080']);
});

test('what is capped is told', () => {
  assert.is(ladderFor({ width: 640, height: 360 }, ['sd', 'fhd']).warnings.length, 1);
  assert.is(ladderFor({ width: 640, height: 360 }, []).warnings.length, 0);
  assert.is(ladderFor({ width: 1920, height: 1080 }, ['fhd', 'native']).warnings.length, 0);
});

test('every rung fits its box', () => {
  for (const source of [
    [1280, 720],
    [1998, 1080],
    [4096, 2160],
    [720, 576],
    [5000, 300],
    [3026, 1386],
    [8192, 4320],
  ] as const) {
    for (const word of ['sd', 'hd', 'fhd', 'qhd', 'uhd']) {
      const [rung] = ladderFor({ width: source[0], height: source[1] }, [word]).rungs;
      assert.ok(rung);
      const box = { sd: [720, 480], hd: [1280, 720], fhd: [1920, 1080], qhd: [2560, 1440], uhd: [3840, 2160] }[word];
      assert.ok(
        box && rung && rung.width <= (box[0] ?? 0) && rung.height <= (box[1] ?? 0),
        `${word} of ${source.join('x')}`,
      );
      assert.ok(rung && rung.width % 2 === 0 && rung.height % 2 === 0);
      assert.ok(rung && rung.width <= source[0] && rung.height <= source[1]);
    }
  }
});

test('qualities are the smallest box that holds the source', () => {
  const words = (
    [
      [640, 360],
      [720, 480],
      [721, 480],
      [1920, 1080],
      [2560, 1440],
      [9000, 5000],
    ] as const
  ).map(([width, height]) => qualityOf({ width, height }).word);
  assert.equal(words, ['sd', 'sd', 'hd', 'fhd', 'qhd', 'uhd']);
});

test('rates grow with pixels and frames, and the buffer is two seconds', () => {
  const full = ratesFor({ width: 1920, height: 1080 }, 30);
  assert.equal(full, { bitrate: 5_500_000, maxBitrate: 8_250_000, bufferSize: 11_000_000 });
  assert.ok(ratesFor({ width: 1440, height: 1080 }, 30).bitrate < full.bitrate);
  assert.ok(ratesFor({ width: 1920, height: 1080 }, 60).bitrate > full.bitrate);
  assert.ok(ratesFor({ width: 2, height: 2 }, 30).bitrate >= 100_000);
});

test.run();
