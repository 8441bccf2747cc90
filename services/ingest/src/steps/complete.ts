// Ingest Complete: the layer can be seen, by the way everybody else will take.
import { SortieError } from '@sortie/common/errors';
import { Catalogue } from '../catalogue.js';
import type { Run } from '../run.js';

export async function complete(run: Run): Promise<void> {
  const { serviceName, layerId } = run.inputs;
  // A catalogue of its own: nothing remembered, everything read.
  const layer = await new Catalogue(run.parts.storage).layer(serviceName, layerId);
  if (layer.jobId !== run.parts.job.jobId) {
    throw new SortieError('OUTPUT_FAULTY', `Layer ${layerId} of ${serviceName} was written by another job.`);
  }
}
