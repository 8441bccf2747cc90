// KLV in transport streams of every shape that is met, built here packet by packet.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32 } from '../mpegts/psi.js';
import { TransportWriter } from '../sample/transport.js';
import { ptsDifference } from '../mpegts/pes.js';
import { runningSum } from './checksum.js';
import { encodePacket } from './encode.js';
import { KlvPacket } from './packet.js';
import { KlvReader, type TimedPacket } from './read.js';
import type { ClockPiece } from './pieces.js';
import { Timeline } from './time.js';

const klvPid = 0x120;
const videoPid = 0x100;
const packetOf = (index: number): Buffer =>
  encodePacket([
    [2, BigInt(1_700_000_000_000_000 + index)],
    [3, `Mission ${index}`],
    [13, index / 100],
  ]);

const timelineOf = (...pieces: ClockPiece[]): Timeline => new Timeline({ pieces, duration: null, own: new Map() });

const klva = Buffer.from([5, 4, 0x4b, 0x4c, 0x56, 0x41]);
let sequence = 0;
const cell = (payload: Buffer, fragment = 3): Buffer =>
  Buffer.concat([
    Buffer.from([0, sequence++ & 255, (fragment << 6) | 0x1f, payload.length >> 8, payload.length & 255]),
    payload,
  ]);

function read(bytes: Buffer, chunk = bytes.length): { packets: TimedPacket[]; reader: KlvReader } {
  const reader = new KlvReader('mpegts');
  const packets: TimedPacket[] = [];
  for (let at = 0; at < bytes.length; at += chunk) packets.push(...reader.push(bytes.subarray(at, at + chunk)));
  packets.push(...reader.end());
  return { packets, reader };
}

const numbers = (packets: readonly TimedPacket[]): unknown[] =>
  packets.map((packet) => [packet.packet.checksum, (packet.packet.timestamp as number) - 1_700_000_000_000_000]);
const expect = (count: number): unknown[] => Array.from({ length: count }, (_, index) => ['ok', index]);
const sync = (count = 6): TransportWriter => {
  const stream = new TransportWriter().tables([
    [0x1b, videoPid],
    [0x15, klvPid, klva],
  ]);
  for (let index = 0; index < count; index++) stream.pes(klvPid, 0xfc, 90_000 + index * 3000, cell(packetOf(index)));
  return stream;
};

test('synchronous KLV, in packets of 188, 192 and 204 bytes, in chunks of any size', () => {
  for (const stride of [188, 192, 204]) {
    for (const chunk of [1 << 20, 1000, 188, 61]) {
      const { packets, reader } = read(sync().bytes(stride), chunk);
      assert.equal(numbers(packets), expect(6), `${stride}, ${chunk}`);
      assert.equal(
        packets.map((packet) => packet.pts),
        [90_000, 93_000, 96_000, 99_000, 102_000, 105_000],
      );
      assert.is(reader.report.sequenceErrors, 0);
    }
  }
});

test('asynchronous KLV has the time of the video before it', () => {
  const stream = new TransportWriter().tables([
    [0x1b, videoPid],
    [0x06, klvPid, klva],
  ]);
  for (let index = 0; index < 4; index++) {
    stream.pes(videoPid, 0xe0, 180_000 + index * 3000, Buffer.alloc(300));
    stream.pes(klvPid, 0xbd, null, packetOf(index));
  }
  const { packets } = read(stream.bytes());
  assert.equal(numbers(packets), expect(4));
  const timeline = timelineOf({ mediaTime: 0, pts90k: 180_000 });
  assert.equal(
    packets.map((packet) => timeline.timeOf(packet)),
    [0, 1, 2, 3].map((index) => ({ time: index / 30, timeRule: 'video' })),
  );
});

