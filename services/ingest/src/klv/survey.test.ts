// What the first packets show of the clock of their stream, and of the checksums of their sender.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ptsWrap } from '../mpegts/pes.js';
import { encodePacket } from './encode.js';
import { decodePacket } from './packet.js';
import { speakerOf, type TimedPacket } from './read.js';
import type { ClockPiece } from './pieces.js';
import { survey } from './survey.js';
import { Telemetry } from './telemetry.js';

const stamp = 1_700_000_000_000_000;
const pid = 0x120;
const bytesAt = (seconds: number): Buffer => encodePacket([[2, stamp + Math.round(seconds * 1e6)], [13, 46 + seconds / 100], [14, 7]]); // prettier-ignore
const ticks = (seconds: number): number => (Math.round(seconds * 90_000) + ptsWrap) % ptsWrap;
const timed = (bytes: Buffer, more: Partial<TimedPacket>): TimedPacket => ({ packet: decodePacket(bytes), bytes, i: 0, pid, ...more }); // prettier-ignore

async function* given(packets: readonly TimedPacket[]): AsyncGenerator<TimedPacket> {
  for (const packet of packets) yield await Promise.resolve(packet);
}

// ------------------------------------------------------------------------------------------------ clocks

interface Multiplex {
  /** Seconds of the video, which begins at an hour. */
  length: number;
  /** PTS of the telemetry sent at this second of the video, seconds. */
  pts: (second: number) => number;
  /** Seconds in which there are no pictures. */
  silent?: readonly [from: number, to: number];
}

const hour = 3600;
/** Two packets a second, each before the picture of its time; ten pictures a second. */
function multiplexed({ length, pts, silent = [0, 0] }: Multiplex): TimedPacket[] {
  const times = Array.from({ length: length * 10 }, (_, index) => index / 10);
  const pictures = times.filter((time) => time <= silent[0] || time >= silent[1]);
  return times
    .filter((time) => (time * 10) % 5 === 0)
    .map((time) => {
      const before = pictures.findLast((picture) => picture < time);
      const next = pictures.find((picture) => picture >= time);
      return timed(bytesAt(time), {
        pts: ticks(pts(time)),
        ...(before === undefined ? {} : { videoPts: ticks(hour + before) }),
        next: { pts: next === undefined ? null : ticks(hour + next) },
      });
    });
}

const pieces: readonly ClockPiece[] = [{ mediaTime: 0, pts90k: ticks(hour) }];

for (const [name, multiplex, rule] of [
  ['the same clock', { length: 6, pts: (second) => hour + second }, undefined],
  ['a fifth of a second late', { length: 6, pts: (second) => hour + second - 0.2 }, undefined],
  ['from zero on', { length: 6, pts: (second) => second }, 'moved'],
  ['over the wrap of the clock', { length: 6, pts: (second) => second - 2 }, 'moved'],
  ['8 s ahead of a video of 6 s', { length: 6, pts: (second) => hour + second + 8 }, 'moved'],
  ['8 s behind a video of 6 s', { length: 6, pts: (second) => hour + second - 8 }, 'moved'],
  ['8 s ahead of a video of a minute', { length: 60, pts: (second) => hour + second + 8 }, 'moved'],
  ['8 s behind: pictures may be sent so early', { length: 60, pts: (second) => hour + second - 8 }, 'pts'],
  ['a second a packet, whatever the pictures do', { length: 20, pts: (second) => second * 2 }, 'video'],
  [
    'pictures are silent for most of the time',
    { length: 40, pts: (second) => hour + second, silent: [1, 39] },
    undefined,
  ],
] satisfies [string, Multiplex, string | undefined][])
  // prettier-ignore
  test(`a clock: ${name}`, async () => {
    const packets = multiplexed(multiplex);
    const { clocks } = await survey(given(packets), pieces, multiplex.length);
    assert.is(clocks.get(pid)?.rule, rule);
    if (rule === undefined || rule === 'pts') return;
    const telemetry = new Telemetry(pieces, multiplex.length, { clocks, ownSums: new Set() });
    const times = packets.map((packet) => telemetry.add(packet).when);
    assert.ok(times.every(({ timeRule }) => timeRule === rule));
    // Exactly, or as the picture before it.
    for (const [index, { time }] of times.entries()) assert.ok(Math.abs((time ?? NaN) - index / 2) <= (rule === 'moved' ? 1e-9 : 0.1 + 1e-9), `${index}: ${String(time)}`); // prettier-ignore
    const [told] = telemetry.health.report({ transport: null, junkBytes: 0, truncated: 0, sequenceErrors: 0, videoTimes: null }).time.clocks; // prettier-ignore
    assert.is(told?.rule, rule);
    assert.ok((told?.early ?? 1) <= 0.1 + 1e-9 && (told?.late ?? 1) <= 0.1 + 1e-9);
  });

test('without a video that is known, the pictures around the packets tell', async () => {
  const of = async (multiplex: Multiplex): Promise<string | undefined> => (await survey(given(multiplexed(multiplex)), null, null)).clocks.get(pid)?.rule; // prettier-ignore
  assert.is(await of({ length: 6, pts: (second) => hour + second }), undefined);
  assert.is(await of({ length: 6, pts: (second) => hour + second - 8 }), 'moved');
});

// ------------------------------------------------------------------------------------------------ checksums

const broken = (bytes: Buffer, xor: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(copy.readUInt16BE(copy.length - 2) ^ xor, copy.length - 2);
  return copy;
};
const same = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, -2), Buffer.alloc(2)]);
const run = (count: number, make: (index: number) => Buffer): TimedPacket[] =>
  Array.from({ length: count }, (_, index) => timed(make(index), { pts: index * 9000 }));

for (const [name, packets, believed] of [
  ['eight of eight', run(8, (index) => broken(bytesAt(index), 0x5a5a)), true],
  ['seven', run(7, (index) => broken(bytesAt(index), 0x5a5a)), false],
  ['one of twenty is right', run(20, (index) => (index === 11 ? bytesAt(index) : broken(bytesAt(index), 1))), false],
  ['clocks that jump', run(20, (index) => broken(bytesAt(index % 2 === 0 ? index : index - 5), 1)), false],
  [
    'one that ends unreadably',
    run(20, (index) => (index === 7 ? bytesAt(index).subarray(0, -1) : broken(bytesAt(index), 1))),
    false,
  ],
  ['zero in all of four', run(4, (index) => same(bytesAt(index))), true],
  ['the same packet again and again', run(4, () => same(bytesAt(0))), false],
] as const)
  // prettier-ignore
  test(`wrong checksums: ${name}`, async () => {
    const findings = await survey(given(packets), null, null);
    const [first] = packets;
    assert.is(first !== undefined && findings.ownSums.has(speakerOf(first)), believed);
    const telemetry = new Telemetry(null, null, findings);
    const held = packets.map((packet) => telemetry.add(packet).held !== null);
    assert.equal(held, packets.map(({ packet }) => believed || packet.checksum === 'ok')); // prettier-ignore
    const report = telemetry.health.report({ transport: null, junkBytes: 0, truncated: 2, sequenceErrors: 0, videoTimes: null }); // prettier-ignore
    // Those whose end never came are damaged as well.
    assert.equal([report.badByDesign, report.damaged - 2], believed ? [packets.length, 0] : [0, held.filter((one) => !one).length]); // prettier-ignore
  });

test.run();
