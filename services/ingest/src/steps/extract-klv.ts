// Extracting KLV Metadata: every packet, decoded and timed, as lines, as a table, as a track, as cues beside the picture and
// as events in it, with a report of how far it can be trusted.
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { join } from 'node:path';
import type { Telemetry as LayerTelemetry } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { EngineResult } from '@sortie/native';
import { cuePlaylist, CueSegmenter, cueText, type Cue } from '../klv/cues.js';
import { csvHeader, csvLine } from '../klv/csv.js';
import { prependBoxes } from '../klv/emsg.js';
import { EventSegments } from '../klv/event-segments.js';
import { printed } from '../klv/print.js';
import type { ReadReport, TimedPacket } from '../klv/read.js';
import { TelemetrySource } from '../klv/source.js';
import { Telemetry } from '../klv/telemetry.js';
import { fullFeature, sourceOf } from '../klv/track.js';
import type { Run } from '../run.js';
import { readSidecar } from '../sidecar/read.js';
import type { KlvProbe } from './probe-klv.js';
import type { Source } from './start.js';

export interface TelemetryFiles {
  packets: number;
  packetsPath: string;
  /** Media playlist of the cues, relative to the layer. */
  cuesPlaylist: string;
  layer: LayerTelemetry;
}

const directory = 'telemetry';
const packetsPath = `${directory}/packets.ndjson`;
const cuesDirectory = `${directory}/cues`;
const segmentName = (index: number): string => `${String(index + 1).padStart(5, '0')}.vtt`;
/** A cue whose successor does not come is over by then. */
const longestCue = 30;

/** A text file that grows; never more of it in memory than the stream holds. */
class Growing {
  private readonly stream: WriteStream;

  constructor(path: string, head = '') {
    this.stream = createWriteStream(path);
    if (head !== '') this.stream.write(head);
  }

  async write(text: string): Promise<void> {
    if (!this.stream.write(text)) await once(this.stream, 'drain');
  }

  async end(tail = ''): Promise<void> {
    this.stream.end(tail);
    await finished(this.stream);
  }
}

/** Puts the packets into the picture's segments, too; their sizes in `made` are then those with the packets. */
export async function extractKlv(
  run: Run,
  source: Source,
  probe: KlvProbe,
  made: EngineResult,
): Promise<TelemetryFiles | null> {
  const embedded = probe.container && new TelemetrySource(source.path, probe.container);
  if (!embedded && source.sidecars.length === 0) return null;
  const at = (path: string): string => join(run.parts.directory, path);
  await mkdir(at(cuesDirectory), { recursive: true });
  const ranges = (made.rungs[0]?.segments ?? []).map(({ start, duration }) => ({ start, duration }));
  const cues = new CueWriter(
    new CueSegmenter(ranges, (index, text) => writeFile(at(`${cuesDirectory}/${segmentName(index)}`), text)),
    made.duration,
  );
  const events = new EventSegments(ranges, at(`${directory}/events`));
  const lines = new Growing(at(packetsPath));
  const table = new Growing(at(`${directory}/telemetry.csv`), csvHeader);
  const full = new Growing(at(`${directory}/track-full.geojson`), '{"type":"FeatureCollection","features":[');
  let features = 0;
  const telemetry = new Telemetry([{ mediaTime: 0, pts90k: made.originPts90k }, ...made.clockJumps]);

  for await (const timed of packetsOf(source, embedded)) {
    run.signal.throwIfAborted();
    const { when, utcCorrected, held } = telemetry.add(timed);
    await lines.write(`${printed(timed, { ...when, utcCorrected })}\n`);
    if (when.time !== null) await events.add({ time: when.time, bytes: timed.bytes });
    if (!held) continue;
    const { state, places, time, leads } = held;
    const { utc } = timed.packet;
    if (leads && state.entries.length > 0) {
      await cues.add(time, cueText(state, places));
      await table.write(csvLine(time, utc, state, places));
    }
    const feature = fullFeature(places, time, { ...sourceOf(timed), utc });
    if (feature) await full.write(`${features++ === 0 ? '' : ',\n'}${JSON.stringify(feature)}`);
  }
  await Promise.all([lines.end(), table.end(), full.end(']}\n')]);
  const { health, tracks } = telemetry;
  if (health.packets === 0) {
    await rm(at(directory), { recursive: true, force: true });
    return null;
  }
  await cues.end();
  await events.finish((index, boxes) => addBoxes(at, made, index, boxes));
  const cuesPlaylist = `${cuesDirectory}/index.m3u8`;
  await writeFile(at(cuesPlaylist), cuePlaylist(ranges, segmentName));
  const geojson = tracks.geojson();
  if (geojson) await writeFile(at(`${directory}/track.geojson`), JSON.stringify(geojson));
  else await rm(at(`${directory}/track-full.geojson`));
  const report = health.report(embedded?.report ?? unread);
  await writeFile(at(`${directory}/report.json`), JSON.stringify(report, null, 2));
  if (report.checksums.bad > 0) {
    run.warn(
      'TELEMETRY_DAMAGED',
      `${report.checksums.bad} of ${report.packets} telemetry packets have a wrong checksum; they are kept and marked.`,
    );
  }
  const date = (microseconds: number | null): Date | undefined =>
    microseconds === null ? undefined : new Date(microseconds / 1000);
  return {
    packets: health.packets,
    packetsPath,
    cuesPlaylist,
    layer: {
      packets: health.packets,
      kinds: health.kinds,
      extent: health.extent ?? undefined,
      startTime: date(health.first),
      endTime: date(health.last),
    },
  };
}

/** Of a video that holds none. */
const unread: ReadReport = { transport: null, junkBytes: 0, truncated: 0, sequenceErrors: 0, videoTimes: null };

/** Of the video first, then of each sidecar. */
async function* packetsOf(source: Source, embedded: TelemetrySource | null): AsyncGenerator<TimedPacket> {
  if (embedded) yield* embedded.packets();
  for (const sidecar of source.sidecars) yield* readSidecar(sidecar);
}

/** The same events in each rung: a player that changes rungs misses none. */
async function addBoxes(at: (path: string) => string, made: EngineResult, index: number, boxes: Buffer): Promise<void> {
  for (const { segments } of made.rungs) {
    const segment = segments[index];
    if (!segment) continue;
    await prependBoxes(at(segment.path), boxes);
    segment.bytes = (await stat(at(segment.path))).size;
  }
}

/** A cue lasts until the next one begins. Of packets at the same moment the last counts; late ones stand where they come. */
class CueWriter {
  private waiting: { start: number; text: string } | null = null;

  constructor(
    private readonly segmenter: CueSegmenter,
    private readonly duration: number,
  ) {}

  async add(time: number, text: string): Promise<void> {
    // What was sent before the first picture holds when that comes.
    const start = Math.max(0, this.waiting?.start ?? 0, time);
    if (this.waiting && start > this.waiting.start) await this.segmenter.add(this.cue(this.waiting, start));
    this.waiting = { start, text };
  }

  async end(): Promise<void> {
    if (this.waiting && this.waiting.start < this.duration) {
      await this.segmenter.add(this.cue(this.waiting, Math.min(this.duration, this.waiting.start + longestCue)));
    }
    await this.segmenter.end();
  }

  private cue({ start, text }: { start: number; text: string }, next: number): Cue {
    return { start, end: Math.min(next, start + longestCue), text };
  }
}
