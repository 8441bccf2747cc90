// Probing Video Klv: whether there is telemetry, in the video or beside it. The beginning of a long file is looked at; telemetry that begins later
// is found all the same when all of it is extracted.
import { KlvReader, readKlvFile } from '../klv/read.js';
import type { Source } from './start.js';
import { readSidecar } from '../sidecar/read.js';
import type { VideoProbe } from './probe-video.js';

export interface KlvProbe {
  /** Whether the container can carry what we read. */
  readable: boolean;
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
  if (container.demuxer !== 'mpegts') return { readable: false, summary: 'no telemetry' };
  const reader = new KlvReader('mpegts');
  let packets = 0;
  for await (const _ of readKlvFile(source.path, reader, probeBytes)) packets++;
  const pids = reader.streams.map((stream) => stream.pid);
  if (packets === 0) return { readable: true, summary: 'no telemetry at the beginning' };
  const whole = source.file.sizeBytes <= probeBytes;
  return { readable: true, summary: `PID ${pids.join(', ')}: ${packets} packets${whole ? '' : ' at the beginning'}` };
}
