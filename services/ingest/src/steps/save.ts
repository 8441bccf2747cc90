// Saving To Storage: the data first, the manifest last; only with it the layer is there for anybody.
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Layer, type Previews } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Stored } from '@sortie/common/storage';
import type { EngineResult } from '@sortie/native';
import { layerPrefix, type Manifest } from '../catalogue.js';
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
}

export interface Saved {
  files: number;
  sizeBytes: number;
}

const manifestName = 'manifest.json';

export async function save(run: Run, input: SaveInput): Promise<Saved> {
  const { storage, directory, metrics } = run.parts;
  const { serviceName, layerId } = run.inputs;
  const prefix = layerPrefix(serviceName, layerId);
  // What an earlier attempt left; it never had a manifest, or it was this very job's.
  await storage.deleteAll(prefix);
  const files: (Stored & { path: string })[] = [];
  for (const path of await filesBelow(directory)) {
    run.signal.throwIfAborted();
    files.push({ path, ...(await storage.putFile(`${prefix}/${path}`, join(directory, path))) });
  }
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const layer = { ...layerOf(run, input), sizeBytes, paths: files.map((file) => file.path) };
  const manifest: Omit<Manifest, 'layer'> & { layer: unknown } = { version: 1, layer: Layer.toJSON(layer), files };
  await storage.put(`${prefix}/${manifestName}`, JSON.stringify(manifest));
  metrics.stored.inc({ kind: 'layer' }, sizeBytes);
  return { files: files.length, sizeBytes };
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function layerOf(run: Run, { source, info, made, tracks, telemetry, previews, abr }: SaveInput): Layer {
  const { serviceName, layerId, layerName } = run.inputs;
  const { jobId, owner } = run.parts.job;
  return {
    serviceName,
    layerId,
    name: layerName,
    description: source.file.description,
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
    paths: [],
  };
}
