// Uploads files, publishes each as a layer, and shows its job until it has ended.
import { basename, extname } from 'node:path';
import { bar, StepList } from '../step-list.js';
import { GatewayError, type JobView, type Rest } from '../rest.js';

export interface IngestOptions {
  resolutions: string;
  /** Where people read; stdout belongs to the documents when they are asked for. */
  out: NodeJS.WriteStream;
  /** Prints the job document, as the gateway returned it, on stdout. */
  json: boolean;
}

/** A service name from a file name: letters, digits and underscores. */
export const serviceNameOf = (path: string): string =>
  basename(path, extname(path))
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 120) || 'Video';

/** Ingests one file. Resolves with the job, or null when it was refused before there was one. */
export async function ingestFile(rest: Rest, path: string, options: IngestOptions): Promise<JobView | null> {
  const { out, resolutions, json } = options;
  const service = serviceNameOf(path);
  out.write(`${basename(path)}\n`);
  let jobId: string;
  try {
    await rest.createService(service);
    const fileId = await rest.upload(path, (share) => {
      if (out.isTTY) out.write(`\r  Uploading ${bar(share)}`);
    });
    if (out.isTTY) out.write('\r\u001b[K');
    jobId = await rest.addLayer(service, basename(path, extname(path)), [fileId], resolutions);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    out.write(`  ✗ refused: ${error.message}\n`);
    if (json) process.stdout.write(`${JSON.stringify(error.document, null, 2)}\n`);
    return null;
  }
  const list = new StepList(out);
  const job = await rest.watch(jobId, (view) => list.show(view));
  const { error, warnings = [] } = job.customAttributes.sortie ?? {};
  for (const { message } of warnings) out.write(`  ! ${message}\n`);
  out.write(`  ${job.status}${error ? `: ${error.message}` : ''}\n\n`);
  out.write(`  Job     ${rest.jobPage(jobId)}\n`);
  if (job.results) out.write(`  Player  ${rest.layerPage(job.results.serviceName, job.results.layerId)}\n`);
  out.write('\n');
  if (json) process.stdout.write(`${await rest.jobText(jobId, false, 'pjson')}\n`);
  return job;
}
