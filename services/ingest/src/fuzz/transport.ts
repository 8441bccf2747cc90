// Transport streams with packets and headers that lie (ISO/IEC 13818-1, clauses 2.4.3 and 2.4.4).
import { crc32 } from '../mpegts/psi.js';
import { severally } from './bytes.js';
import type { Random } from './random.js';

const packetBytes = 188;

const pidOf = (packet: Buffer): number => packet.readUInt16BE(1) & 0x1fff;
const startsUnit = (packet: Buffer): boolean => ((packet[1] ?? 0) & 0x40) !== 0;
/** Where the payload begins; the packet's end when it has none. */
const payloadAt = (packet: Buffer): number =>
  Math.min(packetBytes, ((packet[3] ?? 0) & 0x20) === 0 ? 4 : 5 + (packet[4] ?? 0));

function split(bytes: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at + packetBytes <= bytes.length; at += packetBytes)
    packets.push(Buffer.from(bytes.subarray(at, at + packetBytes)));
  return packets;
}

/** Packets that are lost, come twice, or in another order, as over a radio. */
function reorder(packets: Buffer[], random: Random): void {
  const at = random.below(packets.length);
  const count = random.of([1, 1, 3, 20, 200]);
  const to = random.below(packets.length);
  switch (random.below(4)) {
    case 0:
      packets.splice(at, count);
      break;
    case 1:
      packets.splice(at, 0, ...packets.slice(at, at + count).map((packet) => Buffer.from(packet)));
      break;
    case 2:
      packets.splice(to, 0, ...packets.splice(at, count));
      break;
    default:
      // As if a second recording came after the first.
      packets.push(...packets.slice(at).map((packet) => Buffer.from(packet)));
  }
}

/** Header, adaptation field and its clock. */
function changeHeader(packet: Buffer, random: Random): void {
  switch (random.below(5)) {
    case 0:
      packet[1] = (packet[1] ?? 0) ^ random.of([0x80, 0x40, 0x20]);
      break;
    case 1:
      packet[3] = (packet[3] ?? 0) ^ random.of([0xc0, 0x80, 0x30, 0x20, 0x10, 0x0f, 0x01]);
      break;
    case 2:
      packet.writeUInt16BE((packet.readUInt16BE(1) & 0xe000) | random.of([0, 1, 0x11, 0x100, 0x101, 0x1f1, 0x1000, 0x1fff, random.below(0x2000)]), 1); // prettier-ignore
      break;
    case 3:
      packet[4] = random.of([0, 1, 7, 182, 183, 184, 255, random.below(256)]);
      break;
    default:
      packet[3] = (packet[3] ?? 0) | 0x20;
      packet[5] = random.below(256);
      for (let at = 6; at < 12; at++) packet[at] = random.below(256);
  }
}

/** PES header: stream, length, flags, and the 33 bits of its times. */
function changePes(packet: Buffer, random: Random): void {
  const at = payloadAt(packet);
  if (at + 19 > packetBytes) return;
  switch (random.below(5)) {
    case 0:
      packet[at + 3] = random.of([0xe0, 0xc0, 0xbd, 0xbe, 0xbf, 0xfc, 0xfd, random.below(256)]);
      break;
    case 1:
      packet.writeUInt16BE(random.edge() & 0xffff, at + 4);
      break;
    case 2:
      packet[at + 7] = random.of([0x00, 0x40, 0x80, 0xc0, 0xff, random.below(256)]);
      break;
    case 3:
      packet[at + 8] = random.of([0, 5, 10, 150, 255, random.below(256)]);
      break;
    default:
      // Any time there is, wrapped, before zero, or half a day away.
      for (const base of random.of([[9], [14], [9, 14]])) {
        packet[at + base] = 0x21 | (random.below(8) << 1);
        packet.writeUInt16BE((random.edge() & 0xffff) | 1, at + base + 1);
        packet.writeUInt16BE((random.edge() & 0xffff) | 1, at + base + 3);
      }
  }
}

/** A table with a right checksum over what is wrong in it. */
function changeTable(packet: Buffer, random: Random): void {
  const at = payloadAt(packet);
  const start = at + 1 + (packet[at] ?? 0);
  if (start + 3 > packetBytes) return;
  const length = packet.readUInt16BE(start + 1) & 0xfff;
  const end = Math.min(packetBytes, start + 3 + length);
  if (end - start < 12) return;
  for (let count = random.between(1, 4); count > 0; count--) {
    const place = random.between(start + 3, end - 5);
    packet[place] = random.of([0, 0x06, 0x0f, 0x15, 0x1b, 0x24, 0x80, 0xff, random.below(256)]);
  }
  if (random.chance(0.2)) packet.writeUInt16BE(0xb000 | random.below(1100), start + 1);
  if (random.chance(0.9)) packet.writeUInt32BE(crc32(packet.subarray(start, end - 4)), end - 4);
}

/** All times of one stream from somewhere on moved by as much: a recorder that was restarted. */
function moveClock(packets: Buffer[], random: Random): void {
  const pid = pidOf(random.oneOf(packets) ?? Buffer.alloc(packetBytes));
  const shift = random.edge();
  for (const packet of packets.slice(random.below(packets.length))) {
    const at = payloadAt(packet);
    if (pidOf(packet) !== pid || !startsUnit(packet) || at + 14 > packetBytes) continue;
    packet.writeUInt16BE(((packet.readUInt16BE(at + 10) + (shift >>> 16) * 2) & 0xffff) | 1, at + 10);
    packet.writeUInt16BE(((packet.readUInt16BE(at + 12) + (shift & 0x7fff) * 2) & 0xffff) | 1, at + 12);
  }
}

export const mutateTransport = severally((bytes, random) => {
  const packets = split(bytes);
  if (packets.length === 0) return bytes;
  const any = random.oneOf(packets);
  const tables = packets.filter((packet) => startsUnit(packet) && packet[payloadAt(packet)] === 0);
  const units = packets.filter((packet) => startsUnit(packet) && !tables.includes(packet));
  switch (random.below(6)) {
    case 0:
      reorder(packets, random);
      break;
    case 1:
      if (any) changeHeader(any, random);
      break;
    case 2:
    case 3:
      for (let count = random.of([1, 3, 10]); count > 0; count--) {
        const unit = random.oneOf(units);
        if (unit) changePes(unit, random);
      }
      break;
    case 4:
      for (const table of random.chance(0.5) ? tables : tables.slice(0, 1)) changeTable(table, random);
      break;
    default:
      moveClock(packets, random);
  }
  return Buffer.concat(packets);
});
