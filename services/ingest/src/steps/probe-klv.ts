// Probing Video Klv: whether there is telemetry, in the video or beside it. The beginning of a long file is looked at; telemetry that begins later
// is found all the same when all of it is extracted.
import { containerOf, TelemetrySource, type Container } from '../klv/source.js';
import type { Source } from './start.js';
import { readSidecar } from '../sidecar/read.js';
import type { VideoProbe } from './probe-video.js';

export interface KlvProbe {
  /** Null when the container cannot carry what we read. */
  container: Container | null;
  summary: string;
}

const probeBytes = 64 * 1024 * 1024;

export async function probeKlv(source: Source, probe: VideoProbe): Promise<KlvProbe> {
  const embedded = await probeEmbedded(source, probe);
  // Read to their ends: what is wrong in them is told before the long work begins.
  const sidecars: string[] = [];
  for (const sidecar of source.sidecars) {
    let packets = 0;
    for await (const _ of readSidecar(sidecar)) packets++;
    sidecars.push(`${sidecar.name}: ${packets} packets`);
  }
  if (sidecars.length === 0) return embedded;
  const found = embedded.summary.startsWith('no telemetry') ? sidecars : [embedded.summary, ...sidecars];
  return { ...embedded, summary: found.join('; ') };
}

async function probeEmbedded(source: Source, { container }: VideoProbe): Promise<KlvProbe> {
  const carrier = containerOf(container.demuxer);
  if (!carrier) return { container: null, summary: 'no telemetry' };
  const telemetry = new TelemetrySource(source.path, carrier);
  let packets = 0;
  for await (const _ of telemetry.packets(probeBytes)) packets++;
  const partly = carrier === 'mpegts' && source.file.sizeBytes > probeBytes;
  const where = partly ? ' at the beginning' : '';
  if (packets === 0) return { container: carrier, summary: `no telemetry${where}` };
  const name = carrier === 'mpegts' ? 'PID' : 'track';
  return { container: carrier, summary: `${name} ${telemetry.streams.join(', ')}: ${packets} packets${where}` };
}