test('what the stream type promises does not matter', () => {
  const bare = new TransportWriter().tables([[0x15, klvPid, klva]]);
  const cells = new TransportWriter().tables([[0x06, klvPid]]);
  for (let index = 0; index < 3; index++) {
    bare.pes(klvPid, 0xfc, index * 3000, packetOf(index));
    cells.pes(klvPid, 0xbd, index * 3000, cell(packetOf(index)));
  }
  assert.equal(numbers(read(bare.bytes()).packets), expect(3));
  assert.equal(numbers(read(cells.bytes()).packets), expect(3));
});

test('a type of the maker’s own counts with the identifier KLVA, and not without', () => {
  const metadata = Buffer.from('26090100ff4b4c564100ff', 'hex');
  for (const [descriptors, found] of [
    [klva, 1],
    [metadata, 1],
    [Buffer.from('0504485445560a04', 'hex'), 0],
  ] as const) {
    const stream = new TransportWriter().tables([[0x1b, videoPid], [0x91, klvPid, descriptors]]).pes(klvPid, 0xbd, null, packetOf(0)); // prettier-ignore
    assert.is(read(stream.bytes()).packets.length, found);
  }
});

test('several cells in a PES, and packets in fragments over cells and PES', () => {
  const several = new TransportWriter()
    .tables([[0x15, klvPid]])
    .pes(klvPid, 0xfc, 0, Buffer.concat([0, 1, 2].map((index) => cell(packetOf(index)))));
  assert.equal(numbers(read(several.bytes()).packets), expect(3));
  const fragments = new TransportWriter().tables([[0x15, klvPid]]);
  for (let index = 0; index < 3; index++) {
    const whole = packetOf(index);
    fragments.pes(
      klvPid,
      0xfc,
      index * 3000,
      Buffer.concat([cell(whole.subarray(0, 20), 2), cell(whole.subarray(20, 30), 0)]),
    );
    fragments.pes(klvPid, 0xfc, index * 3000 + 1, cell(whole.subarray(30), 1));
  }
  const { packets } = read(fragments.bytes());
  assert.equal(numbers(packets), expect(3));
  assert.equal(
    packets.map((packet) => packet.pts),
    [0, 3000, 6000],
    'a packet has the time at which it begins',
  );
  const split = new TransportWriter().tables([[0x06, klvPid, klva]]);
  for (let index = 0; index < 3; index++) {
    split.pes(klvPid, 0xbd, null, packetOf(index).subarray(0, 25));
    split.pes(klvPid, 0xbd, null, packetOf(index).subarray(25));
  }
  assert.equal(numbers(read(split.bytes()).packets), expect(3));
});

test('cells that are longer than their PES go on in the next ones', () => {
  const stream = new TransportWriter().tables([[0x15, klvPid]]);
  const whole = Buffer.concat([cell(packetOf(0)), cell(packetOf(1)), cell(packetOf(2)), cell(packetOf(3))]);
  const first = cell(packetOf(0)).length;
  // In the header of none, but in the middle of packets, twice in that of the third.
  const cuts = [0, 40, first + 20, 2 * first + 30, 2 * first + 50, whole.length];
  cuts.slice(1).forEach((cut, index) => stream.pes(klvPid, 0xfc, index * 3000, whole.subarray(cuts[index], cut)));
  const { packets } = read(stream.bytes());
  assert.equal(numbers(packets), expect(4));
  assert.equal(packets.map((packet) => packet.pts), [0, 3000, 6000, 12_000]); // prettier-ignore
  // A length that lies does not make the next cell a part of it.
  const lying = cell(packetOf(0));
  lying.writeUInt16BE(lying.readUInt16BE(3) + 9, 3);
  const after = new TransportWriter()
    .tables([[0x15, klvPid]])
    .pes(klvPid, 0xfc, 0, lying)
    .pes(klvPid, 0xfc, 1, cell(packetOf(1)));
  assert.equal(numbers(read(after.bytes()).packets), expect(2));
});

