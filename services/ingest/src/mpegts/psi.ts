// Program specific information: which PID carries what (ISO/IEC 13818-1 clause 2.4.4).

export interface ElementaryStream {
  pid: number;
  streamType: number;
  /** Descriptors of the elementary stream, tag and data. */
  descriptors: readonly { tag: number; data: Buffer }[];
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** CRC-32 of Annex A: over a whole section with its CRC it is 0. */
export function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = ((crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  return crc;
}

const longestSection = 1024 + 3;

/** Puts the sections of one PID together from the payloads of its packets. */
export class SectionAssembler {
  private parts = Buffer.alloc(0);
  private open = false;
  /** The section that came alone in a packet last: tables are sent again and again, ten times a second. */
  private last: Buffer | null = null;

  /** Whole sections with a right CRC, but for those that were the last ones too. */
  push(payload: Buffer, unitStart: boolean): Buffer[] {
    if (unitStart && this.isLast(payload)) return [];
    const found = this.assemble(payload, unitStart);
    if (found.length === 1 && found[0]) this.last = Buffer.from(found[0]);
    else if (found.length > 1) this.last = null;
    return found;
  }

  private isLast(payload: Buffer): boolean {
    if (!this.last || payload[0] !== 0 || this.parts.length > 0) return false;
    const end = 1 + this.last.length;
    return (payload[end] ?? 0xff) === 0xff && payload.compare(this.last, 0, this.last.length, 1, end) === 0;
  }

  private assemble(payload: Buffer, unitStart: boolean): Buffer[] {
    const found: Buffer[] = [];
    let rest = payload;
    if (unitStart) {
      // pointer_field: bytes of the section before, then the new one (clause 2.4.4.1).
      const pointer = payload[0] ?? 0;
      if (this.open) this.append(payload.subarray(1, 1 + pointer), found);
      rest = payload.subarray(1 + pointer);
      this.parts = Buffer.alloc(0);
      this.open = true;
    }
    if (this.open) this.append(rest, found);
    return found;
  }

  private append(bytes: Buffer, found: Buffer[]): void {
    let rest = Buffer.concat([this.parts, bytes]);
    while (rest.length >= 3 && rest[0] !== 0xff) {
      const size = 3 + (rest.readUInt16BE(1) & 0xfff);
      if (size > longestSection) {
        this.open = false;
        break;
      }
      if (rest.length < size) break;
      const section = rest.subarray(0, size);
      if (crc32(section) === 0) found.push(section);
      rest = rest.subarray(size);
    }
    this.parts = rest[0] === 0xff ? Buffer.alloc(0) : Buffer.from(rest.subarray(0, longestSection));
  }
}

/** current_next_indicator: what comes later says so, and does not hold yet. */
const isCurrent = (section: Buffer): boolean => ((section[5] ?? 0) & 1) === 1;

/** PIDs of the program maps of a program association section (clause 2.4.4.3). */
export function parsePat(section: Buffer): number[] {
  const pids: number[] = [];
  if (section[0] !== 0x00 || !isCurrent(section)) return pids;
  for (let at = 8; at + 4 <= section.length - 4; at += 4) {
    const program = section.readUInt16BE(at);
    if (program !== 0) pids.push(section.readUInt16BE(at + 2) & 0x1fff);
  }
  return pids;
}

/** A program, and what belongs to it. */
export interface ProgramMap {
  program: number;
  streams: readonly ElementaryStream[];
}

/** A program map section (clause 2.4.4.8); null for a table of another kind. */
export function parsePmt(section: Buffer): ProgramMap | null {
  if (section[0] !== 0x02 || section.length < 16 || !isCurrent(section)) return null;
  const streams: ElementaryStream[] = [];
  const end = section.length - 4;
  let at = 12 + (section.readUInt16BE(10) & 0xfff);
  while (at + 5 <= end) {
    const length = section.readUInt16BE(at + 3) & 0xfff;
    const info = section.subarray(at + 5, Math.min(at + 5 + length, end));
    streams.push({
      streamType: section[at] ?? 0,
      pid: section.readUInt16BE(at + 1) & 0x1fff,
      descriptors: parseDescriptors(info),
    });
    at += 5 + length;
  }
  return { program: section.readUInt16BE(3), streams };
}

function parseDescriptors(bytes: Buffer): { tag: number; data: Buffer }[] {
  const descriptors: { tag: number; data: Buffer }[] = [];
  for (let at = 0; at + 2 <= bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
    const length = bytes[at + 1] ?? 0;
    descriptors.push({ tag: bytes[at] ?? 0, data: Buffer.from(bytes.subarray(at + 2, at + 2 + length)) });
  }
  return descriptors;
}
