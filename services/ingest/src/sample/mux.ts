// Adds a synchronous KLV stream (MISB ST 1402: stream type 0x15, AU cells, PTS) to a transport stream.
import { parsePes, ptsDifference } from '../mpegts/pes.js';
import { crc32, parsePat } from '../mpegts/psi.js';

export interface TimedKlv {
  /** 90 kHz. */
  pts: number;
  bytes: Buffer;
}

/** Into which program the stream goes. */
export interface KlvTarget {
  /** Which of the programs of the association table, from 0. */
  program: number;
  klvPid: number;
  /** Streams by whose time stamps the telemetry is multiplexed. */
  clockPids: readonly number[];
}

const packetBytes = 188;
const firstProgram: KlvTarget = { program: 0, klvPid: 0x1f1, clockPids: [0x100] };

/** ES entry of the program map: registration "KLVA", metadata_descriptor and metadata_STD_descriptor (ST 1402 section 9.4). */
const klvEntry = (klvPid: number): Buffer => {
  const descriptors = Buffer.concat([
    Buffer.from([0x05, 4]),
    Buffer.from('KLVA'),
    Buffer.from([0x26, 9, 0x01, 0x00, 0xff]),
    Buffer.from('KLVA'),
    Buffer.from([0x00, 0x0f]),
    Buffer.from([0x27, 9, 0xc0, 0, 0, 0xc0, 0, 0, 0xc0, 0, 0]),
  ]);
  const head = Buffer.alloc(5);
  head[0] = 0x15;
  head.writeUInt16BE(0xe000 | klvPid, 1);
  head.writeUInt16BE(0xf000 | descriptors.length, 3);
  return Buffer.concat([head, descriptors]);
};

/** The program map with one entry more, version and CRC renewed. One packet holds it. */
function extendPmt(packet: Buffer, klvPid: number): Buffer {
  const start = 5 + (packet[4] ?? 0);
  const section = packet.subarray(start, start + 3 + (packet.readUInt16BE(start + 1) & 0xfff));
  const body = Buffer.concat([section.subarray(0, -4), klvEntry(klvPid)]);
  body.writeUInt16BE(0xb000 | (body.length + 4 - 3), 1);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  const extended = Buffer.alloc(packetBytes, 0xff);
  packet.copy(extended, 0, 0, start);
  Buffer.concat([body, crc]).copy(extended, start);
  return extended;
}

/** The 33 bits of a PTS with their marker bits (ISO/IEC 13818-1 clause 2.4.3.6). */
function ptsBytes(pts: number): Buffer {
  const high = Math.floor(pts / 2 ** 30) & 7;
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x21 | (high << 1);
  bytes.writeUInt16BE((Math.floor(pts / 2 ** 15) & 0x7fff) * 2 + 1, 1);
  bytes.writeUInt16BE((pts & 0x7fff) * 2 + 1, 3);
  return bytes;
}

class KlvPackets {
  private sequence = 0;
  private counter = 0;

  constructor(private readonly pid: number) {}

  /** One KLV packet as a whole AU cell in one PES packet. */
  of({ pts, bytes }: TimedKlv): Buffer[] {
    const cell = Buffer.from([0, this.sequence++ & 0xff, 0xdf, bytes.length >> 8, bytes.length & 0xff]);
    const payload = Buffer.concat([cell, bytes]);
    const header = Buffer.from([0, 0, 1, 0xfc, 0, 0, 0x84, 0x80, 5]);
    header.writeUInt16BE(3 + 5 + payload.length, 4);
    const pes = Buffer.concat([header, ptsBytes(pts), payload]);
    const packets: Buffer[] = [];
    for (let at = 0; at < pes.length; at += packetBytes - 4)
      packets.push(this.packet(pes.subarray(at, at + packetBytes - 4), at === 0));
    return packets;
  }

  private packet(part: Buffer, first: boolean): Buffer {
    const packet = Buffer.alloc(packetBytes, 0xff);
    const stuffing = packetBytes - 4 - part.length;
    packet[0] = 0x47;
    packet.writeUInt16BE((first ? 0x4000 : 0) | this.pid, 1);
    packet[3] = (stuffing > 0 ? 0x30 : 0x10) | (this.counter++ & 0x0f);
    if (stuffing > 0) {
      packet[4] = stuffing - 1;
      if (stuffing > 1) packet[5] = 0;
    }
    part.copy(packet, 4 + stuffing);
    return packet;
  }
}

/** `stream` is whole packets of 188 bytes. Each KLV packet goes before the first picture or sound of its time or a later one. */
export function addKlv(
  stream: Buffer,
  telemetry: readonly TimedKlv[],
  { program, klvPid, clockPids } = firstProgram,
): Buffer {
  const packets: Buffer[] = [];
  const klv = new KlvPackets(klvPid);
  let next = 0;
  let mapPid = -1;
  for (let at = 0; at + packetBytes <= stream.length; at += packetBytes) {
    const packet = stream.subarray(at, at + packetBytes);
    const pid = packet.readUInt16BE(1) & 0x1fff;
    const unitStart = ((packet[1] ?? 0) & 0x40) !== 0;
    if (pid === 0 && unitStart) mapPid = parsePat(packet.subarray(5))[program] ?? -1;
    if (clockPids.includes(pid) && unitStart) {
      const start = ((packet[3] ?? 0) & 0x20) !== 0 ? 5 + (packet[4] ?? 0) : 4;
      const pts = parsePes(packet.subarray(start))?.pts ?? null;
      for (
        let item = telemetry[next];
        pts !== null && item && ptsDifference(item.pts, pts) <= 0;
        item = telemetry[++next]
      )
        packets.push(...klv.of(item));
    }
    packets.push(pid === mapPid && unitStart ? extendPmt(packet, klvPid) : packet);
  }
  for (const item of telemetry.slice(next)) packets.push(...klv.of(item));
  return Buffer.concat(packets);
}