test('a PID that becomes something else, and a map for later', () => {
  const stream = new TransportWriter().tables([[0x1b, videoPid], [0x15, klvPid]]); // prettier-ignore
  stream.pes(videoPid, 0xe0, 3000, Buffer.alloc(300)).pes(klvPid, 0xfc, 3000, cell(packetOf(0)));
  // The two change places.
  stream.tables([[0x06, videoPid, klva], [0x1b, klvPid]], 1); // prettier-ignore
  stream.pes(klvPid, 0xe0, 6000, Buffer.alloc(300)).pes(videoPid, 0xbd, null, packetOf(1));
  const later = new TransportWriter().tables([[0x15, 0x125]]).packets.map((packet) => {
    // current_next_indicator off, and the CRC made anew.
    const size = 3 + (packet.readUInt16BE(6) & 0xfff);
    packet[10] = (packet[10] ?? 0) & 0xfe;
    packet.writeUInt32BE(crc32(packet.subarray(5, 5 + size - 4)), 5 + size - 4);
    return packet;
  });
  stream.packets.push(...later);
  stream.pes(0x125, 0xfc, 9000, cell(packetOf(2)));
  const { packets, reader } = read(stream.bytes());
  assert.equal(packets.map(({ pid, pts, videoPts }) => [pid, pts, videoPts]), [[klvPid, 3000, 3000], [videoPid, undefined, 6000]]); // prettier-ignore
  assert.equal(numbers(packets), expect(2));
  assert.equal(reader.streams.map(({ pid, streamType }) => [pid, streamType]), [[klvPid, 0x15], [videoPid, 0x06]]); // prettier-ignore
});

test('packets that are sent twice are read once, also those that begin a PES', () => {
  const stream = sync(4);
  const twice = Buffer.concat(stream.packets.flatMap((packet) => [packet, packet]));
  const { packets, reader } = read(twice);
  assert.equal(numbers(packets), expect(4));
  assert.is(reader.report.transport?.continuityErrors, 0);
});

test('a lost PES does not join the pieces before and behind it', () => {
  const stream = new TransportWriter().tables([[0x06, klvPid, klva]]);
  const [first, second] = [packetOf(0), packetOf(1)];
  // Without what is lost, the first piece and the last are just long enough for a packet.
  for (const piece of [
    first.subarray(0, 20),
    first.subarray(20),
    second.subarray(0, 15),
    second.subarray(15),
    packetOf(2),
  ])
    // prettier-ignore
    stream.pes(klvPid, 0xbd, null, piece);
  stream.packets.splice(3, 2);
  const { packets, reader } = read(stream.bytes());
  assert.equal(numbers(packets), [['ok', 2]]);
  assert.is(reader.report.transport?.continuityErrors, 1);
  assert.is(reader.report.truncated, 1);
});

test('a map that comes late and changes, and two KLV PIDs', () => {
  const stream = new TransportWriter().tables([[0x1b, videoPid]]);
  stream.pes(videoPid, 0xe0, 0, Buffer.alloc(500));
  stream.tables(
    [
      [0x1b, videoPid],
      [0x15, klvPid],
      [0x06, 0x121, klva],
    ],
    1,
  );
  for (let index = 0; index < 3; index++)
    stream.pes(klvPid, 0xfc, index, cell(packetOf(index))).pes(0x121, 0xbd, null, packetOf(index));
  const { packets } = read(stream.bytes());
  for (const pid of [klvPid, 0x121]) assert.equal(numbers(packets.filter((packet) => packet.pid === pid)), expect(3));
});

test('junk before and inside, and lost packets, cost only what they hit', () => {
  const clean = sync(8).bytes();
  const junk = Buffer.alloc(777, 0x55);
  const dirty = Buffer.concat([junk, clean.subarray(0, 188 * 6), junk, clean.subarray(188 * 6)]);
  const found = read(dirty);
  assert.ok(found.packets.length >= 7);
  assert.ok(found.packets.every((packet) => packet.packet.checksum === 'ok'));
  assert.is(found.reader.report.transport?.junkBytes, 2 * junk.length);
  const lossy = new TransportWriter().tables([[0x15, klvPid]]);
  for (let index = 0; index < 6; index++)
    lossy.pes(
      klvPid,
      0xfc,
      index,
      cell(Buffer.concat([packetOf(index), packetOf(index), packetOf(index), packetOf(index)])),
    );
  lossy.packets.splice(4, 1);
  const lost = read(lossy.bytes());
  assert.ok((lost.reader.report.transport?.continuityErrors ?? 0) > 0);
  assert.is(lost.packets.filter((packet) => packet.packet.checksum !== 'ok').length, 0);
  assert.ok(lost.packets.length >= 20);
});

