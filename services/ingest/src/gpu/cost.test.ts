import type { GpuReport } from '@sortie/native';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { choose, GpuPool, type Reservation } from './admission.js';
import { costOf, type Cost } from './cost.js';
import { engineSettings } from './settings.js';

const trial = (works: boolean, engines = 1) => ({ works, reason: works ? '' : 'no', codecs: [], engines });
const gpu = (over: Partial<GpuReport> = {}): GpuReport => ({
  device: 0,
  name: 'T4',
  major: 7,
  minor: 5,
  memoryFree: 15e9,
  memoryTotal: 16e9,
  decode: trial(true, 2),
  scale: trial(true),
  encode: trial(true),
  ...over,
});
const box = (width: number, height: number) => ({
  name: `${height}`,
  width,
  height,
  bitrate: 1,
  maxBitrate: 1,
  bufferSize: 1,
});
const plan = {
  rungs: [box(1920, 1080), box(1280, 720), box(852, 480)],
  codec: 'h264' as const,
  gpuPreset: 'p5',
  frameRateNum: 30,
  frameRateDen: 1,
  bitDepth: 8 as const,
};
const source = { width: 1920, height: 1080, codec: 'h264' };

test('sd, hd and fhd on one Turing engine at p5: the 161 pictures a second of the tables, less what lookahead and two passes take', () => {
  const { framesPerSecond, encode, decode } = costOf(plan, source, gpu());
  assert.ok(framesPerSecond !== null && Math.abs(framesPerSecond * 1.5 - 161) < 3, String(framesPerSecond));
  assert.ok(Math.abs(encode - (30 / 161) * 1.5) < 0.01);
  assert.ok(Math.abs(decode - 30 / 771) < 0.001);
});

test('a preset between two of the tables costs something between them', () => {
  const at = (gpuPreset: string): number => costOf({ ...plan, gpuPreset }, source, gpu()).encode;
  assert.ok(at('p3') < at('p4') && at('p4') < at('p5') && at('p5') < at('p7'));
});

test('without NVENC nothing is reserved for encoding, and no speed is foretold', () => {
  const { encode, framesPerSecond } = costOf(plan, source, gpu({ encode: trial(false, 0) }));
  assert.is(encode, 0);
  assert.is(framesPerSecond, null);
});

const cost = (over: Partial<Cost> = {}): Cost => ({
  decode: 0.1,
  encode: 0.4,
  memory: 1e9,
  sessions: 3,
  framesPerSecond: 100,
  ...over,
});
const costs = (...list: Cost[]): Map<number, Cost> => new Map(list.map((one, device) => [device, one]));
const two = [gpu(), gpu({ device: 1, memoryFree: 8e9 })];
const held = (device: number, over: Partial<Cost> = {}): Reservation => ({ device, cost: cost(over) });

const table: [string, readonly Reservation[], Map<number, Cost>, number | null][] = [
  ['the emptier card', [held(0)], costs(cost(), cost()), 1],
  ['the one with more memory', [], costs(cost({ memory: 6e9 }), cost({ memory: 6e9 })), 0],
  ['none while both are full', [held(0, { encode: 0.8 }), held(1, { encode: 0.8 })], costs(cost(), cost()), null],
  ['none while memory is short', [held(0, { memory: 13e9 }), held(1, { memory: 7e9 })], costs(cost(), cost()), null],
  ['an idle card, though it is too slow', [held(0, { encode: 0.9 })], costs(cost({ encode: 3 }), cost({ encode: 3 })), 1],
]; // prettier-ignore
for (const [name, reservations, wanted, expected] of table) {
  test(`a job gets ${name}`, () => assert.is(choose(two, wanted, reservations), expected));
}

test('GeForce cards share their sessions over the whole system; others have no such limit', () => {
  const cards = (name: string): GpuReport[] => [gpu({ name }), gpu({ name, device: 1 })];
  const busy = [held(0, { encode: 0.1, sessions: 6 })];
  const wanted = costs(cost({ encode: 0.1 }), cost({ encode: 0.1 }));
  assert.is(choose(cards('NVIDIA GeForce RTX 4090'), wanted, busy), null);
  assert.is(choose(cards('NVIDIA L4'), wanted, busy), 1);
  assert.is(choose(cards('NVIDIA GeForce RTX 4090'), costs(cost({ sessions: 9 }), cost({ sessions: 9 })), []), 0);
});

test('a job waits for room, and takes it when another ends', async () => {
  const pool = new GpuPool([gpu()]);
  const big = () => cost({ encode: 0.8 });
  const signal = new AbortController().signal;
  const first = await pool.reserve(big, signal);
  let second: string | null = null;
  const waiting = pool.reserve(big, signal).then(({ release }) => {
    second = 'began';
    release();
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(second, null);
  first.release();
  await waiting;
  assert.is(second, 'began');
});

test('a job that is cancelled while it waits stops waiting', async () => {
  const pool = new GpuPool([gpu()]);
  await pool.reserve(() => cost({ encode: 0.8 }), new AbortController().signal);
  const ending = new AbortController();
  const waiting = pool.reserve(() => cost({ encode: 0.8 }), ending.signal);
  ending.abort(new Error('cancelled'));
  await waiting.then(
    () => assert.unreachable(),
    (error: unknown) => assert.is((error as Error).message, 'cancelled'),
  );
});

test('settings: defaults, and a name for what makes no sense', () => {
  const { engine, gpuPreset, codec, devices } = engineSettings({});
  assert.equal([engine, gpuPreset, codec, devices], ['auto', 'p5', 'h264', null]);
  assert.equal(engineSettings({ SORTIE_GPU_DEVICE: '0,2' }).devices, [0, 2]);
  for (const [name, value] of [['SORTIE_ENGINE', 'gpuu'], ['SORTIE_GPU_PRESET', 'p8'], ['SORTIE_VIDEO_CODEC', 'vp9'], ['SORTIE_GPU_DEVICE', 'a']] as const) {
    assert.throws(() => engineSettings({ [name]: value }), new RegExp(name));
  } // prettier-ignore
});

test.run();
