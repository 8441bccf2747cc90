// Files, services and layers, kept as small JSON objects in the storage beside what they describe: whoever has the
// storage has everything, any number of API processes can share it, and none of them needs a database.
//
//   uploads/<fileId>/file.json, source.<ext>
//   services/<key>/service.json, layers/<id>.json (reserved numbers), requests/<digest of owner and request id>.json
//   layers/<key>/<id>/layer.json: the layer, and which output is its own
//   layers/<key>/<id>/<output>/manifest.json and the files of that output; each attempt of a job writes one of its own
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { File, Layer, Service, type Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { isFileId, newFileId, newItemId } from '@sortie/common/ids';
import type { Storage, Stored } from '@sortie/common/storage';
// lru-cache: bounded by the weight of what it keeps, which Map is not.
import { LRUCache } from 'lru-cache';
import { checkName, checkSignature } from './media/upload.js';

/** Of one output: written last, when all of its files are durable. */
export interface Manifest {
  version: 1;
  layer: Layer;
  files: (Stored & { path: string })[];
}

/** What makes a layer visible: written once, never changed. */
interface Pointer {
  layer: Layer;
  /** Name of the output's folder; empty for layers of older versions, whose files lie beside. */
  output: string;
}

export interface Reservation {
  layerId: number;
  layerName: string;
  description: string;
}

const serviceNameForm = /^[A-Za-z0-9_]{1,120}$/;
const maxLayerId = 2 ** 31 - 1;

/** Service names are not told apart by case; throws when the name is not one. */
export function serviceKey(serviceName: string): string {
  if (!serviceNameForm.test(serviceName)) {
    throw SortieError.field('service_name', 'must be 1 to 120 letters, digits or underscores');
  }
  return serviceName.toLowerCase();
}

/** Where all outputs of a layer lie. Throws NOT_FOUND for a number that no layer can have. */
export function layerPrefix(serviceName: string, layerId: number): string {
  if (!(Number.isInteger(layerId) && layerId >= 0 && layerId <= maxLayerId)) {
    throw new SortieError('NOT_FOUND', 'There is no such layer: layers have numbers from 0 on.');
  }
  return `layers/${serviceKey(serviceName)}/${layerId}`;
}

/** The folder of one attempt's output. */
export const outputName = (jobId: string, attempt: number): string => `${jobId}-${attempt}`;

const outputForm = /^(j[0-9a-f-]{36})-(\d{1,9})$/;

/** Which attempt of which job an output is of; null for a name that is none. */
export function attemptOf(output: string): { jobId: string; attempt: number } | null {
  const [, jobId = '', attempt = ''] = outputForm.exec(output) ?? [];
  return jobId === '' ? null : { jobId, attempt: Number(attempt) };
}

const filePrefix = (fileId: string): string => `uploads/${fileId}`;
const fileKey = (fileId: string): string => `${filePrefix(fileId)}/file.json`;
export const servicePrefix = (key: string): string => `services/${key}`;
const serviceRecord = (key: string): string => `${servicePrefix(key)}/service.json`;
const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** Where the bytes of an upload lie: a name of ours, with the extension that was checked. */
export const sourceKey = (file: File): string => `${filePrefix(file.fileId)}/source.${checkName(file.fileName)}`;

const manifestName = 'manifest.json';
const pointerName = 'layer.json';

export const noService = (serviceName: string): SortieError =>
  new SortieError('NOT_FOUND', `Service ${serviceName} was not found; create it first.`);
export const noLayer = (serviceName: string, layerId: number): SortieError =>
  new SortieError('NOT_FOUND', `Layer ${layerId} of ${serviceName} was not found.`);
export const noFile = (fileId: string): SortieError =>
  new SortieError('NOT_FOUND', `File ${fileId.slice(0, 60)} was not found.`);

interface Files {
  output: string;
  /** Of the layer. */
  owner: string;
  byPath: Map<string, Stored>;
}

const maxSummaries = 20_000;
/** Layers read at once when a service is listed. */
const parallelReads = 32;

export class Catalogue {
  /** What lists show of layers. */
  private readonly summaries = new LRUCache<string, Layer>({ max: maxSummaries });
  /** Manifests, weighed by the number of their files: an hour at three rungs has 4,500. */
  private readonly files = new LRUCache<string, Files>({
    maxSize: 30_000,
    sizeCalculation: ({ byPath }) => byPath.size + 1,
  });

  constructor(private readonly storage: Storage) {}

  /**
   * Stores an upload while it comes in. `about` is asked when all bytes have come, because a form may have its other fields
   * behind its file. Throws UPLOAD_TOO_LARGE, FILE_TYPE_REFUSED, and what the bytes throw; nothing is left then.
   */
  async upload(
    fileName: string,
    bytes: AsyncIterable<Uint8Array>,
    about: () => { description: string; owner: string },
    maxBytes: number,
  ): Promise<File> {
    checkName(fileName);
    const file: File = {
      fileName,
      description: '',
      owner: '',
      fileId: newFileId(),
      sizeBytes: 0,
      sha256: '',
      createTime: new Date(),
    };
    const stored = await this.storage.putStream(sourceKey(file), checked(bytes), (size) => {
      if (size > maxBytes) {
        throw new SortieError('UPLOAD_TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most that is taken.`);
      }
    });
    Object.assign(file, stored, about());
    await this.storage.put(fileKey(file.fileId), JSON.stringify(File.toJSON(file)));
    return file;
  }

  async file(fileId: string): Promise<File> {
    const bytes = isFileId(fileId) ? await this.storage.get(fileKey(fileId)) : null;
    if (!bytes) throw noFile(fileId);
    return File.fromJSON(JSON.parse(bytes.toString()));
  }

  async createService(serviceName: string, owner: string, description: string, sharing: Sharing): Promise<Service> {
    const key = serviceKey(serviceName);
    const service: Service = {
      serviceName,
      serviceItemId: newItemId(),
      owner,
      description,
      createTime: new Date(),
      lastReservedId: undefined,
      layers: [],
      sharing,
    };
    if (!(await this.storage.putNew(serviceRecord(key), JSON.stringify(Service.toJSON(service))))) {
      throw new SortieError('ALREADY_EXISTS', `Service ${serviceName} exists already.`);
    }
    return service;
  }

  /** Without its layers; null when there is none, or its creation has left a folder without a record. */
  async serviceOf(key: string): Promise<Service | null> {
    const bytes = await this.storage.get(serviceRecord(key));
    return bytes ? Service.fromJSON(JSON.parse(bytes.toString())) : null;
  }

  /** In place of the record that there is. */
  async replaceService(key: string, service: Service): Promise<void> {
    await this.storage.put(serviceRecord(key), JSON.stringify(Service.toJSON(service)));
  }

  /** Keys of all services, sorted. */
  serviceKeys(): Promise<string[]> {
    return this.storage.children('services');
  }

  /** Numbers that were given out, sorted. */
  async reservedIds(serviceName: string): Promise<number[]> {
    const names = await this.storage.children(`${servicePrefix(serviceKey(serviceName))}/layers`);
    return names.map((name) => Number(posix.basename(name, '.json'))).sort((a, b) => a - b);
  }

  /** The visible ones of these layers, in their order, as lists show them: without renditions, previews and telemetry. */
  async summariesOf(serviceName: string, layerIds: readonly number[]): Promise<Layer[]> {
    const found: Layer[] = [];
    for (let from = 0; from < layerIds.length; from += parallelReads) {
      const part = await Promise.all(layerIds.slice(from, from + parallelReads).map((id) => this.summary(serviceName, id))); // prettier-ignore
      for (const layer of part) if (layer) found.push(layer);
    }
    return found;
  }

  /** Reads what lists show of all layers, so that the first who asks for a long list does not wait for a thousand files. */
  async warm(signal: AbortSignal): Promise<void> {
    for (const key of await this.serviceKeys()) {
      const ids = await this.reservedIds(key);
      for (let from = 0; from < ids.length; from += parallelReads) {
        if (signal.aborted || this.summaries.size >= maxSummaries) return;
        await this.summariesOf(key, ids.slice(from, from + parallelReads));
      }
    }
  }

  private async summary(serviceName: string, layerId: number): Promise<Layer | null> {
    const key = layerPrefix(serviceName, layerId);
    const known = this.summaries.get(key);
    if (known) return known;
    const pointer = await this.pointer(serviceName, layerId);
    if (!pointer) return null;
    const summary = { ...pointer.layer, renditions: [], previews: undefined, telemetry: undefined };
    this.summaries.set(key, summary);
    return summary;
  }

  /**
   * The next free number of the service is ours from now on; the same request gets the same number again. A request is known
   * by its owner and id; throws ALREADY_EXISTS when the id came with another `asked` before. A number is given out for good:
   * `mayBegin` rejects when nothing would come of a new one.
   */
  async reserveLayer(
    serviceName: string,
    { layerName, description }: Omit<Reservation, 'layerId'>,
    request: { owner: string; requestId: string; asked: unknown },
    mayBegin: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Reservation> {
    const prefix = servicePrefix(serviceKey(serviceName));
    const { owner, requestId } = request;
    // A request id is the caller's text: only a digest becomes part of a key.
    const requestKey = `${prefix}/requests/${digestOf([owner, requestId])}.json`;
    const digest = digestOf(request.asked);
    const known = async (): Promise<Reservation | null> => {
      const bytes = requestId === '' ? null : await this.storage.get(requestKey);
      if (!bytes) return null;
      const { digest: before, ...reservation } = JSON.parse(bytes.toString()) as Reservation & { digest?: string };
      if (before !== digest) {
        throw new SortieError('ALREADY_EXISTS', 'request_id: came with another request before; choose a new one.', {
          violations: [{ field: 'request_id', description: 'came with another request before' }],
        });
      }
      return reservation;
    };
    const earlier = await known();
    if (earlier) return earlier;
    await mayBegin();

    let layerId = ((await this.reservedIds(serviceName)).at(-1) ?? -1) + 1;
    let reservation: Reservation = { layerId, layerName, description };
    while (!(await this.storage.putNew(`${prefix}/layers/${layerId}.json`, JSON.stringify(reservation)))) {
      layerId++;
      reservation = { layerId, layerName, description };
    }
    if (requestId !== '' && !(await this.storage.putNew(requestKey, JSON.stringify({ ...reservation, digest })))) {
      // The same request ran beside us and was faster: its number counts, ours stays empty.
      const winner = await known();
      if (winner) return winner;
    }
    return reservation;
  }

  async reservation(serviceName: string, layerId: number): Promise<Reservation | null> {
    const bytes = await this.storage.get(`${servicePrefix(serviceKey(serviceName))}/layers/${layerId}.json`);
    return bytes ? (JSON.parse(bytes.toString()) as Reservation) : null;
  }

  /** The layer and its output; null while the layer is not visible. */
  async pointer(serviceName: string, layerId: number): Promise<Pointer | null> {
    const prefix = layerPrefix(serviceName, layerId);
    const bytes = (await this.storage.get(`${prefix}/${pointerName}`)) ?? (await this.storage.get(`${prefix}/${manifestName}`)); // prettier-ignore
    if (!bytes) return null;
    const { layer, output = '' } = JSON.parse(bytes.toString()) as { layer: unknown; output?: string };
    return { layer: withoutPaths(Layer.fromJSON(layer)), output };
  }

  /** Of one output; null while it is not complete. */
  async manifest(serviceName: string, layerId: number, output: string): Promise<Manifest | null> {
    const bytes = await this.storage.get(posix.join(layerPrefix(serviceName, layerId), output, manifestName));
    if (!bytes) return null;
    const raw = JSON.parse(bytes.toString()) as Omit<Manifest, 'layer'> & { layer: unknown };
    return { ...raw, layer: Layer.fromJSON(raw.layer) };
  }

  /** Writes the manifest of an output whose files are all stored and durable. */
  async complete(serviceName: string, layerId: number, output: string, manifest: Manifest): Promise<void> {
    const content = JSON.stringify({ ...manifest, layer: Layer.toJSON(manifest.layer) });
    await this.storage.put(`${layerPrefix(serviceName, layerId)}/${output}/${manifestName}`, content);
  }

  /**
   * Makes a committed output the layer. Doing so again changes nothing. Throws STORAGE_FAILED when the output is not there,
   * ALREADY_EXISTS when another job has made this layer.
   */
  async publish(serviceName: string, layerId: number, output: string): Promise<Layer> {
    const manifest = await this.manifest(serviceName, layerId, output);
    if (!manifest) throw new SortieError('STORAGE_FAILED', 'The output that was committed is not in the storage.');
    const { layer } = manifest;
    const content = JSON.stringify({ version: 1, output, layer: Layer.toJSON(layer) });
    const prefix = layerPrefix(serviceName, layerId);
    if (!(await this.storage.putNew(`${prefix}/${pointerName}`, content))) {
      const there = await this.pointer(serviceName, layerId);
      if (there?.layer.jobId !== layer.jobId) {
        throw new SortieError('ALREADY_EXISTS', `Layer ${layerId} of ${serviceName} was made by another job already.`);
      }
    }
    return layer;
  }

  /** Throws NOT_FOUND while the layer is not visible. */
  async layer(serviceName: string, layerId: number): Promise<Layer> {
    const pointer = await this.pointer(serviceName, layerId);
    if (!pointer) throw noLayer(serviceName, layerId);
    return pointer.layer;
  }

  /** One file of a visible layer; only what the manifest names can be asked for. */
  async layerFile(serviceName: string, layerId: number, path: string): Promise<Stored & { key: string }> {
    const { output, byPath } = await this.filesOf(serviceName, layerId);
    const file = byPath.get(path);
    if (!file) throw new SortieError('NOT_FOUND', `Layer ${layerId} of ${serviceName} has no file of that name.`);
    return { ...file, key: posix.join(layerPrefix(serviceName, layerId), output, path) };
  }

  /** Of a visible layer, out of what the reading of its files needs anyhow. Throws NOT_FOUND. */
  async ownerOf(serviceName: string, layerId: number): Promise<string> {
    return (await this.filesOf(serviceName, layerId)).owner;
  }

  private async filesOf(serviceName: string, layerId: number): Promise<Files> {
    const key = layerPrefix(serviceName, layerId);
    const known = this.files.get(key);
    if (known) return known;
    const pointer = await this.pointer(serviceName, layerId);
    const manifest = pointer && (await this.manifest(serviceName, layerId, pointer.output));
    if (!manifest) throw noLayer(serviceName, layerId);
    const byPath = new Map(manifest.files.map(({ path, sizeBytes, sha256 }) => [path, { sizeBytes, sha256 }]));
    const files = { output: pointer.output, owner: pointer.layer.owner, byPath };
    this.files.set(key, files);
    return files;
  }
}

/** Layers of older versions name all of their files. */
const withoutPaths = (layer: Layer): Layer => Object.assign(layer, { paths: [] });

/** Hands the bytes on once the first of them have been looked at. */
async function* checked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const enough = 16;
  let head = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (head.length < enough) {
      head = Buffer.concat([head, chunk.subarray(0, enough)]);
      checkSignature(head);
    }
    yield chunk;
  }
}