test('what FFmpeg takes away and leaves behind is undone', () => {
  const cut = new TransportWriter().tables([[0x06, klvPid, klva]]);
  const left = new TransportWriter().tables([[0x06, klvPid, klva]]);
  const broken = new TransportWriter().tables([[0x06, klvPid, klva]]);
  for (let index = 0; index < 3; index++) {
    const whole = packetOf(index);
    cut.pes(klvPid, 0xbd, index * 3000, whole.subarray(5));
    const parts = [whole.subarray(0, 20), whole.subarray(20, 30), whole.subarray(30, 33), whole.subarray(33)];
    const cells = parts.map((part, at) => cell(part, at === 0 ? 2 : at === 3 ? 1 : 0));
    left.pes(klvPid, 0xbd, index * 3000, Buffer.concat(cells).subarray(5));
    // Damage inside: the sum does not vouch for it, so it stays as it is.
    const damaged = Buffer.from(Buffer.concat(cells).subarray(5));
    damaged[18] = (damaged[18] ?? 0) ^ 1;
    broken.pes(klvPid, 0xbd, index * 3000, damaged);
  }
  for (const [stream, how] of [
    [cut, 'key completed'],
    [left, 'cell headers removed'],
  ] as const) {
    // prettier-ignore
    const { packets, reader } = read(stream.bytes());
    assert.equal(numbers(packets), expect(3));
    assert.equal(packets.map(({ pts, repaired }) => [pts, repaired]), [0, 3000, 6000].map((pts) => [pts, how])); // prettier-ignore
    assert.is(reader.report.junkBytes, 0);
  }
  assert.ok(read(broken.bytes()).packets.every(({ repaired, packet }) => !repaired && packet.checksum !== 'ok'));
});

test('time codes that look like sync bytes are not taken for packets', () => {
  for (const code of ['00014703', '47000000', '00470000']) {
    const bytes = Buffer.concat(sync().packets.flatMap((packet) => [Buffer.from(code, 'hex'), packet]));
    assert.equal(numbers(read(bytes).packets), expect(6), code);
  }
});

test('private data that is no KLV gives no packets', () => {
  const stream = new TransportWriter().tables([[0x06, klvPid]]);
  for (let index = 0; index < 5; index++) stream.pes(klvPid, 0xbd, index, Buffer.from(`subtitle ${index} `.repeat(40)));
  const { packets, reader } = read(stream.bytes());
  assert.is(packets.length, 0);
  assert.equal(reader.streams, []);
});

test('timestamps wrap', () => {
  assert.is(ptsDifference(10, 2 ** 33 - 20), 30);
  assert.is(ptsDifference(2 ** 33 - 20, 10), -30);
  const timeline = timelineOf({ mediaTime: 0, pts90k: 2 ** 33 - 90_000 });
  assert.equal(
    timeline.timeOf({ packet: new KlvPacket('', Buffer.alloc(0)), bytes: Buffer.alloc(0), i: 0, pts: 90_000 }),
    {
      time: 2,
      timeRule: 'pts',
    },
  );
});

test('after a jump of the clock, packets go with the picture', () => {
  const timeline = timelineOf({ mediaTime: 0, pts90k: 900_000 }, { mediaTime: 10, pts90k: 90_000_000 });
  const at = (pts: number): number | null =>
    timeline.timeOf({ packet: new KlvPacket('', Buffer.alloc(0)), bytes: Buffer.alloc(0), i: 0, pts }).time;
  assert.equal([at(900_000), at(990_000), at(90_000_000), at(90_090_000)], [0, 1, 10, 11]);
});

