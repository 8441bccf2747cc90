// Several programs in one transport stream: telemetry of one aircraft never counts for the pictures of another.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TransportWriter, type Program } from '../sample/transport.js';
import { encodePacket } from './encode.js';
import { KlvReader, type TimedPacket } from './read.js';

const packetOf = (latitude: number, index: number): Buffer => encodePacket([[2, 1_700_000_000_000_000 + index * 1e5], [13, latitude], [14, 7]]); // prettier-ignore
const programs: readonly Program[] = [
  { number: 1, pid: 0x1000, streams: [[0x1b, 0x100], [0x06, 0x120, Buffer.from([5, 4, 0x4b, 0x4c, 0x56, 0x41])]] },
  { number: 2, pid: 0x1001, streams: [[0x1b, 0x200], [0x06, 0x220, Buffer.from([5, 4, 0x4b, 0x4c, 0x56, 0x41])]] },
]; // prettier-ignore

/** Program 1 at 46 degrees and from an hour on, program 2 at 10 degrees and from zero on. */
function twoPrograms(list: readonly Program[] = programs): Buffer {
  const stream = new TransportWriter().programs(list);
  for (let index = 0; index < 5; index++) {
    const ticks = index * 9000;
    stream.pes(0x100, 0xe0, 324_000_000 + ticks, Buffer.alloc(300)).pes(0x200, 0xe0, ticks, Buffer.alloc(300));
    stream.pes(0x120, 0xbd, null, packetOf(46, index)).pes(0x220, 0xbd, null, packetOf(10, index));
  }
  return stream.bytes();
}

function read(bytes: Buffer, program: number | null): { packets: TimedPacket[]; reader: KlvReader } {
  const reader = new KlvReader('mpegts', program);
  return { packets: [...reader.push(bytes), ...reader.end()], reader };
}

const latitudes = (packets: readonly TimedPacket[]): number[] => [...new Set(packets.map(({ packet }) => Math.round(Number(packet.item(13)?.value))))]; // prettier-ignore

test('of one program that is asked for, and of all', () => {
  for (const [program, pid, latitude, other] of [
    [1, 0x120, 46, 2],
    [2, 0x220, 10, 1],
  ] as const) {
    const { packets, reader } = read(twoPrograms(), program);
    assert.equal([packets.length, latitudes(packets)], [5, [latitude]]);
    assert.equal(reader.streams.map((stream) => stream.pid), [pid]); // prettier-ignore
    assert.equal([...reader.leftOut.values()], [{ program: other, packets: 5 }]);
  }
  const { packets, reader } = read(twoPrograms(), null);
  assert.equal(latitudes(packets), [46, 10]);
  assert.is(reader.leftOut.size, 0);
});

test('the picture beside a packet is one of its own program', () => {
  const { packets } = read(twoPrograms(), null);
  const of = (pid: number): (number | undefined)[] => packets.filter((packet) => packet.pid === pid).map(({ videoPts }) => videoPts); // prettier-ignore
  const steps = [0, 9000, 18_000, 27_000, 36_000];
  assert.equal(of(0x120), steps.map((step) => 324_000_000 + step)); // prettier-ignore
  assert.equal(of(0x220), steps);
});

test('a stream that both programs name belongs to each of them', () => {
  const [first, second] = programs as [Program, Program];
  const shared = [first, { ...second, streams: [...second.streams, first.streams[1] ?? [0x06, 0]] }] as const;
  assert.equal(latitudes(read(twoPrograms(shared), 2).packets), [46, 10]);
  assert.equal(latitudes(read(twoPrograms([...shared].reverse()), 2).packets), [46, 10]);
});

test('a program of telemetry alone goes with the pictures of the other, where all are asked for', () => {
  const [first] = programs as [Program, Program];
  const { packets } = read(twoPrograms([{ ...first, streams: first.streams.slice(0, 1) }, { number: 2, pid: 0x1001, streams: first.streams.slice(1) }]), null); // prettier-ignore
  assert.equal(packets.map(({ videoPts }) => videoPts)[0], 324_000_000); // prettier-ignore
});

test('a program that is not there has no telemetry', () => {
  const { packets, reader } = read(twoPrograms(), 7);
  assert.equal([packets.length, reader.streams.length], [0, 0]);
  assert.is([...reader.leftOut.values()].reduce((sum, left) => sum + left.packets, 0), 10); // prettier-ignore
});

test.run();
