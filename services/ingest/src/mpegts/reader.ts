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
/** Packets of a picture's beginning behind the first: its parameter sets and supplements come before its slices. */
const headPackets = 7;
const largestPes = 1024 * 1024;

const metadataInPes = 0x15;
const privatePes = 0x06;
const registration = 0x05;

/** Types that carry a picture: MPEG-1/2, MPEG-4, H.264, HEVC, VVC, JPEG 2000, AVS, VC-1. */
const videoTypes = [0x01, 0x02, 0x10, 0x1b, 0x21, 0x24, 0x33, 0x42, 0xd1, 0xd2, 0xea];

/** Nothing that matters here; pictures, of which only the beginnings are looked at; tables and what may be KLV. */
const roleVideo = 1;
const roleOther = 2;
/** Most packets of telemetry fit; it grows for those that do not. */
const firstStore = 4096;

interface Assembly {
  stream: KlvStream;
  /** The first `size` bytes of it are the PES packet so far. */
  store: Buffer;
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
  /** What is known of each PID; see the roles. */
  private readonly roles = new Uint8Array(8192);
  private videoPts: number | null = null;

  private head: { pid: number; pts: number; parts: Buffer[]; left: number } | null = null;

  /**
   * `onPes` gets each PES packet of each KLV candidate; its payload is its own. `onVideo` gets the first bytes of each
   * picture that has a PTS.
   */
  constructor(
    private readonly onPes: (packet: PesPacket) => void,
    private readonly onVideo?: (head: Buffer, pts: number) => void,
  ) {
    this.roles[0] = roleOther;
  }

  push(chunk: Buffer): void {
    const bytes = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    this.rest = Buffer.from(bytes.subarray(this.read(bytes, false)));
  }

  /** The stream is over: what is whole is given. */
  end(): void {
    this.report.junkBytes += this.rest.length - this.read(this.rest, true);
    this.rest = Buffer.alloc(0);
    this.giveHead();
    for (const assembly of this.assemblies.values()) this.finish(assembly, false);
  }

  /** Reads packets and tells how far it came. */
  private read(bytes: Buffer, last: boolean): number {
    let at = 0;
    for (;;) {
      if (this.stride > 0 && at + packetBytes <= bytes.length && bytes[at] === sync) {
        this.packet(bytes, at);
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

  /** The one that begins at `at`. Most belong to pictures and sound, and are passed over without a look inside. */
  private packet(bytes: Buffer, at: number): void {
    this.report.packets++;
    const second = bytes[at + 1] ?? 0;
    const pid = ((second & 0x1f) << 8) | (bytes[at + 2] ?? 0);
    const role = this.roles[pid];
    if (role === undefined || role === 0) return;
    if (role === roleVideo && (second & 0x40) === 0 && (this.head?.pid !== pid || this.head.left === 0)) return;
    const packet = bytes.subarray(at, at + packetBytes);
    const assembly = this.assemblies.get(pid);
    const isVideo = role === roleVideo;
    const assembler = this.sections.get(pid);
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
    if (isVideo) this.lookAtVideo(pid, payload, unitStart);
    if (assembler) this.table(pid, assembler.push(payload, unitStart));
    if (assembly) {
      // discontinuity_indicator announces a jump of the counter (clause 2.4.3.5).
      const announced = hasAdaptation && (packet[4] ?? 0) > 0 && ((packet[5] ?? 0) & 0x80) !== 0;
      this.collect(assembly, payload, unitStart, fourth & 0x0f, announced);
    }
  }

  /** Of each picture the clock, and its first bytes to whoever wants them. */
  private lookAtVideo(pid: number, payload: Buffer, unitStart: boolean): void {
    if (unitStart) {
      const header = parsePes(payload);
      this.videoPts = header?.pts ?? this.videoPts;
      if (!this.onVideo || !header || header.pts === null) return;
      this.giveHead();
      this.head = { pid, pts: header.pts, parts: [Buffer.from(payload.subarray(header.payload))], left: headPackets };
    } else if (this.head && this.head.left > 0) {
      this.head.left--;
      this.head.parts.push(Buffer.from(payload));
      if (this.head.left === 0) this.giveHead();
    }
  }

  private giveHead(): void {
    const { head } = this;
    this.head = null;
    if (head) this.onVideo?.(Buffer.concat(head.parts), head.pts);
  }

  private table(pid: number, sections: readonly Buffer[]): void {
    for (const section of sections) {
      if (pid === 0) {
        for (const map of parsePat(section)) {
          this.programMaps.add(map);
          if (!this.sections.has(map)) this.sections.set(map, new SectionAssembler());
          this.roles[map] = roleOther;
        }
      } else if (this.programMaps.has(pid)) for (const stream of parsePmt(section)) this.declare(stream);
    }
  }

  private declare(stream: ElementaryStream): void {
    // A PID that carries tables as well is looked at whole.
    if (videoTypes.includes(stream.streamType) && this.roles[stream.pid] === 0) this.roles[stream.pid] = roleVideo;
    if (this.assemblies.has(stream.pid)) return;
    if (stream.streamType !== metadataInPes && stream.streamType !== privatePes) return;
    const registered = stream.descriptors.some(
      ({ tag, data }) => tag === registration && data.toString('latin1', 0, 4) === 'KLVA',
    );
    const klv: KlvStream = { ...stream, declared: registered || stream.streamType === metadataInPes };
    this.report.streams.push(klv);
    this.roles[stream.pid] = roleOther;
    this.assemblies.set(stream.pid, {
      stream: klv,
      store: Buffer.alloc(firstStore),
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
    if (assembly.size + payload.length > assembly.store.length) {
      const larger = Buffer.alloc(2 * assembly.store.length);
      assembly.store.copy(larger, 0, 0, assembly.size);
      assembly.store = larger;
    }
    payload.copy(assembly.store, assembly.size);
    assembly.size += payload.length;
    if (assembly.size >= largestPes || (assembly.wanted !== null && assembly.size >= assembly.wanted))
      this.finish(assembly, false);
  }

  private finish(assembly: Assembly, broken: boolean): void {
    const { store, size, stream, videoPts, started } = assembly;
    assembly.size = 0;
    assembly.started = false;
    if (!started || size === 0) return;
    // A copy: the payload is the listener's own.
    const bytes = Buffer.from(store.subarray(0, size));
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
