// Packets as lines of JSON, for people and scripts: `sortie klv FILE`.
import { open } from 'node:fs/promises';
import { SortieError } from '@sortie/common/errors';
import { sniff, sniffBytes } from '../media/sniff.js';
import { convertedFrom, type TimedPacket } from './read.js';
import { containerOf, TelemetrySource, type Container } from './source.js';
import { survey, surveyBytes } from './survey.js';
import { Telemetry } from './telemetry.js';

/** Throws NOT_A_VIDEO for a file in which no telemetry can be. */
export async function klvContainerOf(path: string): Promise<Container> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffBytes), 0, sniffBytes, 0);
    const sniffed = sniff(buffer.subarray(0, bytesRead));
    if (sniffed.kind === 'klv') return 'klv';
    const container = sniffed.kind === 'video' ? containerOf(sniffed.container.demuxer) : null;
    if (container) return container;
  } finally {
    await file.close();
  }
  throw new SortieError(
    'NOT_A_VIDEO',
    `${path} is no MPEG transport stream, MP4, MOV or Matroska file, and no file of KLV packets.`,
  );
}

/** The packet as a line of JSON, without what only the reader needs; with what else is known of it, at its end. */
export function printed(timed: TimedPacket, more: object = {}): string {
  const { packet, i, pid, pts, repaired } = timed;
  const converted = convertedFrom(timed);
  return JSON.stringify({ i, pid, pts, converted, repaired, ...(packet.toJSON() as Record<string, unknown>), ...more });
}

/** The same, but for the items of the packet: how many there are takes their place. */
export function printedWithoutItems(timed: TimedPacket, more: object = {}): string {
  const { items, ...packet } = timed.packet.toJSON() as Record<string, unknown> & { items: readonly unknown[] };
  const { i, pid, pts, repaired } = timed;
  return JSON.stringify({ i, pid, pts, converted: convertedFrom(timed), repaired, ...packet, itemsLeftOut: items.length, ...more });
} // prettier-ignore

/** The health report of a file, indented. */
export async function klvReport(path: string): Promise<string> {
  const { telemetry, source } = await telemetryOf(path);
  return JSON.stringify(telemetry.health.report(source.report), null, 2);
}

/** The track of a file as GeoJSON; an empty collection when no place is known. */
export async function klvTrack(path: string): Promise<string> {
  const { telemetry } = await telemetryOf(path);
  return JSON.stringify(telemetry.tracks.geojson() ?? { type: 'FeatureCollection', features: [] });
}

async function telemetryOf(path: string): Promise<{ telemetry: Telemetry; source: TelemetrySource }> {
  const container = await klvContainerOf(path);
  const findings = await survey(new TelemetrySource(path, container).packets(surveyBytes), null, null);
  const source = new TelemetrySource(path, container);
  const telemetry = new Telemetry(null, null, findings);
  for await (const packet of source.packets()) telemetry.add(packet);
  return { telemetry, source };
}

export async function* klvLines(path: string): AsyncGenerator<string> {
  const source = new TelemetrySource(path, await klvContainerOf(path));
  for await (const packet of source.packets()) yield printed(packet);
}
