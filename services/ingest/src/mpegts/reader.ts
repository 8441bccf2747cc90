// An incremental reader of MPEG transport streams (ISO/IEC 13818-1 clause 2.4.3): packets of 188, 192 or 204 bytes, also
// behind and between junk; program maps that come late and change; the payload of the PIDs that may carry KLV, and the
// clock of the video beside them. Memory stays bounded whatever the stream holds.
import { klvStreamBudget } from '../budgets.js';
import { parsePes, type PesHeader } from './pes.js';
import { parsePat, parsePmt, SectionAssembler, type ElementaryStream } from './psi.js';

export interface KlvStream extends ElementaryStream {
  /** Of the program in whose map it was found first. */
  program: number;
  /** It is of another program than the one that is asked for. */
  foreign: boolean;
  /** stream_type 0x15, or the identifier "KLVA": it says of itself that it carries KLV. */
  declared: boolean;
}

export interface PesPacket {
  stream: KlvStream;
  header: PesHeader;
  payload: Buffer;
  /** PTS of the last video of its program before it in the multiplex; null before the first. */
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
const headerBytes = 4;
const strides = [188, 192, 204];
const sync = 0x47;
/** So many sync bytes in step make a lock; at the end of a short stream fewer do. */
const lockRun = 5;
/** Packets of a picture's beginning: its parameter sets and supplements come before its slices. */
const headPackets = 8;
const largestPes = 1024 * 1024;

const metadataInPes = 0x15;
const privatePes = 0x06;
/** Tags of descriptors that may hold the identifier "KLVA": registration, metadata pointer, metadata. */
const identifying = [0x05, 0x25, 0x26];

/** stream_type of HEVC. */
export const hevcStream = 0x24;
/** Types that carry a picture: MPEG-1/2, MPEG-4, H.264, HEVC, VVC, JPEG 2000, AVS, VC-1. */
const pictureTypes = [0x01, 0x02, 0x10, 0x1b, 0x21, hevcStream, 0x33, 0x42, 0xd1, 0xd2, 0xea];

/** Whether the byte behind a start code (00 00 01) begins a slice. */
const sliceTests: Partial<Record<number, (byte: number) => boolean>> = {
  // ISO/IEC 13818-2 table 6-1: slice_start_code.
  0x01: (byte) => byte >= 0x01 && byte <= 0xaf,
  0x02: (byte) => byte >= 0x01 && byte <= 0xaf,
  // H.264 table 7-1 and H.265 table 7-1: VCL NAL unit types.
  0x1b: (byte) => (byte & 0x1f) >= 1 && (byte & 0x1f) <= 5,
  [hevcStream]: (byte) => ((byte >> 1) & 0x3f) < 32,
};
const startCode = 3;

/**
 * A sync byte, and an adaptation_field_control that is not the reserved one: the time code before a packet of 192 bytes may
 * look like a sync byte again and again.
 */
const isPacket = (bytes: Buffer, at: number): boolean => bytes[at] === sync && ((bytes[at + 3] ?? 0) & 0x30) !== 0;

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
  /** stream_type of the PIDs that carry pictures. */
  private readonly videoTypes = new Uint8Array(8192);
  /** The program of each of these, and the PTS of its last picture: programs have clocks of their own (clause 2.4.4.9). */
  private readonly videoPrograms = new Uint16Array(8192);
  private readonly videoPts = new Map<number, number>();
  private lastVideoPts: number | null = null;
  private readonly withVideo = new Set<number>();

  /** Beginning of the picture that is on its way, and how many packets are still to be looked at. */
  private readonly head = Buffer.alloc(headPackets * packetBytes);
  private headSize = 0;
  private headLeft = 0;
  private headPid = 0;

