// Starting Ingest: the inputs are there, the room is there.
import { open } from 'node:fs/promises';
import { SortieError } from '@sortie/common/errors';
import type { File } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { sourceKey } from '../catalogue.js';
import { sniffBytes } from '../media/sniff.js';
import { splitInputs } from '../media/upload.js';
import type { Run } from '../run.js';
import type { Sidecar } from '../sidecar/row.js';
import { freeBytesAt, minFreeBytes } from '../worker/admission.js';

export interface Source {
  file: File;
  /** Where it can be read on this machine. */
  path: string;
  /** Telemetry that was uploaded beside it. */
  sidecars: Sidecar[];
  /** Its first bytes, at most `sniffBytes`. */
  head: Buffer;
}

/** Renditions of a source seldom take more room than this share of it, and never less than the floor. */
const roomShare = 1.5;
const roomFloor = minFreeBytes;
/** Telemetry becomes packets with the names of their items, a table, tracks and cues. */
const sidecarShare = 16;

export async function start(run: Run): Promise<Source> {
  const { catalogue, storage } = run.parts;
  const files: File[] = [];
  for (const fileId of run.inputs.fileIds) files.push(await inputFile(run, fileId));
  const { videos, sidecars } = splitInputs(files);
  const [file] = videos;
  if (!file) throw new SortieError('FILE_MISSING', 'None of the files is a video.');

  const key = sourceKey(file);
  const size = await storage.size(key);
  if (size !== file.sizeBytes) {
    throw new SortieError(
      'FILE_MISSING',
      `The upload ${file.fileId} is not in the storage as it came; upload it again.`,
    );
  }
  const sidecarBytes = sidecars.reduce((sum, sidecar) => sum + sidecar.sizeBytes, 0);
  await reserveRoom(run, Math.ceil(Math.max(roomFloor, size * roomShare) + sidecarBytes * sidecarShare));
  const { serviceName, layerId } = run.inputs;
  if (!(await catalogue.reservation(serviceName, layerId))) {
    throw new SortieError('NOT_FOUND', `Layer ${layerId} of ${serviceName} was never reserved.`);
  }
  const published = await catalogue.pointer(serviceName, layerId);
  if (published && published.layer.jobId !== run.parts.job.jobId) {
    throw new SortieError('ALREADY_EXISTS', `Layer ${layerId} of ${serviceName} was made by another job already.`);
  }
  const path = await storage.localPath(key);
  const telemetry: Sidecar[] = [];
  for (const sidecar of sidecars)
    telemetry.push({ name: sidecar.fileName, path: await storage.localPath(sourceKey(sidecar)) });
  return { file, path, sidecars: telemetry, head: await readHead(path) };
}

/** Room is there beside what other running attempts have yet to fill, and is kept for this one. */
async function reserveRoom(run: Run, neededBytes: number): Promise<void> {
  const { storage, kept, directory } = run.parts;
  const { freeBytes } = await storage.room();
  const left = Math.min(freeBytes - kept.reservedElsewhere(), await freeBytesAt(directory));
  if (left < neededBytes) {
    throw new SortieError(
      'DISK_FULL',
      `The storage has room for ${Math.max(0, left)} bytes beside the jobs that run; this ingest needs about ${neededBytes}.`,
    );
  }
  kept.reserve(neededBytes);
}

async function inputFile(run: Run, fileId: string): Promise<File> {
  try {
    return await run.parts.catalogue.file(fileId);
  } catch (cause) {
    if (!(cause instanceof SortieError) || cause.code !== 'NOT_FOUND') throw cause;
    throw new SortieError('FILE_MISSING', `The upload ${fileId} is gone; upload the file again.`, { cause });
  }
}

async function readHead(path: string): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffBytes), 0, sniffBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
