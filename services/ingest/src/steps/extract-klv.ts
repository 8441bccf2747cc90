// Extracting KLV Metadata: every packet, decoded and timed, as lines, as a track, and as cues beside the picture.
import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { join } from 'node:path';
import type { Telemetry } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { EngineResult } from '@sortie/native';
import { cuePlaylist, CueSegmenter, cueText, State, type Cue } from '../klv/cues.js';
import { placesOf } from '../klv/geometry.js';
import { KlvReader, readKlvFile } from '../klv/read.js';
import { printed } from '../klv/print.js';
import { Summary } from '../klv/summary.js';
import { Timeline } from '../klv/time.js';
import { Track } from '../klv/track.js';
import type { Run } from '../run.js';
import type { KlvProbe } from './probe-klv.js';
import type { Source } from './start.js';

export interface TelemetryFiles {
  packets: number;
  packetsPath: string;
  /** Media playlist of the cues, relative to the layer. */
  cuesPlaylist: string;
  layer: Telemetry;
}

const directory = 'telemetry';
const packetsPath = `${directory}/packets.ndjson`;
const cuesDirectory = `${directory}/cues`;
const segmentName = (index: number): string => `${String(index + 1).padStart(5, '0')}.vtt`;
/** A cue whose successor does not come is over by then. */
const longestCue = 30;

export async function extractKlv(
  run: Run,
  source: Source,
  probe: KlvProbe,
  made: EngineResult,
): Promise<TelemetryFiles | null> {
  if (!probe.readable) return null;
  const at = (path: string): string => join(run.parts.directory, path);
  await mkdir(at(cuesDirectory), { recursive: true });
  const lines = createWriteStream(at(packetsPath));
  const ranges = (made.rungs[0]?.segments ?? []).map(({ start, duration }) => ({ start, duration }));
  const cues = new CueWriter(
    new CueSegmenter(ranges, (index, text) => writeFile(at(`${cuesDirectory}/${segmentName(index)}`), text)),
    made.duration,
  );
  const reader = new KlvReader('mpegts');
  const timeline = new Timeline([{ mediaTime: 0, pts90k: made.originPts90k }, ...made.clockJumps]);
  const state = new State();
  const summary = new Summary();
  const track = new Track();

  for await (const timed of readKlvFile(source.path, reader)) {
    run.signal.throwIfAborted();
    const { packet } = timed;
    const when = timeline.timeOf(timed);
    const places = placesOf(packet);
    summary.add(timed, when, places);
    if (when.time !== null && packet.checksum !== 'bad') {
      track.add(places, when.time);
      // A state that others did not send is not theirs: legacy sets stand for themselves.
      const items = packet.kind === 'ST0601 UAS LS' ? state.update(packet, when.time) : [];
      if (items.length > 0 || places.sensor) await cues.add(when.time, cueText(items, places));
    }
    if (!lines.write(`${printed(timed, when)}\n`)) await once(lines, 'drain');
  }
  lines.end();
  await finished(lines);
  if (summary.packets === 0) {
    await rm(at(directory), { recursive: true, force: true });
    return null;
  }
  await cues.end();
  const cuesPlaylist = `${cuesDirectory}/index.m3u8`;
  await writeFile(at(cuesPlaylist), cuePlaylist(ranges, segmentName));
  const geojson = track.geojson();
  if (geojson) await writeFile(at(`${directory}/track.geojson`), JSON.stringify(geojson));
  const report = summary.report(reader.report);
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
    packets: summary.packets,
    packetsPath,
    cuesPlaylist,
    layer: {
      packets: summary.packets,
      kinds: summary.kinds,
      extent: summary.extent ?? undefined,
      startTime: date(summary.first),
      endTime: date(summary.last),
    },
  };
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
