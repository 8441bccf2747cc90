// Starting Ingest: the inputs are there, the room is there.
import { open } from 'node:fs/promises';
import { SortieError } from '@sortie/common/errors';
import type { File } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { sourceKey } from '../catalogue.js';
import { sniffBytes } from '../media/sniff.js';
import { splitInputs } from '../media/upload.js';
import type { Run } from '../run.js';
import type { Sidecar } from '../sidecar/row.js';

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
const roomFloor = 256 * 1024 * 1024;

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
  const needed = Math.max(roomFloor, size * roomShare);
  const { freeBytes } = await storage.room();
  if (freeBytes < needed) {
    throw new SortieError(
      'DISK_FULL',
      `The storage has ${freeBytes} bytes left; this ingest needs about ${Math.ceil(needed)}.`,
    );
  }
  if (!(await catalogue.reservation(run.inputs.serviceName, run.inputs.layerId))) {
    throw new SortieError('NOT_FOUND', `Layer ${run.inputs.layerId} of ${run.inputs.serviceName} was never reserved.`);
  }
  const path = await storage.localPath(key);
  const telemetry: Sidecar[] = [];
  for (const sidecar of sidecars)
    telemetry.push({ name: sidecar.fileName, path: await storage.localPath(sourceKey(sidecar)) });
  return { file, path, sidecars: telemetry, head: await readHead(path) };
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
