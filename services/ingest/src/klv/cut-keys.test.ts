// Files of packets whose keys FFmpeg has cut.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sniff } from '../media/sniff.js';
import { encodePacket, encodeUniversalPacket } from './encode.js';
import { KlvReader, type TimedPacket } from './read.js';

const stamp = 1_700_000_000_000_000;
const cutBytes = 5;
const packetOf = (index: number): Buffer => encodePacket([[2, stamp + index], [3, `Mission ${index}`], [13, 46]]).subarray(cutBytes); // prettier-ignore

function read(bytes: Buffer, chunk = bytes.length): { packets: TimedPacket[]; reader: KlvReader } {
  const reader = new KlvReader('klv');
  const packets: TimedPacket[] = [];
  for (let at = 0; at < bytes.length; at += chunk) packets.push(...reader.push(bytes.subarray(at, at + chunk)));
  return { packets: [...packets, ...reader.end()], reader };
}

const numbers = (packets: readonly TimedPacket[]): number[] => packets.map(({ packet }) => Number(packet.timestamp) - stamp); // prettier-ignore

test('their keys are completed, in chunks of any size', () => {
  const bytes = Buffer.concat([0, 1, 2, 3].map(packetOf));
  assert.is(sniff(bytes).kind, 'klv');
  for (const chunk of [bytes.length, 50, 7, 1]) {
    const { packets, reader } = read(bytes, chunk);
    assert.equal(numbers(packets), [0, 1, 2, 3], `${chunk}`);
    assert.ok(packets.every(({ packet, repaired }) => packet.checksum === 'ok' && repaired === 'key completed'));
    assert.equal([reader.report.junkBytes, reader.report.truncated], [0, 0]);
  }
});

test('sets of other kinds among them', () => {
  const old = encodeUniversalPacket([['Time Stamp', stamp + 7], ['Device Latitude', 46]]).subarray(cutBytes); // prettier-ignore
  assert.equal(numbers(read(Buffer.concat([packetOf(0), old, packetOf(1)])).packets), [0, 7, 1]);
});

test('damage costs the packets that it hits, and an end that is missing is told', () => {
  const all = [0, 1, 2, 3].map(packetOf);
  const [first, second, third, last] = all as [Buffer, Buffer, Buffer, Buffer];
  const lost = read(Buffer.concat([first, second.subarray(20), third, last.subarray(0, 30)]));
  assert.equal(numbers(lost.packets), [0, 2]);
  assert.equal([lost.reader.report.junkBytes, lost.reader.report.truncated], [second.length - 20 + 30, 1]);
  // A length that reaches over the next packet.
  const long = Buffer.from(second);
  long.writeUInt8(second.length - 12 + third.length - 8, 11);
  const { packets, reader } = read(Buffer.concat([first, long, third, last]));
  assert.equal(numbers(packets), [0, 2, 3]);
  assert.is(reader.report.truncated, 1);
});

test('junk of any size takes time in proportion', () => {
  const bytes = Buffer.concat([packetOf(0), Buffer.alloc(4_000_000, packetOf(0).subarray(0, 10))]);
  const before = performance.now();
  assert.is(read(bytes, 100_000).packets.length, 1);
  assert.ok(performance.now() - before < 5_000);
});

test.run();
