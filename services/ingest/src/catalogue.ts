// Files, services and layers, kept as small JSON objects in the storage beside what they describe: whoever has the
// storage has everything, any number of API processes can share it, and none of them needs a database.
//
//   uploads/<fileId>/file.json, source.<ext>
//   services/<key>/service.json, layers/<id>.json (reserved numbers), requests/<request id>.json
//   layers/<key>/<id>/manifest.json and the layer's files
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { SortieError } from '@sortie/common/errors';
import { File, Layer, Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { isFileId, newFileId, newItemId } from '@sortie/common/ids';
import type { Storage, Stored } from '@sortie/common/storage';
import { checkName, checkSignature } from './media/upload.js';

/** What is written last: a layer is visible only when this is there. */
export interface Manifest {
  version: 1;
  layer: Layer;
  files: (Stored & { path: string })[];
}

export interface Reservation {
  layerId: number;
  layerName: string;
  description: string;
}

const serviceNameForm = /^[A-Za-z0-9_]{1,120}$/;

/** Service names are not told apart by case; throws when the name is not one. */
export function serviceKey(serviceName: string): string {
  if (!serviceNameForm.test(serviceName)) {
    throw SortieError.field('service_name', 'must be 1 to 120 letters, digits or underscores');
  }
  return serviceName.toLowerCase();
}

export const layerPrefix = (serviceName: string, layerId: number): string =>
  `layers/${serviceKey(serviceName)}/${layerId}`;

const filePrefix = (fileId: string): string => `uploads/${fileId}`;
const fileKey = (fileId: string): string => `${filePrefix(fileId)}/file.json`;
const servicePrefix = (key: string): string => `services/${key}`;

/** Where the bytes of an upload lie: a name of ours, with the extension that was checked. */
export const sourceKey = (file: File): string => `${filePrefix(file.fileId)}/source.${checkName(file.fileName)}`;

export class Catalogue {
  /** Manifests never change once written, but for a repeated save of the same job. */
  private readonly manifests = new Map<string, Manifest>();
  private static readonly cached = 200;

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
    if (!bytes) throw new SortieError('NOT_FOUND', `File ${fileId.slice(0, 60)} was not found.`);
    return File.fromJSON(JSON.parse(bytes.toString()));
  }

  async createService(serviceName: string, owner: string, description: string): Promise<Service> {
    const key = serviceKey(serviceName);
    const service: Service = {
      serviceName,
      serviceItemId: newItemId(),
      owner,
      description,
      createTime: new Date(),
      lastReservedId: undefined,
      layers: [],
    };
    if (!(await this.storage.putNew(`${servicePrefix(key)}/service.json`, JSON.stringify(Service.toJSON(service))))) {
      throw new SortieError('ALREADY_EXISTS', `Service ${serviceName} exists already.`);
    }
    return service;
  }

  /** With its visible layers. */
  async service(serviceName: string): Promise<Service> {
    const service = await this.serviceRecord(serviceName);
    const ids = await this.reservedIds(service.serviceName);
    service.lastReservedId = ids.at(-1);
    for (const id of ids) {
      const manifest = await this.manifest(service.serviceName, id);
      if (manifest) service.layers.push(manifest.layer);
    }
    return service;
  }

  private async serviceRecord(serviceName: string): Promise<Service> {
    const bytes = await this.storage.get(`${servicePrefix(serviceKey(serviceName))}/service.json`);
    if (!bytes) throw new SortieError('NOT_FOUND', `Service ${serviceName} was not found; create it first.`);
    return Service.fromJSON(JSON.parse(bytes.toString()));
  }

  /** Keys of all services, sorted. */
  serviceKeys(): Promise<string[]> {
    return this.storage.children('services');
  }

  private async reservedIds(serviceName: string): Promise<number[]> {
    const names = await this.storage.children(`${servicePrefix(serviceKey(serviceName))}/layers`);
    return names.map((name) => Number(posix.basename(name, '.json'))).sort((a, b) => a - b);
  }

  /** The next free number of the service is ours from now on; the same request gets the same number again. */
  async reserveLayer(
    serviceName: string,
    layerName: string,
    description: string,
    requestId: string,
  ): Promise<Reservation> {
    const prefix = servicePrefix(serviceKey(serviceName));
    // A request id is the caller's text: only its digest becomes part of a key.
    const requestKey = `${prefix}/requests/${createHash('sha256').update(requestId).digest('hex')}.json`;
    const known = requestId === '' ? null : await this.storage.get(requestKey);
    if (known) return JSON.parse(known.toString()) as Reservation;

    let layerId = ((await this.reservedIds(serviceName)).at(-1) ?? -1) + 1;
    let reservation: Reservation = { layerId, layerName, description };
    while (!(await this.storage.putNew(`${prefix}/layers/${layerId}.json`, JSON.stringify(reservation)))) {
      layerId++;
      reservation = { layerId, layerName, description };
    }
    if (requestId !== '' && !(await this.storage.putNew(requestKey, JSON.stringify(reservation)))) {
      // The same request ran beside us and was faster: its number counts, ours stays empty.
      const winner = await this.storage.get(requestKey);
      if (winner) return JSON.parse(winner.toString()) as Reservation;
    }
    return reservation;
  }

  async reservation(serviceName: string, layerId: number): Promise<Reservation | null> {
    const bytes = await this.storage.get(`${servicePrefix(serviceKey(serviceName))}/layers/${layerId}.json`);
    return bytes ? (JSON.parse(bytes.toString()) as Reservation) : null;
  }

  /** Null while the layer is not visible. */
  async manifest(serviceName: string, layerId: number): Promise<Manifest | null> {
    const key = `${layerPrefix(serviceName, layerId)}/manifest.json`;
    const cached = this.manifests.get(key);
    if (cached) return cached;
    const bytes = await this.storage.get(key);
    if (!bytes) return null;
    const raw = JSON.parse(bytes.toString()) as Omit<Manifest, 'layer'> & { layer: unknown };
    const manifest: Manifest = { ...raw, layer: Layer.fromJSON(raw.layer) };
    const [oldest] = this.manifests.keys();
    if (this.manifests.size >= Catalogue.cached && oldest !== undefined) this.manifests.delete(oldest);
    this.manifests.set(key, manifest);
    return manifest;
  }

  /** Throws NOT_FOUND while the layer is not visible. */
  async layer(serviceName: string, layerId: number): Promise<Layer> {
    return (await this.visible(serviceName, layerId)).layer;
  }

  /** One file of a visible layer; only what the manifest names can be asked for. */
  async layerFile(serviceName: string, layerId: number, path: string): Promise<Stored & { key: string }> {
    const manifest = await this.visible(serviceName, layerId);
    const file = manifest.files.find((entry) => entry.path === path);
    if (!file) throw new SortieError('NOT_FOUND', `Layer ${layerId} of ${serviceName} has no file of that name.`);
    return { ...file, key: `${layerPrefix(serviceName, layerId)}/${path}` };
  }

  private async visible(serviceName: string, layerId: number): Promise<Manifest> {
    const manifest = await this.manifest(serviceName, layerId);
    if (!manifest) throw new SortieError('NOT_FOUND', `Layer ${layerId} of ${serviceName} was not found.`);
    return manifest;
  }
}

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
