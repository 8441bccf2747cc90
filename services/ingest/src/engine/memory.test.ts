import { SortieError } from '@sortie/common/errors';
import type { EnginePlan } from '@sortie/native';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fitMemory, jobMemory, memoryOf, verifyThreads } from './memory.js';

const mebibyte = 1024 * 1024;
const sizes = {
  sd: [720, 406],
  hd: [1280, 720],
  fhd: [1920, 1080],
  uhd: [3840, 2160],
  native8k: [7680, 4320],
} as const;
type Name = keyof typeof sizes;

const sourceOf = (name: Name, bitDepth = 8): { width: number; height: number; bitDepth: number } => ({
  width: sizes[name][0],
  height: sizes[name][1],
  bitDepth,
});

function planOf(names: readonly Name[], changes: Partial<EnginePlan> = {}): EnginePlan {
  const rungs = names.map((name) => ({ name, width: sizes[name][0], height: sizes[name][1], bitrate: 1, maxBitrate: 1, bufferSize: 1 })); // prettier-ignore
  return { rungs, codec: 'h264', bitDepth: 8, preset: 'fast', threads: 2, lookahead: null, ...changes } as EnginePlan;
}

const ladder: readonly Name[] = ['sd', 'hd', 'fhd'];
const largeLadder: readonly Name[] = [...ladder, 'uhd'];
/** Peaks of the engine's process (VmHWM) on two cores, MiB; clips of 72 and 120 frames, and whole jobs. Preset "fast". */
// prettier-ignore
const measured: readonly (readonly [source: Name, rungs: readonly Name[], changes: Partial<EnginePlan>, peak: number])[] = [
  ['fhd', ladder, {}, 742], ['fhd', ladder, {}, 808], ['fhd', ladder, { threads: 1 }, 690], ['fhd', ladder, { threads: 8 }, 963],
  ['fhd', ladder, { lookahead: 10 }, 429], ['fhd', ['sd'], {}, 195], ['hd', ['hd'], {}, 300],
  ['uhd', largeLadder, {}, 2321], ['uhd', largeLadder, {}, 2458], ['uhd', largeLadder, { threads: 8 }, 3072],
  ['uhd', largeLadder, { threads: 1, lookahead: 10 }, 1169], ['uhd', ['sd'], {}, 281], ['uhd', ['uhd'], {}, 1742],
  ['uhd', ['uhd'], { threads: 1 }, 1662], ['uhd', ['uhd'], { threads: 8 }, 2545], ['uhd', ['uhd'], { lookahead: 10 }, 1009],
  ['native8k', largeLadder, {}, 2765], ['native8k', ['sd'], { threads: 1 }, 459], ['native8k', ['native8k'], {}, 6758],
  ['native8k', ['native8k'], { threads: 1, lookahead: 10 }, 3377], ['native8k', [...largeLadder, 'native8k'], {}, 8704],
  ['native8k', [...largeLadder, 'native8k'], { threads: 8 }, 11_059],
  ['fhd', ['fhd'], { codec: 'hevc' }, 698], ['fhd', ['fhd'], { codec: 'hevc', bitDepth: 10 }, 1092],
  ['fhd', ['fhd'], { codec: 'hevc', threads: 1, lookahead: 8 }, 426], ['fhd', ['fhd'], { codec: 'hevc', threads: 8 }, 982],
  ['uhd', ['uhd'], { codec: 'hevc' }, 2202],
];

test('the estimate is at least the peak that was measured, and not half as much again', () => {
  for (const [source, rungs, changes, peak] of measured) {
    const plan = planOf(rungs, changes);
    const estimate = memoryOf(plan, sourceOf(source), 2) / mebibyte;
    assert.ok(estimate >= peak && estimate < 1.5 * peak, `${source} to ${rungs.join('+')} ${JSON.stringify(changes)}: ${estimate.toFixed(0)} for ${peak}`); // prettier-ignore
  }
});

test('threads that are left open are the cores', () => {
  const open = memoryOf(planOf(ladder, { threads: 0 }), sourceOf('fhd'), 8);
  assert.is(open, memoryOf(planOf(ladder, { threads: 8 }), sourceOf('fhd'), 2));
});

test('a plan that has room stays as it is; else it gets fewer threads, then a shorter lookahead', () => {
  const plan = planOf(largeLadder, { threads: 8 });
  const table: [room: number, threads: number, lookahead: number | null][] = [
    [4096, 8, null],
    [3072, 4, null],
    [2560, 1, null],
    [2048, 1, 20],
    [1500, 1, 10],
  ];
  for (const [room, threads, lookahead] of table) {
    const fitted = fitMemory(plan, sourceOf('uhd'), 2, room * mebibyte);
    assert.equal([fitted.plan.threads, fitted.plan.lookahead], [threads, lookahead], `${room} MiB`);
    assert.ok(fitted.bytes <= room * mebibyte);
    assert.is(fitted.reduced, threads !== 8);
  }
});

test('what cannot be made to fit is refused with what it needs and what there is', () => {
  try {
    fitMemory(planOf(['native8k']), sourceOf('native8k'), 2, 3072 * mebibyte);
    assert.unreachable('it was taken');
  } catch (error) {
    assert.instance(error, SortieError);
    assert.is((error as SortieError).code, 'LIMIT_EXCEEDED');
    assert.match((error as SortieError).message, /7680x4320 need about \d{4} MiB of memory, and a job of this worker has 3072 MiB; ask for smaller/); // prettier-ignore
  }
});

test('jobs share what the worker leaves, and the verification takes no more threads than have room', () => {
  assert.is(jobMemory(4096 * mebibyte, 2), 1952 * mebibyte);
  assert.is(jobMemory(100 * mebibyte, 1), 0);
  const rungs = [{ width: 7680, height: 4320 }];
  assert.is(verifyThreads(rungs, 64, 4096 * mebibyte), 5);
  assert.is(verifyThreads(rungs, 64, 0), 1);
  assert.is(verifyThreads([{ width: 720, height: 406 }], 8, 4096 * mebibyte), 8);
});

test.run();
