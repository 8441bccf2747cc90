// Every packet, decoded and timed, as lines, as a table, as a track, as cues beside the video and as events in it, with a
// report of how far it can be trusted.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { telemetryBudget } from '../budgets.js';
import { cuePlaylist, CueSegmenter, cueText } from '../klv/cues.js';
import { csvHeader, csvLine } from '../klv/csv.js';
import { prependBoxes } from '../klv/emsg.js';
import { EventSegments } from '../klv/event-segments.js';
import { printed, printedWithoutItems } from '../klv/print.js';
import type { ReadReport, TimedPacket } from '../klv/read.js';
import { TelemetrySource } from '../klv/source.js';
import { survey } from '../klv/survey.js';
import { Telemetry } from '../klv/telemetry.js';
import { fullFeature, sourceOf } from '../klv/track.js';
import type { VideoSpan } from '../sidecar/place.js';
import { CueWriter } from './cue-writer.js';
import { Notes } from './notes.js';
import type { ExtractOrder, ExtractResult } from './order.js';
import { GrowingFile, OutputBudget } from './output.js';
import { bounded, firstPackets, packetsOf } from './packets.js';
import {
  cuesDirectory,
  cuesName,
  cuesPlaylistPath,
  fullTrackPath,
  packetsPath,
  reportPath,
  tablePath,
  telemetryDirectory,
  trackPath,
} from './paths.js';
import { remarkClocks, remarkHealth, remarkLeaders, remarkPrograms, remarkTracks } from './remarks.js';
import { sourceNames } from './source-names.js';

/** Of a video that holds none. */
const unread: ReadReport = { transport: null, junkBytes: 0, truncated: 0, sequenceErrors: 0, videoTimes: null };

/** Of a video without telemetry. */
const none: ExtractResult = {
  packets: 0,
  kinds: {},
  extent: null,
  first: null,
  last: null,
  packetsWithoutItems: 0,
  cuesLeftOut: 0,
  incomplete: false,
  notes: [],
};

/** Puts the packets into the video's segments, too. Where there are none, nothing is written. */
export async function extract(order: ExtractOrder): Promise<ExtractResult> {
  const { video, sidecars, duration, creationTime, clock, ranges, segments, videoBytes } = order;
  const at = (path: string): string => join(order.outputDir, path);
  const open = (): TelemetrySource | null => video && new TelemetrySource(video.path, video.container, video.program);
  const findings = await survey(firstPackets(open(), sidecars), clock, duration);
  const embedded = open();
  await mkdir(at(cuesDirectory), { recursive: true });
  const budget = new OutputBudget(videoBytes);
  const segmenter = new CueSegmenter(ranges, async (index, text) => {
    budget.take(Buffer.byteLength(text));
    await writeFile(at(`${cuesDirectory}/${cuesName(index)}`), text);
  });
  const cues = new CueWriter(segmenter, duration);
  const events = new EventSegments(ranges, at(`${telemetryDirectory}/events`));
  const lines = new GrowingFile(at(packetsPath), budget);
  const table = new GrowingFile(at(tablePath), budget, csvHeader);
  const full = new GrowingFile(at(fullTrackPath), budget, '{"type":"FeatureCollection","features":['); // prettier-ignore
  let features = 0;
  let packetsWithoutItems = 0;
  const telemetry = new Telemetry(clock, duration, findings);
  const nameOf = sourceNames(order);
  const notes = new Notes();
  /** The time of day at the first picture, by telemetry of the video itself; subtitles do not say in which zone theirs is. */
  let toldClock: number | null = null;
  const videoSpan = (): VideoSpan => {
    const stamped = embedded?.report.videoTimes?.first ?? null;
    return { duration, creationTime, clock: stamped ?? toldClock };
  };

  /** The packet's line; without its items where these would make far more of it than of any real one. */
  const lineOf = (timed: TimedPacket, more: object): string => {
    const line = printed(timed, more);
    if (line.length <= telemetryBudget.line(timed.bytes.length)) return line;
    packetsWithoutItems++;
    return printedWithoutItems(timed, more);
  };

  for await (const timed of bounded(packetsOf(embedded, sidecars, notes, videoSpan))) {
    budget.came(timed.bytes.length);
    const { when, utcCorrected, held } = telemetry.add(timed);
    await lines.write(`${lineOf(timed, { ...when, utcCorrected })}\n`);
    if (when.time !== null) {
      budget.take(timed.bytes.length * segments.length);
      await events.add({ time: when.time, bytes: timed.bytes });
    }
    if (!held) continue;
    const { state, places, time, leads } = held;
    const { utc, timestamp } = timed.packet;
    if (timed.sidecar === undefined && timed.form !== 'subtitles' && typeof timestamp === 'number')
      toldClock ??= timestamp - time * 1e6;
    if (leads && state.entries.length > 0) {
      await cues.add(time, cueText(state, places));
      await table.write(csvLine(time, utc, state, places, nameOf(timed)));
    }
    const feature = fullFeature(places, time, { ...sourceOf(timed), utc });
    if (feature) await full.write(`${features++ === 0 ? '' : ',\n'}${JSON.stringify(feature)}`);
  }
  await Promise.all([lines.end(), table.end(), full.end(']}\n')]);
  const { health, tracks } = telemetry;
  remarkPrograms(notes, embedded?.leftOut ?? []);
  remarkTracks(notes, embedded?.unread ?? []);
  if (health.packets === 0) {
    await rm(at(telemetryDirectory), { recursive: true, force: true });
    return { ...none, incomplete: embedded?.incomplete ?? false, notes: notes.all };
  }
  await cues.end();
  // The same events in each rendition: a player that changes renditions misses none.
  await events.finish(async (index, boxes) => {
    for (const paths of segments) {
      const path = paths[index];
      if (path !== undefined) await prependBoxes(at(path), boxes);
    }
  });
  await writeFile(at(cuesPlaylistPath), cuePlaylist(ranges, cuesName));
  const geojson = tracks.geojson();
  if (geojson) await writeFile(at(trackPath), JSON.stringify(geojson));
  else await rm(at(fullTrackPath));
  const report = health.report(embedded?.report ?? unread);
  await writeFile(at(reportPath), JSON.stringify(report, null, 2));
  remarkHealth(notes, report);
  remarkClocks(notes, findings, video?.container);
  remarkLeaders(notes, telemetry.leader, nameOf);
  return {
    packets: health.packets,
    kinds: health.kinds,
    extent: health.extent,
    first: health.first,
    last: health.last,
    packetsWithoutItems,
    cuesLeftOut: segmenter.leftOut,
    incomplete: embedded?.incomplete ?? false,
    notes: notes.all,
  };
}
