// What a file is, by its bytes alone: names lie. The answer forces the demuxer everywhere after, so that no file can
// choose its own (playlists and scripts that name other files are formats too).
import { startsWithCutKey } from '../klv/cut-keys.js';

export interface Container {
  /** Short name of the libavformat demuxer. */
  demuxer: string;
  /** For people and for the layer. */
  name: string;
}

export type Sniffed =
  | { kind: 'video'; container: Container }
  /** KLV packets without a transport around them. */
  | { kind: 'klv' }
  /** A format that makes its reader open other files or sockets. */
  | { kind: 'forbidden'; what: string }
  /** Only who has the key can show it. */
  | { kind: 'encrypted' }
  /** A container that is known by name and not taken. */
  | { kind: 'other'; name: string }
  | { kind: 'unknown' };

/** This many first bytes are enough for every rule below. */
export const sniffBytes = 256 * 1024;

const video = (demuxer: string, name: string): Sniffed => ({ kind: 'video', container: { demuxer, name } });
const ascii = (head: Buffer, at: number, length: number): string => head.toString('latin1', at, at + length);

/** Box types that begin an ISO base media or QuickTime file (ISO/IEC 14496-12 clause 4.3; QTFF). */
const firstBoxes = ['ftyp', 'styp', 'moov', 'moof', 'mdat', 'free', 'skip', 'wide', 'pnot', 'sidx', 'uuid', 'meta'];

/** Five sync bytes at one distance are no accident (ISO 13818-1 clause 2.4.3.2; 192 = M2TS, 204 = with parity). */
function isTransportStream(head: Buffer): boolean {
  const runs = 5;
  for (const size of [188, 192, 204]) {
    const last = head.length - size * (runs - 1);
    for (let at = 0; at < last; at++) {
      at = head.indexOf(0x47, at);
      if (at < 0 || at >= last) break;
      let run = 1;
      while (run < runs && head[at + run * size] === 0x47) run++;
      if (run === runs) return true;
    }
  }
  // A very short one: all that is there is in step.
  return head.length >= 188 && head.length < 188 * runs && head.length % 188 === 0 && everyPacketInStep(head);
}

/**
 * Most packets with a payload are scrambled (ISO 13818-1, 2.4.3.3: transport_scrambling_control). Not all: the tables never are.
 */
function isScrambled(head: Buffer): boolean {
  for (const size of [188, 192, 204]) {
    const first = [...head.subarray(0, size)].findIndex(
      (byte, at) => byte === 0x47 && head[at + size] === 0x47 && head[at + 2 * size] === 0x47,
    );
    if (first < 0) continue;
    let scrambled = 0;
    let payloads = 0;
    for (let at = first; at + 4 <= head.length && head[at] === 0x47; at += size) {
      const control = head[at + 3] ?? 0;
      if ((control & 0x10) !== 0) payloads++;
      if ((control & 0x10) !== 0 && (control & 0x80) !== 0) scrambled++;
    }
    return scrambled * 2 > payloads;
  }
  return false;
}

function everyPacketInStep(head: Buffer): boolean {
  for (let at = 0; at < head.length; at += 188) if (head[at] !== 0x47) return false;
  return true;
}

/** Where a partition pack of MXF begins; a run-in of up to 64 KiB may come before it (SMPTE ST 377-1, 6.5). */
function isMxf(head: Buffer): boolean {
  const at = head.indexOf(Buffer.from('060e2b34020501010d0102', 'hex'));
  return at >= 0 && at < 65_536;
}

/** Objects of an ASF header that encrypt its content (Advanced Systems Format, 3.14 and 3.15). */
const asfEncryption = ['fbb3112223bdd211b4b700a0c955fc6e', '14e68a292226174cb935dae07ee9289c'];

/** Containers that are not taken: named, so that people know what to convert. */
const others: readonly [RegExp, string][] = [
  [/^AV[\x01\x02]/, 'PVA (TechnoTrend)'],
  [/^nut\/multimedia container/, 'NUT'],
  [/^\.RMF/, 'RealMedia'],
  [/^NSV[fs]/, 'Nullsoft Streaming Video'],
  [/^\x00\x00\x00\x00\x01\xbc/, 'GXF (SMPTE 360M)'],
  [/^\xb7\xd8\x00\x20\x37\x49\xda\x11/, 'Windows recorded TV (WTV)'],
  [/^FORM....ANIM/s, 'an IFF animation'],
];

