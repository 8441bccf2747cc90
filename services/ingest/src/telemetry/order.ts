// What the telemetry reader is asked, and what it answers. The answer comes from a process that has read a stranger's bytes:
// it is believed in its form only after a look at each field.
import { SortieError } from '@sortie/common/errors';
import type { Extent } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Container } from '../klv/source.js';
import type { TimeRange } from '../klv/cues.js';
import type { ClockPiece } from '../klv/pieces.js';
import type { Sidecar } from '../sidecar/row.js';
import { noteCodes, type Note } from './notes.js';

export interface TelemetryInput {
  /**
   * The video, what it is, and of a transport stream the number of the program whose telemetry counts (null: all). Null when
   * it cannot carry what is read here.
   */
  video: { path: string; container: Container; program: number | null } | null;
  sidecars: readonly Sidecar[];
}

export interface ProbeOrder extends TelemetryInput {
  kind: 'probe';
}

export interface ExtractOrder extends TelemetryInput {
  kind: 'extract';
  /** The layer's directory; paths are relative to it. */
  outputDir: string;
  videoBytes: number;
  /** Length of the video, seconds. */
  duration: number;
  /** When the recording began, by the video's own word: microseconds since 1970 (UTC); null when it has none. */
  creationTime: number | null;
  /** Of the video's clock, in order. */
  clock: readonly ClockPiece[];
  /** Segments of the video, the same in all renditions. */
  ranges: readonly TimeRange[];
  /** Bytes of the largest of them, in any rendition. */
  largestSegment: number;
  /** Of each rendition the paths of its segments. */
  segments: readonly (readonly string[])[];
}

export type Order = ProbeOrder | ExtractOrder;

export interface ProbeResult {
  /** PIDs, or numbers of tracks, that carry telemetry. */
  streams: number[];
  /** Packets of the video that were seen. */
  packets: number;
  /** Packets of each sidecar. */
  sidecars: number[];
}

export interface ExtractResult {
  /** 0: there is no telemetry, and no file of it. */
  packets: number;
  /** Packets of each kind of set. */
  kinds: Record<string, number>;
  extent: Extent | null;
  /** Microseconds since 1970, as sent. */
  first: number | null;
  last: number | null;
  /** Packets whose items were left out, and cues that were: they took more room than real ones do. */
  packetsWithoutItems: number;
  cuesLeftOut: number;
  /** The video's tables promise more than the file can hold; what comes after was not read. */
  incomplete: boolean;
  /** For the owner. */
  notes: Note[];
}

const mostStreams = 8192;
const mostKinds = 64;
const longestKind = 64;
const mostNotes = 64;
const longestNote = 1_000;

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isWithin = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Math.abs(value) <= most;
/** Microseconds, as packets have them: 64 bits. */
const isTime = (value: unknown): value is number => isWithin(value, 2 ** 64);
/** Degrees; an extent over the antimeridian goes on beyond 180. */
const isDegrees = (value: unknown): value is number => isWithin(value, 720);
const isCounts = (value: unknown, most: number): value is number[] =>
  Array.isArray(value) && value.length <= most && value.every(isCount);

const malformed = (): SortieError =>
  new SortieError('ENGINE_CRASHED', 'The telemetry reader gave an answer that makes no sense.');

/** `sidecars`: how many were given. */
export function readProbeResult(value: unknown, sidecars: number): ProbeResult {
  if (!isObject(value)) throw malformed();
  const { streams, packets, sidecars: counts } = value;
  if (!isCounts(streams, mostStreams) || !isCount(packets) || !isCounts(counts, sidecars)) throw malformed();
  return { streams, packets, sidecars: counts };
}

export function readExtractResult(value: unknown): ExtractResult {
  if (!isObject(value)) throw malformed();
  const { packets, kinds, first, last, packetsWithoutItems, cuesLeftOut, incomplete } = value;
  if (!isCount(packets) || !isCount(packetsWithoutItems) || !isCount(cuesLeftOut)) throw malformed();
  if (!isObject(kinds) || !isKinds(kinds) || typeof incomplete !== 'boolean') throw malformed();
  if ((first !== null && !isTime(first)) || (last !== null && !isTime(last))) throw malformed();
  const extent = readExtent(value['extent']);
  const notes = readNotes(value['notes']);
  return { packets, kinds, extent, first, last, packetsWithoutItems, cuesLeftOut, incomplete, notes };
}

const isKinds = (value: Fields): value is Readonly<Record<string, number>> => {
  const entries = Object.entries(value);
  return entries.length <= mostKinds && entries.every(([name, count]) => name.length <= longestKind && isCount(count));
};

function readNotes(value: unknown): Note[] {
  if (!Array.isArray(value) || value.length > mostNotes) throw malformed();
  return value.map((note: unknown) => {
    const { code, text } = isObject(note) ? note : {};
    const known = noteCodes.find((known) => known === code);
    if (!known || typeof text !== 'string' || text.length > longestNote) throw malformed();
    return { code: known, text };
  });
}

function readExtent(value: unknown): Extent | null {
  if (value === null) return null;
  if (!isObject(value)) throw malformed();
  const { xmin, ymin, xmax, ymax } = value;
  if (!isDegrees(xmin) || !isDegrees(ymin) || !isDegrees(xmax) || !isDegrees(ymax)) throw malformed();
  return { xmin, ymin, xmax, ymax };
}
