// An incremental reader of MPEG transport streams (ISO/IEC 13818-1 clause 2.4.3): packets of 188, 192 or 204 bytes, also
// behind and between junk; program maps that come late and change; the payload of the PIDs that may carry KLV, and the
// clock of the video beside them. Memory stays bounded whatever the stream holds.
import { parsePes, type PesHeader } from './pes.js';
import { parsePat, parsePmt, SectionAssembler, type ElementaryStream } from './psi.js';

export interface KlvStream extends ElementaryStream {
  /** stream_type 0x15, or a registration "KLVA": it says of itself that it carries KLV. */
  declared: boolean;
}

export interface PesPacket {
  stream: KlvStream;
  header: PesHeader;
  payload: Buffer;
  /** PTS of the last video before it in the multiplex; null before the first. */
  videoPts: number | null;
  /** Bytes were lost inside of it: the payload ends early. */
  broken: boolean;
}

export interface TransportReport {
  packets: number;
  /** Bytes stepped over to find packets. */
  junkBytes: number;
  /** Jumps of the continuity counters of the KLV PIDs. */
  continuityErrors: number;
  scrambled: number;
  /** KLV PIDs, in the order in which they were declared. */
  streams: KlvStream[];
}

const packetBytes = 188;
const strides = [188, 192, 204];
const sync = 0x47;
/** So many sync bytes in step make a lock; at the end of a short stream fewer do. */
const lockRun = 5;
const largestPes = 1024 * 1024;

const metadataInPes = 0x15;
const privatePes = 0x06;
const registration = 0x05;

/** Types that carry a picture: MPEG-1/2, MPEG-4, H.264, HEVC, VVC, JPEG 2000, AVS, VC-1. */
const videoTypes = [0x01, 0x02, 0x10, 0x1b, 0x21, 0x24, 0x33, 0x42, 0xd1, 0xd2, 0xea];

interface Assembly {
  stream: KlvStream;
  parts: Buffer[];
  size: number;
  wanted: number | null;
  counter: number | null;
  videoPts: number | null;
  started: boolean;
}

export class TransportReader {
  readonly report: TransportReport = { packets: 0, junkBytes: 0, continuityErrors: 0, scrambled: 0, streams: [] };
  private rest = Buffer.alloc(0);
  private stride = 0;
  private readonly sections = new Map<number, SectionAssembler>([[0, new SectionAssembler()]]);
  private readonly programMaps = new Set<number>();
  private readonly assemblies = new Map<number, Assembly>();
  private readonly videoPids = new Set<number>();
  private videoPts: number | null = null;

  /** `onPes` gets each PES packet of each KLV candidate; its payload is its own. */
  constructor(private readonly onPes: (packet: PesPacket) => void) {}

  push(chunk: Buffer): void {
    const bytes = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    this.rest = Buffer.from(bytes.subarray(this.read(bytes, false)));
  }

  /** The stream is over: what is whole is given. */
  end(): void {
    this.report.junkBytes += this.rest.length - this.read(this.rest, true);
    this.rest = Buffer.alloc(0);
    for (const assembly of this.assemblies.values()) this.finish(assembly, false);
  }

  /** Reads packets and tells how far it came. */
  private read(bytes: Buffer, last: boolean): number {
    let at = 0;
    for (;;) {
      if (this.stride > 0 && at + packetBytes <= bytes.length && bytes[at] === sync) {
        this.packet(bytes.subarray(at, at + packetBytes));
        at += this.stride;
        // What stands between two packets (a time code, parity) may not have come yet.
        if (at > bytes.length) {
          if (last) return bytes.length;
          this.skip = at - bytes.length;
          return bytes.length;
        }
        continue;
      }
      if (this.skip > 0) {
        const skipped = Math.min(this.skip, bytes.length - at);
        this.skip -= skipped;
        at += skipped;
        if (this.skip > 0) return at;
        continue;
      }
      if (this.stride > 0 && at + packetBytes > bytes.length && (bytes[at] === sync || at >= bytes.length)) return at;
      const found = this.lock(bytes, at, last);
      this.report.junkBytes += found.at - at;
      at = found.at;
      if (!found.locked) return at;
    }
  }

  private skip = 0;

