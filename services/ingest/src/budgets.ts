// What the readers of strangers' files take at the most. Real files stay far below; whoever promises more than a file can
// hold, or makes much of little, is stopped here. Beside them stand the limits of the confined processes in which they run
// (telemetry/reader.ts, engine/limits.ts).

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const gibibyte = 1024 * mebibyte;

/** Telemetry beside the video. */
export const sidecarBudget = {
  /** Bytes of a table, a GPS track or a file of subtitles. */
  textBytes: 256 * mebibyte,
  /** Bytes of a file of KLV packets. */
  klvBytes: 2 * gibibyte,
  /** Rows that are sorted by their times, where a file has them in another order: they wait in memory. */
  sortedRows: 1_000_000,
  /** Bytes of one line of a table. */
  recordBytes: mebibyte,
  /** Characters of one text; ST 0601 has 127 bytes. */
  textCharacters: 1000,
  /** Bytes of one block of subtitles, and of one line in it. */
  blockBytes: 64 * kibibyte,
  xmlDepth: 64,
  /** Attributes of one element of XML. */
  xmlAttributes: 100,
  /** Characters of one value in XML. */
  xmlCharacters: 200,
} as const;

/** MP4, MOV and Matroska files. */
export const containerBudget = {
  /** Bytes of a moov or moof box. */
  movieBoxBytes: 256 * mebibyte,
  /** Boxes in one box, or in the file. */
  boxes: 1_000_000,
  tracks: 1_000,
  /** Samples of all tracks together: each has at least an entry of 4 bytes in a table, or its own bytes. */
  samples: (fileBytes: number): number => Math.min(50_000_000, 1_000 + fileBytes / 4),
  /** Bytes of all samples that are read: tables may name the same bytes again and again. */
  sampleBytes: (fileBytes: number): number => mebibyte + 2 * fileBytes,
  /** Elements of a Matroska file: a day has some ten million blocks. */
  elements: 50_000_000,
  /** A sample longer than this is no telemetry. */
  longestSample: mebibyte,
} as const;

/** PIDs of a transport stream that may carry KLV. */
export const klvStreamBudget = 64;

export const klvBudget = {
  /** No real packet comes near this; a longer length is damage. */
  packetBytes: 256 * kibibyte,
  /** Items of one set: the largest standard has 143, of which few are repeated. */
  itemsOfSet: 4_096,
  /** Sets in sets in sets: real ones go three deep. */
  depth: 8,
  /** Packets of all sources of a layer: two days at 100 a second. */
  packets: 20_000_000,
  /** Different names of one kind that are counted one by one. */
  countedNames: 10_000,
  /** Jumps of the video's clock that packets are put on the timeline by. */
  clockPieces: 1_000,
} as const;

/** What is written of telemetry. Of real flights all files together come to 16 to 55 times what was read. */
export const telemetryBudget = {
  /** Bytes of a packet's line in packets.ndjson; a longer one comes without its items. */
  line: (packetBytes: number): number => 4 * kibibyte + 32 * packetBytes,
  /** Bytes of all files: slowly changing items are told again with each packet, but not without end. */
  files: (telemetryBytes: number, videoBytes: number): number => 64 * mebibyte + 64 * telemetryBytes + videoBytes,
  /** Bytes of the cues of one segment; those that come later in it are left out. */
  cuesOfSegment: 16 * mebibyte,
  /** Bytes of events that wait in memory. */
  waitingEvents: 4 * mebibyte,
} as const;