test('raw packets between junk, with lengths in any form', () => {
  const long = packetOf(1);
  const stretched = Buffer.concat([
    long.subarray(0, 16),
    Buffer.from([0x83, 0, 0, long.length - 17]),
    long.subarray(17),
  ]);
  const reader = new KlvReader('klv');
  const bytes = Buffer.concat([packetOf(0), Buffer.from('junk'), stretched, packetOf(2), packetOf(3).subarray(0, 30)]);
  const packets: TimedPacket[] = [];
  for (let at = 0; at < bytes.length; at += 7) packets.push(...reader.push(bytes.subarray(at, at + 7)));
  packets.push(...reader.end());
  assert.equal(
    packets.map((packet) => packet.packet.timestamp),
    [0, 1, 2].map((index) => 1_700_000_000_000_000 + index),
  );
  assert.is(reader.report.truncated, 1);
  assert.is(reader.report.junkBytes, 34);
});

test('a damaged length costs its packet, not those that it reaches over', () => {
  const all = Array.from({ length: 40 }, (_, index) => packetOf(index));
  // 0x2b and so on become 0x82 with the two bytes behind it: 512 and more.
  const damaged = Buffer.concat(all);
  damaged[(all[0]?.length ?? 0) + 16] = 0x82;
  const reader = new KlvReader('klv');
  const packets = [...reader.push(damaged), ...reader.end()];
  assert.equal(
    numbers(packets),
    expect(40).filter((_, index) => index !== 1),
  );
  assert.is(reader.report.truncated, 1);
  assert.is(reader.report.junkBytes, all[1]?.length);
});

test('vendors’ tags in one byte are found also where the other reading comes to an end', () => {
  // Read as BER-OID: tag 1409 with a length of 4, which takes the checksum in.
  const body = Buffer.concat([Buffer.from('02080000000000000001', 'hex'), Buffer.from('8b0104', 'hex'), Buffer.from('0102', 'hex')]); // prettier-ignore
  const packet = Buffer.concat([packetOf(0).subarray(0, 16), Buffer.from([body.length + 2]), body, Buffer.alloc(2)]);
  packet.writeUInt16BE(runningSum(packet, 0, packet.length - 2), packet.length - 2);
  const [found] = new KlvReader('klv').push(packet);
  assert.is(found?.packet.checksum, 'ok');
  assert.equal(found?.packet.items.map(({ tag, hex }) => [tag, hex]).slice(1, 2), [[0x8b, '04']]);
});

test('sets that nobody knows, and what follows the last readable item, are kept as they came', () => {
  const label = '060e2b34020501010e01030305000000';
  const [unknown] = new KlvReader('klv').push(Buffer.from(`${label}03c0ffee`, 'hex'));
  assert.equal(JSON.parse(JSON.stringify(unknown?.packet)), { kind: 'unknown', key: label, bytes: 20, items: [], hex: 'c0ffee' }); // prettier-ignore
  const cut = Buffer.concat([packetOf(0).subarray(0, 16), Buffer.from('0e020800000000000000010d04010203', 'hex').subarray(0, 15)]); // prettier-ignore
  const [half] = new KlvReader('klv').push(cut);
  assert.equal([half?.packet.items.length, half?.packet.error, half?.packet.hex], [1, 'unreadable after 1 items', '0d040102']); // prettier-ignore
  assert.is(new KlvReader('klv').push(packetOf(0))[0]?.packet.hex, undefined);
});

test('damage of any kind is survived', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
  const clean = sync(20).bytes();
  for (let round = 0; round < 300; round++) {
    let bytes = Buffer.from(clean);
    for (let flips = random(200); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    const cut = random(bytes.length);
    if (round % 3 === 0) bytes = Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + random(400))]);
    read(bytes, 1 + random(4000));
  }
});

test.run();