  /** Looks for packets in step from `at` on. Unlocked, it tells up to where there is none. */
  private lock(bytes: Buffer, at: number, last: boolean): { at: number; locked: boolean } {
    const reach = Math.max(...strides) * (lockRun - 1) + 1;
    for (let start = bytes.indexOf(sync, at); start >= 0; start = bytes.indexOf(sync, start + 1)) {
      if (!last && start + reach > bytes.length) {
        this.stride = 0;
        return { at: start, locked: false };
      }
      for (const stride of strides) {
        let run = 1;
        while (run < lockRun && bytes[start + run * stride] === sync) run++;
        const allThereIs = last && start + run * stride >= bytes.length && start + packetBytes <= bytes.length;
        if (run === lockRun || allThereIs) {
          this.stride = stride;
          return { at: start, locked: true };
        }
      }
    }
    this.stride = 0;
    return { at: bytes.length, locked: false };
  }

  private packet(packet: Buffer): void {
    this.report.packets++;
    const second = packet[1] ?? 0;
    const pid = ((second & 0x1f) << 8) | (packet[2] ?? 0);
    const assembly = this.assemblies.get(pid);
    const isVideo = this.videoPids.has(pid);
    const assembler = this.sections.get(pid);
    if (!assembly && !isVideo && !assembler) return;
    // transport_error_indicator: the bytes are known to be wrong.
    if ((second & 0x80) !== 0) return;
    const fourth = packet[3] ?? 0;
    if ((fourth & 0xc0) !== 0) {
      this.report.scrambled++;
      return;
    }
    if ((fourth & 0x10) === 0) return;
    const hasAdaptation = (fourth & 0x20) !== 0;
    const start = hasAdaptation ? 5 + (packet[4] ?? 0) : 4;
    if (start >= packetBytes) return;
    const unitStart = (second & 0x40) !== 0;
    const payload = packet.subarray(start);
    if (isVideo && unitStart) this.videoPts = parsePes(payload)?.pts ?? this.videoPts;
    if (assembler) this.table(pid, assembler.push(payload, unitStart));
    if (assembly) {
      // discontinuity_indicator announces a jump of the counter (clause 2.4.3.5).
      const announced = hasAdaptation && (packet[4] ?? 0) > 0 && ((packet[5] ?? 0) & 0x80) !== 0;
      this.collect(assembly, payload, unitStart, fourth & 0x0f, announced);
    }
  }

  private table(pid: number, sections: readonly Buffer[]): void {
    for (const section of sections) {
      if (pid === 0) {
        for (const map of parsePat(section)) {
          this.programMaps.add(map);
          if (!this.sections.has(map)) this.sections.set(map, new SectionAssembler());
        }
      } else if (this.programMaps.has(pid)) for (const stream of parsePmt(section)) this.declare(stream);
    }
  }

  private declare(stream: ElementaryStream): void {
    if (videoTypes.includes(stream.streamType)) this.videoPids.add(stream.pid);
    if (this.assemblies.has(stream.pid)) return;
    if (stream.streamType !== metadataInPes && stream.streamType !== privatePes) return;
    const registered = stream.descriptors.some(
      ({ tag, data }) => tag === registration && data.toString('latin1', 0, 4) === 'KLVA',
    );
    const klv: KlvStream = { ...stream, declared: registered || stream.streamType === metadataInPes };
    this.report.streams.push(klv);
    this.assemblies.set(stream.pid, {
      stream: klv,
      parts: [],
      size: 0,
      wanted: null,
      counter: null,
      videoPts: null,
      started: false,
    });
  }

  private collect(assembly: Assembly, payload: Buffer, unitStart: boolean, counter: number, announced: boolean): void {
    if (assembly.counter === counter && !unitStart) return; // sent twice (clause 2.4.3.3)
    const expected = assembly.counter === null ? counter : (assembly.counter + 1) & 0x0f;
    assembly.counter = counter;
    if (counter !== expected && !announced) {
      this.report.continuityErrors++;
      this.finish(assembly, true);
    }
    if (unitStart) {
      this.finish(assembly, false);
      assembly.started = true;
      assembly.videoPts = this.videoPts;
      assembly.wanted = parsePes(payload)?.size ?? null;
    }
    if (!assembly.started) return;
    assembly.parts.push(Buffer.from(payload));
    assembly.size += payload.length;
    if (assembly.size >= largestPes || (assembly.wanted !== null && assembly.size >= assembly.wanted))
      this.finish(assembly, false);
  }

  private finish(assembly: Assembly, broken: boolean): void {
    const { parts, stream, videoPts, started } = assembly;
    assembly.parts = [];
    assembly.size = 0;
    assembly.started = false;
    if (!started || parts.length === 0) return;
    const bytes = Buffer.concat(parts);
    const header = parsePes(bytes);
    if (!header || header.payload > bytes.length) return;
    this.onPes({
      stream,
      header,
      payload: bytes.subarray(header.payload, header.size ?? bytes.length),
      videoPts,
      broken,
    });
  }
}
