// Probing Video Klv: whether there is telemetry, in the video or beside it. The beginning of a long file is looked at; telemetry that begins later
// is found all the same when all of it is extracted.
import { restarting } from '../confined/restart.js';
import { containerOf, type Container } from '../klv/source.js';
import type { Run } from '../run.js';
import { probeBytes } from '../telemetry/probe.js';
import { probeTelemetry } from '../telemetry/reader.js';
import { readerParts } from './extract-klv.js';
import type { VideoProbe } from './probe-video.js';
import type { Source } from './start.js';

export interface KlvProbe {
  /** Null when the container cannot carry what we read. */
  container: Container | null;
  summary: string;
  /** When the recording began, or ended, by the video's own word: microseconds since 1970 (UTC). */
  creationTime: number | null;
}

export async function probeKlv(run: Run, source: Source, probe: VideoProbe): Promise<KlvProbe> {
  const container = containerOf(probe.container.demuxer);
  const { creationTime } = probe.probed;
  const { sidecars } = source;
  if (!container && sidecars.length === 0) return { container, summary: 'no telemetry', creationTime };
  const order = {
    kind: 'probe',
    video: container && { path: source.path, container, program: null },
    sidecars,
  } as const;
  const found = await restarting(
    () => probeTelemetry(order, readerParts(run)),
    run.signal,
    (error) => run.parts.log.warn({ err: error }, 'the telemetry reader is started again'),
  );
  const where = container === 'mpegts' && source.file.sizeBytes > probeBytes ? ' at the beginning' : '';
  const name = container === 'mpegts' ? 'PID' : 'track';
  const embedded = found.packets > 0 ? [`${name} ${found.streams.join(', ')}: ${found.packets} packets${where}`] : [];
  const beside = sidecars.map((sidecar, index) => `${sidecar.name}: ${found.sidecars[index] ?? 0} packets`);
  const all = [...embedded, ...beside];
  return { container, summary: all.length > 0 ? all.join('; ') : `no telemetry${where}`, creationTime };
}