/** Raw H.264 or HEVC: the first NAL unit is a parameter set or an access unit delimiter (H.264 and H.265 clause 7.4.1/7.4.2, Annex B). */
function elementaryStream(head: Buffer): Sniffed | null {
  const long = head.length > 5 && head.readUInt32BE(0) === 1;
  const short = head.length > 4 && head.readUIntBE(0, 3) === 1;
  if (!long && !short) return null;
  const nal = head[long ? 4 : 3] ?? 0;
  const second = head[long ? 5 : 4] ?? 0;
  if (short && nal === 0xba) return video('mpeg', 'mpegps'); // pack_start_code
  if (short && nal === 0xb3) return video('mpegvideo', 'mpegvideo'); // sequence_header_code
  if (short && (nal === 0xb0 || nal === 0x00)) return video('m4v', 'm4v'); // MPEG-4 visual_object_sequence, video_object
  const hevcType = (nal >> 1) & 0x3f;
  if ((nal & 0x81) === 0 && second === 1 && hevcType >= 32 && hevcType <= 35) return video('hevc', 'hevc');
  const h264Type = nal & 0x1f;
  if ((nal & 0x80) === 0 && (h264Type === 7 || h264Type === 9 || h264Type === 6)) return video('h264', 'h264');
  return null;
}

/** Text formats that name other files. */
const forbidden: readonly [RegExp, string][] = [
  [/^#EXTM3U/, 'an HLS playlist'],
  [/^ffconcat/, 'a concat script'],
  [/^v=0\s/, 'a session description (SDP)'],
  [/^\s*<\?xml|^\s*<MPD/, 'an XML document'],
  [/^\[playlist\]/i, 'a playlist'],
  [/^(file|http|https|rtsp|rtp|udp|tcp|concat|subfile|data|crypto):/i, 'a link'],
];

/** Zeros may stand before the first start code (ISO 13818-2, 5.2.3; ITU-T H.264, B.1.1: leading_zero_8bits). */
function withoutLeadingZeros(head: Buffer): Buffer {
  const first = head.findIndex((byte) => byte !== 0);
  return first > 3 ? head.subarray(first - 2) : head;
}

export function sniff(head: Buffer): Sniffed {
  if (head.length === 0) return { kind: 'unknown' };
  const text = head.toString('latin1', 0, 256).replace(/^\u00ef\u00bb\u00bf/, '');
  for (const [form, what] of forbidden) if (form.test(text)) return { kind: 'forbidden', what };

  if (head.length >= 8 && firstBoxes.includes(ascii(head, 4, 4))) return video('mov', 'mp4');
  if (head.length >= 4 && head.readUInt32BE(0) === 0x1a45dfa3) return video('matroska', 'matroska'); // EBML
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 3) === 'AVI') return video('avi', 'avi');
  if (ascii(head, 0, 3) === 'FLV') return video('flv', 'flv');
  if (ascii(head, 0, 4) === 'DKIF') return video('ivf', 'ivf');
  if (ascii(head, 0, 4) === 'OggS') return video('ogg', 'ogg');
  if (ascii(head, 0, 10) === 'YUV4MPEG2 ') return video('yuv4mpegpipe', 'y4m');
  if (head.subarray(0, 4).equals(Buffer.from('3026b275', 'hex')))
    return asfEncryption.some((id) => head.includes(Buffer.from(id, 'hex')))
      ? { kind: 'encrypted' }
      : video('asf', 'asf');
  // An MXF partition pack is KLV as well, so it is asked for first (SMPTE ST 377-1 clause 6.1).
  if (isMxf(head)) return video('mxf', 'mxf');
  if (head.subarray(0, 4).equals(Buffer.from('060e2b34', 'hex')) || startsWithCutKey(head, 0)) return { kind: 'klv' };
  const elementary = elementaryStream(withoutLeadingZeros(head));
  if (elementary) return elementary;
  if (isTransportStream(head)) return isScrambled(head) ? { kind: 'encrypted' } : video('mpegts', 'mpegts');
  const bytes = head.toString('latin1', 0, 64);
  for (const [form, name] of others) if (form.test(bytes)) return { kind: 'other', name };
  // Cut from the middle of a recording: the first whole packet begins later. 02: the label of a set (SMPTE ST 336).
  if (head.includes(Buffer.from('060e2b3402', 'hex'))) return { kind: 'klv' };
  return { kind: 'unknown' };
}
