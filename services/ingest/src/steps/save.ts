// Saving To Storage: the data first, the manifest last; then the output is committed and becomes the layer.
import { join } from 'node:path';
import { Sharing, type Layer, type Previews } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Stored } from '@sortie/common/storage';
import type { EngineResult } from '@sortie/native';
import { layerPrefix, outputName } from '../catalogue.js';
import { inspectOutput, type KnownFiles } from '../confined/output.js';
import type { ProbedStream } from '../media/probe.js';
import { gopSeconds, type StreamInfo } from '../plan.js';
import type { Run } from '../run.js';
import type { Abr } from './abr.js';
import type { TelemetryFiles } from './extract-klv.js';
import type { Source } from './start.js';

export interface SaveInput {
  source: Source;
  info: StreamInfo;
  made: EngineResult;
  tracks: readonly ProbedStream[];
  telemetry: TelemetryFiles | null;
  previews: Previews;
  abr: Abr;
  /** All that is saved. */
  known: KnownFiles;
}

export interface Saved {
  files: number;
  sizeBytes: number;
}

/**
 * All files are durable before the manifest is, the manifest before the output is committed, and only the committed output of a
 * job becomes its layer: an attempt that was given up (a worker that stood still and goes on) can write to its own folder only.
 */
export async function save(run: Run, input: SaveInput): Promise<Saved> {
  const { catalogue, storage, directory, lease, metrics } = run.parts;
  const { serviceName, layerId } = run.inputs;
  const output = outputName(lease.jobId, lease.attempt);
  const prefix = layerPrefix(serviceName, layerId);
  const files: (Stored & { path: string })[] = [];
  let sizeBytes = 0;
  try {
    const found = await inspectOutput(directory, input.known);
    for (const path of [...found.keys()].sort()) {
      run.signal.throwIfAborted();
      files.push({ path, ...(await storage.putFile(`${prefix}/${output}/${path}`, join(directory, path))) });
    }
    await storage.sync(`${prefix}/${output}`);
    sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const layer = { ...(await layerOf(run, input)), sizeBytes };
    await catalogue.complete(serviceName, layerId, output, { version: 1, layer, files });
  } catch (error) {
    // A full disk gets its room back. Nothing was committed yet, so nobody reads this.
    await storage.remove(prefix, output).catch(() => undefined);
    throw error;
  }
  await publish(run, await run.commit());
  metrics.stored.inc({ kind: 'layer' }, sizeBytes);
  return { files: files.length, sizeBytes };
}

/** Makes the output of a committed attempt the layer. */
export async function publish(run: Run, attempt: number): Promise<void> {
  const { catalogue, lease } = run.parts;
  const { serviceName, layerId } = run.inputs;
  await catalogue.publish(serviceName, layerId, outputName(lease.jobId, attempt));
}

async function layerOf(run: Run, input: SaveInput): Promise<Layer> {
  const { source, info, made, tracks, telemetry, previews, abr } = input;
  const { serviceName, layerId, layerName } = run.inputs;
  const { jobId, owner } = run.parts.job;
  const reservation = await run.parts.catalogue.reservation(serviceName, layerId);
  return {
    serviceName,
    layerId,
    name: layerName,
    description: reservation?.description ? reservation.description : source.file.description,
    owner,
    createTime: new Date(),
    jobId,
    sourceFileName: source.file.fileName,
    sourceFileId: source.file.fileId,
    sourceSizeBytes: source.file.sizeBytes,
    durationSeconds: made.duration,
    frameRate: info.frameRate.num / info.frameRate.den,
    frameCount: made.framesEncoded,
    sourceQuality: info.quality,
    sourceWidth: info.display.width,
    sourceHeight: info.display.height,
    container: info.container.name,
    videoCodec: info.video.codec,
    audioCodec: tracks[0]?.codec ?? '',
    gopSeconds,
    renditions: abr.renditions,
    telemetry: telemetry?.layer,
    previews,
    sizeBytes: 0,
    // A field of messages that older programs read; it has to be there to be empty.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    paths: [],
    // Kept elsewhere, because it can change.
    sharing: Sharing.SHARING_UNSPECIFIED,
    effectiveSharing: Sharing.SHARING_UNSPECIFIED,
    serviceOwner: '',
  };
}
