// Packetized elementary streams (ISO/IEC 13818-1 clause 2.4.3.6).

export interface PesHeader {
  streamId: number;
  /** 33 bits of 90 kHz; null when there is none. */
  pts: number | null;
  /** data_alignment_indicator. */
  aligned: boolean;
  /** Where the payload begins. */
  payload: number;
  /** Bytes of the whole packet; null when it does not say (video only, by the standard). */
  size: number | null;
}

/** Streams without the optional header: program_stream_map, padding, private_stream_2, ECM, EMM, DSMCC, H.222.1 E, directory. */
const bare = [0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff];

/** Null when the bytes are no PES packet, or too few to tell. */
export function parsePes(bytes: Buffer): PesHeader | null {
  if (bytes.length < 6 || bytes.readUIntBE(0, 3) !== 1) return null;
  const streamId = bytes[3] ?? 0;
  const length = bytes.readUInt16BE(4);
  const size = length === 0 ? null : 6 + length;
  if (bare.includes(streamId)) return { streamId, pts: null, aligned: false, payload: 6, size };
  // '10' before the flags, else this is no MPEG-2 PES header.
  if (bytes.length < 9 || ((bytes[6] ?? 0) & 0xc0) !== 0x80) return null;
  const payload = 9 + (bytes[8] ?? 0);
  const hasPts = ((bytes[7] ?? 0) & 0x80) !== 0 && bytes.length >= 14 && payload >= 14;
  return {
    streamId,
    pts: hasPts ? readPts(bytes, 9) : null,
    aligned: ((bytes[6] ?? 0) & 0x04) !== 0,
    payload,
    size,
  };
}

/** 3, 15 and 15 bits with marker bits between them. */
const readPts = (bytes: Buffer, at: number): number =>
  (((bytes[at] ?? 0) >> 1) & 7) * 2 ** 30 +
  (bytes.readUInt16BE(at + 1) >> 1) * 2 ** 15 +
  (bytes.readUInt16BE(at + 3) >> 1);

/** Timestamps wrap at 2^33 of 90 kHz, after 26.5 hours. */
export const ptsWrap = 2 ** 33;

/** The nearest difference a - b on the wrapping clock, ticks. */
export function ptsDifference(a: number, b: number): number {
  const difference = (((a - b) % ptsWrap) + ptsWrap) % ptsWrap;
  return difference >= ptsWrap / 2 ? difference - ptsWrap : difference;
}
