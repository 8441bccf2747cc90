// Transport streams written packet by packet, of any shape (ISO/IEC 13818-1 clauses 2.4.3 and 2.4.4).
import { crc32 } from '../mpegts/psi.js';

export type StreamEntry = readonly [type: number, pid: number, descriptors?: Buffer];

export interface Program {
  number: number;
  /** Of its map. */
  pid: number;
  streams: readonly StreamEntry[];
}

const payloadBytes = 184;

function section(head: readonly number[], body: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from(head), body, Buffer.alloc(4)]);
  bytes.writeUInt16BE(0xb000 | (bytes.length - 3), 1);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

function mapOf({ number, streams }: Program, flags: number): Buffer {
  const entries = streams.map(([type, pid, descriptors = Buffer.alloc(0)]) =>
    Buffer.concat([Buffer.from([type, 0xe0 | (pid >> 8), pid & 255, 0xf0, descriptors.length]), descriptors]),
  );
  return section([2, 0, 0, number >> 8, number & 255, flags, 0, 0, 0xe1, 0, 0xf0, 0], Buffer.concat(entries));
}

export class TransportWriter {
  readonly packets: Buffer[] = [];
  private readonly counters = new Map<number, number>();

  write(pid: number, unit: Buffer, psi = false): this {
    let rest = psi ? Buffer.concat([Buffer.from([0]), unit]) : unit;
    for (let first = true; first || rest.length > 0; first = false) {
      const part = rest.subarray(0, payloadBytes);
      rest = rest.subarray(payloadBytes);
      const packet = Buffer.alloc(188, 0xff);
      const counter = this.counters.get(pid) ?? 0;
      this.counters.set(pid, (counter + 1) & 15);
      packet[0] = 0x47;
      packet.writeUInt16BE((first ? 0x4000 : 0) | pid, 1);
      const stuffing = psi ? 0 : payloadBytes - part.length;
      packet[3] = (stuffing > 0 ? 0x30 : 0x10) | counter;
      if (stuffing > 0) packet[4] = stuffing - 1;
      if (stuffing > 1) packet[5] = 0;
      part.copy(packet, 4 + stuffing);
      this.packets.push(packet);
    }
    return this;
  }

  programs(programs: readonly Program[], version = 0): this {
    const flags = 0xc1 | (version << 1);
    const list = programs.map(({ number, pid }) => Buffer.from([number >> 8, number & 255, 0xe0 | (pid >> 8), pid & 255])); // prettier-ignore
    this.write(0, section([0, 0, 0, 0, 1, flags, 0, 0], Buffer.concat(list)), true);
    for (const program of programs) this.write(program.pid, mapOf(program, flags), true);
    return this;
  }

  /** One program. */
  tables(streams: readonly StreamEntry[], version = 0): this {
    return this.programs([{ number: 1, pid: 0x1000, streams }], version);
  }

  pes(pid: number, id: number, pts: number | null, payload: Buffer): this {
    const stamp = Buffer.alloc(pts === null ? 0 : 5);
    if (pts !== null) {
      stamp[0] = 0x21 | ((Math.floor(pts / 2 ** 30) & 7) << 1);
      stamp.writeUInt16BE((Math.floor(pts / 2 ** 15) & 0x7fff) * 2 + 1, 1);
      stamp.writeUInt16BE((pts % 2 ** 15) * 2 + 1, 3);
    }
    const head = Buffer.from([0, 0, 1, id, 0, 0, 0x84, pts === null ? 0 : 0x80, stamp.length]);
    head.writeUInt16BE(3 + stamp.length + payload.length, 4);
    return this.write(pid, Buffer.concat([head, stamp, payload]));
  }

  /** 188 bytes a packet; 192 with four before each, 204 with sixteen behind. */
  bytes(stride = 188): Buffer {
    const extra = Buffer.alloc(stride - 188, 0x11);
    return Buffer.concat(this.packets.flatMap((packet) => (stride === 192 ? [extra, packet] : [packet, extra])));
  }
}
