// What people are told a packet came from.
import type { TimedPacket } from '../klv/read.js';
import type { TelemetryInput } from './order.js';

export type SourceName = (packet: Pick<TimedPacket, 'pid' | 'file' | 'sidecar'>) => string;

export const streamName = (container: string | undefined, pid: number): string =>
  container === 'mpegts' ? `PID ${pid}` : pid === 0 ? 'the event messages' : `track ${pid}`;

export const sourceNames =
  ({ video, sidecars }: TelemetryInput): SourceName =>
  ({ pid, file, sidecar }) =>
    pid !== undefined ? streamName(video?.container, pid) : (sidecars[file ?? -1]?.name ?? sidecar ?? 'the telemetry');
