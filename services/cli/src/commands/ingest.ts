// Uploads files, publishes each as a layer, and shows its job until it has ended.
import { basename, extname } from 'node:path';
import { isSidecar } from '@sortie/ingest/media/upload';
import { bar, StepList } from '../step-list.js';
import { GatewayError, type JobView, type LayerWishes, type Rest } from '../rest.js';

export interface IngestOptions {
  resolutions: string;
  wishes?: LayerWishes;
  /** Where people read; stdout belongs to the documents when they are asked for. */
  out: NodeJS.WriteStream;
  /** Prints the job document, as the gateway returned it, on stdout. */
  json: boolean;
}

/** A service name from a file name: letters, digits and underscores. */
export const serviceNameOf = (path: string): string =>
  basename(path, extname(path))
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .slice(0, 120) || 'Video';

/** A video, and the telemetry that was named behind it: `flight.mp4 flight.csv`. */
export type Sources = readonly [video: string, ...sidecars: string[]];

/** Telemetry belongs to the video before it. Throws when there is none before it. */
export function sourcesOf(paths: readonly string[]): Sources[] {
  const found: [string, ...string[]][] = [];
  for (const path of paths) {
    const video = found.at(-1);
    const sidecar = isSidecar(extname(path).slice(1).toLowerCase(), video !== undefined);
    if (!sidecar) found.push([path]);
    else if (video) video.push(path);
    else throw new Error(`${basename(path)} is telemetry; name the video that it belongs to before it.`);
  }
  return found;
}

/** Ingests one video. Resolves with the job, or null when it was refused before there was one. */
export async function ingestFile(rest: Rest, sources: Sources, options: IngestOptions): Promise<JobView | null> {
  const { out, resolutions, wishes, json } = options;
  const [path] = sources;
  const service = serviceNameOf(path);
  out.write(`${sources.map((source) => basename(source)).join(', ')}\n`);
  let jobId: string;
  try {
    // A layer is never more open than its service.
    await rest.createService(service, wishes?.sharing);
    const fileIds: string[] = [];
    for (const source of sources)
      fileIds.push(
        await rest.upload(source, (share) => {
          if (out.isTTY) out.write(`\r  Uploading ${bar(share)}`);
        }),
      );
    if (out.isTTY) out.write('\r\u001b[K');
    jobId = await rest.addLayer(service, basename(path, extname(path)), fileIds, resolutions, wishes);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    out.write(`  ✗ refused: ${error.message}\n`);
    if (json) process.stdout.write(`${JSON.stringify(error.document, null, 2)}\n`);
    return null;
  }
  const list = new StepList(out);
  const job = await rest.watch(
    jobId,
    (view) => list.show(view),
    (reason) => list.say(`${reason} Waiting for it …`),
  );
  const { error, warnings = [] } = job.customAttributes.sortie ?? {};
  for (const { message } of warnings) out.write(`  ! ${message}\n`);
  out.write(`  ${job.status}${error ? `: ${error.message}` : ''}\n\n`);
  out.write(`  Job     ${rest.jobPage(jobId)}\n`);
  if (job.results) out.write(`  Player  ${rest.layerPage(job.results.serviceName, job.results.layerId)}\n`);
  out.write('\n');
  if (json) process.stdout.write(`${await rest.jobText(jobId, false, 'pjson')}\n`);
  return job;
}