  /**
   * `onPes` gets each PES packet of each KLV candidate; its payload is its own. `onLoss` hears of packets of a candidate
   * that are missing between two of its PES packets. `onVideo` gets the first bytes of each picture that has a PTS, and its
   * stream_type; they are valid until it returns. `onPicture` hears of each picture that has a PTS, with its program.
   * `program`: the number of the one whose streams are asked for; those of others are marked. Null: all.
   */
  constructor(
    private readonly onPes: (packet: PesPacket) => void,
    private readonly onLoss?: (stream: KlvStream) => void,
    private readonly onVideo?: (head: Buffer, streamType: number) => void,
    private readonly onPicture?: (pts: number, program: number) => void,
    private readonly program: number | null = null,
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
    const reach = Math.max(...strides) * (lockRun - 1) + headerBytes;
    for (let start = bytes.indexOf(sync, at); start >= 0; start = bytes.indexOf(sync, start + 1)) {
      if (!last && start + reach > bytes.length) {
        this.stride = 0;
        return { at: start, locked: false };
      }
      for (const stride of strides) {
        let run = 0;
        while (run < lockRun && isPacket(bytes, start + run * stride)) run++;
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
    const unitStart = (second & 0x40) !== 0;
    if (role === roleVideo && !unitStart && (this.headPid !== pid || this.headLeft === 0)) return;
    // transport_error_indicator: the bytes are known to be wrong.
    if ((second & 0x80) !== 0) return;
    const fourth = bytes[at + 3] ?? 0;
    if ((fourth & 0xc0) !== 0) {
      this.report.scrambled++;
      return;
    }
    if ((fourth & 0x10) === 0) return;
    const hasAdaptation = (fourth & 0x20) !== 0;
    const adaptation = hasAdaptation ? (bytes[at + 4] ?? 0) : 0;
    const start = at + (hasAdaptation ? 5 + adaptation : 4);
    const end = at + packetBytes;
    if (start >= end) return;
    if (role === roleVideo) {
      if (unitStart) this.beginPicture(pid, bytes.subarray(start, end));
      else this.addToHead(bytes, start, end);
      return;
    }
    const payload = bytes.subarray(start, end);
    const assembler = this.sections.get(pid);
    if (assembler) this.table(pid, assembler.push(payload, unitStart));
    const assembly = this.assemblies.get(pid);
    if (assembly) {
      // discontinuity_indicator announces a jump of the counter (clause 2.4.3.5).
      const announced = adaptation > 0 && ((bytes[at + 5] ?? 0) & 0x80) !== 0;
      this.collect(assembly, payload, unitStart, fourth & 0x0f, announced);
    }
  }

  /** Of each picture the clock, and its first bytes to whoever wants them. */
  private beginPicture(pid: number, payload: Buffer): void {
    const header = parsePes(payload);
    if (!header || header.pts === null) return;
    const program = this.videoPrograms[pid] ?? 0;
    this.videoPts.set(program, header.pts);
    this.lastVideoPts = header.pts;
    this.onPicture?.(header.pts, program);
    if (!this.onVideo) return;
    this.giveHead();
    this.headPid = pid;
    this.headLeft = headPackets;
    this.headSize = 0;
    this.addToHead(payload, header.payload, payload.length);
  }

  /** A program without pictures goes with those of the others. */
  private videoPtsOf(program: number): number | null {
    return this.withVideo.has(program) ? (this.videoPts.get(program) ?? null) : this.lastVideoPts;
  }

  private addToHead(bytes: Buffer, start: number, end: number): void {
    const from = Math.max(0, this.headSize - startCode);
    if (start < end) this.headSize += bytes.copy(this.head, this.headSize, start, end);
    this.headLeft--;
    if (this.headLeft === 0 || this.hasSlice(from)) this.giveHead();
  }

  /** Whether the slices begin behind `from`: nothing that stands before them comes after them. */
  private hasSlice(from: number): boolean {
    const { head, headSize } = this;
    const isSlice = sliceTests[this.videoTypes[this.headPid] ?? 0];
    if (!isSlice) return false;
    for (let at = from + 2; at + 1 < headSize;) {
      const byte = head[at] ?? 0;
      if (byte === 1 && head[at - 1] === 0 && head[at - 2] === 0 && isSlice(head[at + 1] ?? 0)) return true;
      // No start code ends within three bytes of one that cannot be in it.
      at += byte > 1 ? 3 : 1;
    }
    return false;
  }

  private giveHead(): void {
    if (this.headSize > 0) this.onVideo?.(this.head.subarray(0, this.headSize), this.videoTypes[this.headPid] ?? 0);
    this.headSize = 0;
    this.headLeft = 0;
  }

  private table(pid: number, sections: readonly Buffer[]): void {
    for (const section of sections) {
      if (pid === 0) {
        for (const map of parsePat(section)) {
          this.programMaps.add(map);
          if (!this.sections.has(map)) this.sections.set(map, new SectionAssembler());
          this.roles[map] = roleOther;
        }
      } else if (this.programMaps.has(pid)) {
        const map = parsePmt(section);
        for (const stream of map?.streams ?? []) this.declare(stream, map?.program ?? 0);
      }
    }
  }

  /** What a PID carries, when it is new or has become something else, or belongs to the program that is asked for after all. */
  private declare(stream: ElementaryStream, program: number): void {
    const { pid, streamType } = stream;
    const foreign = this.program !== null && program !== this.program;
    const before = this.assemblies.get(pid);
    if (before?.stream.streamType === streamType && (foreign || !before.stream.foreign)) return;
    if (before) {
      this.finish(before, false);
      this.assemblies.delete(pid);
      this.roles[pid] = 0;
    }
    // A PID that carries tables as well is looked at whole.
    if (pictureTypes.includes(streamType) && this.roles[pid] === 0 && !foreign) {
      this.roles[pid] = roleVideo;
      this.videoTypes[pid] = streamType;
      this.videoPrograms[pid] = program;
      this.withVideo.add(program);
    }
    // Whatever the type, the identifier counts: in a registration, or as the format of metadata (clauses 2.6.8 and 2.6.60).
    const registered =
      !pictureTypes.includes(streamType) &&
      stream.descriptors.some(({ tag, data }) => identifying.includes(tag) && data.includes('KLVA'));
    if (!registered && streamType !== metadataInPes && streamType !== privatePes) return;
    const alike = [...this.assemblies.values()].filter((one) => one.stream.foreign === foreign);
    if (alike.length >= klvStreamBudget) return;
    const klv: KlvStream = { ...stream, program, foreign, declared: registered || streamType === metadataInPes };
    this.report.streams = [...this.report.streams.filter((one) => one.pid !== pid), klv];
    this.roles[pid] = roleOther;
    this.assemblies.set(pid, {
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
    // Sent twice (clause 2.4.3.3).
    if (assembly.counter === counter && (!unitStart || payload.compare(assembly.store, 0, payload.length) === 0))
      return;
    const expected = assembly.counter === null ? counter : (assembly.counter + 1) & 0x0f;
    assembly.counter = counter;
    if (counter !== expected && !announced) {
      this.report.continuityErrors++;
      if (assembly.started) this.finish(assembly, true);
      else this.onLoss?.(assembly.stream);
    }
    if (unitStart) {
      this.finish(assembly, false);
      assembly.started = true;
      assembly.videoPts = this.videoPtsOf(assembly.stream.program);
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
