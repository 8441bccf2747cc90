// Whether there is telemetry. The beginning of a long transport stream is looked at; sidecars are read to their ends, so that
// what is wrong in them is told before the long work begins.
import { TelemetrySource } from '../klv/source.js';
import { rowsOfSidecar } from '../sidecar/read.js';
import type { ProbeOrder, ProbeResult } from './order.js';
import { bounded } from './packets.js';

export const probeBytes = 64 * 1024 * 1024;

async function countOf(packets: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of bounded(packets)) count++;
  return count;
}

export async function probe({ video, sidecars }: ProbeOrder): Promise<ProbeResult> {
  const embedded = video && new TelemetrySource(video.path, video.container, video.program);
  const packets = embedded ? await countOf(embedded.packets(probeBytes)) : 0;
  const counts: number[] = [];
  for (const sidecar of sidecars) counts.push(await countOf(rowsOfSidecar(sidecar)));
  return { streams: embedded?.streams ?? [], packets, sidecars: counts };
}
