// Extracting KLV Metadata: the telemetry reader writes the telemetry's files, and puts the packets into the video's segments.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Telemetry as LayerTelemetry } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { EnginePlan, EngineResult } from '@sortie/native';
import { inspectOutput } from '../confined/output.js';
import { restarting } from '../confined/restart.js';
import { engineFiles } from '../engine/layout.js';
import type { Run } from '../run.js';
import type { ExtractOrder, ExtractResult } from '../telemetry/order.js';
import { cuesPlaylistPath, packetsPath, telemetryDirectory, telemetryFiles } from '../telemetry/paths.js';
import { extractTelemetry, type ReaderParts } from '../telemetry/reader.js';
import type { KlvProbe } from './probe-klv.js';
import type { Source } from './start.js';

export interface TelemetryFiles {
  packets: number;
  packetsPath: string;
  /** Media playlist of the cues, relative to the layer. */
  cuesPlaylist: string;
  layer: LayerTelemetry;
}

export const readerParts = ({ parts: { directory, log }, signal }: Run): ReaderParts => ({
  directory,
  signal,
  onLine: (line) => log.info({ reader: line }, 'the telemetry reader says'),
});

/** What the telemetry reader is asked, from what was found and what was made of it; null when there is nothing to read. */
export function extractOrder(
  source: Pick<Source, 'path' | 'sidecars'> & { sizeBytes: number },
  { container, program, creationTime }: Pick<KlvProbe, 'container' | 'program' | 'creationTime'>,
  made: Pick<EngineResult, 'duration' | 'originPts90k' | 'clockJumps' | 'rungs'>,
  outputDir: string,
): ExtractOrder | null {
  const { path, sidecars, sizeBytes } = source;
  if (!container && sidecars.length === 0) return null;
  return {
    kind: 'extract',
    video: container && { path, container, program },
    sidecars,
    outputDir,
    videoBytes: sizeBytes,
    duration: made.duration,
    creationTime,
    clock: [{ mediaTime: 0, pts90k: made.originPts90k }, ...made.clockJumps],
    ranges: (made.rungs[0]?.segments ?? []).map(({ start, duration }) => ({ start, duration })),
    largestSegment: Math.max(
      0,
      ...made.rungs.map(({ segments }) => segments.reduce((most, { bytes }) => Math.max(most, bytes), 0)),
    ),
    segments: made.rungs.map(({ segments }) => segments.map(({ path }) => path)),
  };
}

/** The sizes of the segments in `made` are afterwards those with the packets. */
export async function extractKlv(
  run: Run,
  source: Source,
  probe: KlvProbe,
  plan: EnginePlan,
  made: EngineResult,
): Promise<TelemetryFiles | null> {
  const { directory } = run.parts;
  const { path, sidecars, file } = source;
  const order = extractOrder({ path, sidecars, sizeBytes: file.sizeBytes }, probe, made, directory);
  if (!order) return null;
  const found = await restarting(
    () => extractTelemetry(order, readerParts(run)),
    run.signal,
    async (error) => {
      run.parts.log.warn({ err: error }, 'the telemetry reader is started again');
      await rm(join(directory, telemetryDirectory), { recursive: true, force: true });
    },
  );
  const sizes = await inspectOutput(
    directory,
    new Map([
      ...engineFiles(plan, made),
      ...(found.packets > 0 ? telemetryFiles(order.ranges.length) : new Map<string, boolean>()),
    ]),
  );
  warn(run, found);
  if (found.packets === 0) return null;
  for (const { segments } of made.rungs)
    for (const segment of segments) segment.bytes = sizes.get(segment.path) ?? segment.bytes;
  return { packets: found.packets, packetsPath, cuesPlaylist: cuesPlaylistPath, layer: layerTelemetry(found) };
}

function warn(run: Run, found: ExtractResult): void {
  const { packets, packetsWithoutItems, cuesLeftOut, incomplete, notes } = found;
  for (const { code, text } of notes) run.warn(code, text);
  if (incomplete)
    run.warn('TELEMETRY_LIMITED', 'The tables of the video promise more telemetry than it can hold; the rest was not read.'); // prettier-ignore
  if (packetsWithoutItems > 0)
    run.warn(
      'TELEMETRY_LIMITED',
      `${packetsWithoutItems} of ${packets} telemetry packets are written without their items, which take far more room than those of real flights.`,
    );
  if (cuesLeftOut > 0)
    run.warn('TELEMETRY_LIMITED', `${cuesLeftOut} cues are left out: there is too much telemetry in a moment.`);
}

/** Beyond these a number is no date (ECMA-262, 21.4.1.1). */
const mostMicroseconds = 8.64e18;

function layerTelemetry({ packets, kinds, extent, first, last }: ExtractResult): LayerTelemetry {
  const date = (microseconds: number | null): Date | undefined =>
    microseconds === null || Math.abs(microseconds) > mostMicroseconds ? undefined : new Date(microseconds / 1000);
  return { packets, kinds, extent: extent ?? undefined, startTime: date(first), endTime: date(last) };
}
