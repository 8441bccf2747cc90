// Packets as lines of JSON, for people and scripts: `sortie klv FILE`.
import { open } from 'node:fs/promises';
import { SortieError } from '@sortie/common/errors';
import { sniff, sniffBytes } from '../media/sniff.js';
import { KlvReader, readKlvFile, type KlvContainer, type TimedPacket } from './read.js';
import { Telemetry } from './telemetry.js';

/** Throws NOT_A_VIDEO for a file that is neither a transport stream nor KLV. */
export async function klvContainerOf(path: string): Promise<KlvContainer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffBytes), 0, sniffBytes, 0);
    const sniffed = sniff(buffer.subarray(0, bytesRead));
    if (sniffed.kind === 'klv') return 'klv';
    if (sniffed.kind === 'video' && sniffed.container.demuxer === 'mpegts') return 'mpegts';
  } finally {
    await file.close();
  }
  throw new SortieError('NOT_A_VIDEO', `${path} is neither an MPEG transport stream nor a file of KLV packets.`);
}

/** The packet as a line of JSON, without what only the reader needs; with what else is known of it, at its end. */
export const printed = ({ packet, i, pid, pts, converted }: TimedPacket, more: object = {}): string =>
  JSON.stringify({ i, pid, pts, converted, ...(packet.toJSON() as Record<string, unknown>), ...more });

/** The health report of a file, indented. */
export async function klvReport(path: string): Promise<string> {
  const { telemetry, reader } = await telemetryOf(path);
  return JSON.stringify(telemetry.health.report(reader.report), null, 2);
}

/** The track of a file as GeoJSON; an empty collection when no place is known. */
export async function klvTrack(path: string): Promise<string> {
  const { telemetry } = await telemetryOf(path);
  return JSON.stringify(telemetry.track.geojson() ?? { type: 'FeatureCollection', features: [] });
}

async function telemetryOf(path: string): Promise<{ telemetry: Telemetry; reader: KlvReader }> {
  const reader = new KlvReader(await klvContainerOf(path));
  const telemetry = new Telemetry(null);
  for await (const packet of readKlvFile(path, reader)) telemetry.add(packet);
  return { telemetry, reader };
}

export async function* klvLines(path: string): AsyncGenerator<string> {
  const reader = new KlvReader(await klvContainerOf(path));
  for await (const packet of readKlvFile(path, reader)) yield printed(packet);
}
