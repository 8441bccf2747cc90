// How services and layers are shared, as it stands in the storage. A service's sharing is in its record; a layer's own has a file of
// its own, `services/<service>/sharing/<layer>.json`, because a layer's record is never changed. Who changes one layer meets
// nobody who changes another.
import { Sharing, sharingFromJSON, sharingToJSON, type Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Storage } from '@sortie/common/storage';
import { Brief } from './brief.js';
import { noService, serviceKey, servicePrefix, type Catalogue } from './catalogue.js';

const folderOf = (key: string): string => `${servicePrefix(key)}/sharing`;
const fileOf = (key: string, layerId: number): string => `${folderOf(key)}/${layerId}.json`;
const textOf = (sharing: Sharing): string => JSON.stringify({ sharing: sharingToJSON(sharing) });

export class Shares {
  private readonly services = new Brief<Service | null>();
  private readonly layers = new Brief<Sharing>();
  private readonly folders = new Brief<ReadonlySet<number>>();

  constructor(
    private readonly storage: Storage,
    private readonly catalogue: Catalogue,
  ) {}

  /** The record of a service, at most a moment old; null when there is none. It is shared with others: copy it to change it. */
  service(key: string): Promise<Service | null> {
    // A service that another process creates is there at once.
    return this.services.get(key, () => this.catalogue.serviceOf(key), (service) => service !== null); // prettier-ignore
  }

  /** A layer's own; SHARING_UNSPECIFIED when it has none. */
  layer(key: string, layerId: number): Promise<Sharing> {
    return this.layers.get(`${key}/${layerId}`, async () => {
      const bytes = await this.storage.get(fileOf(key, layerId));
      return bytes ? sharingFromJSON((JSON.parse(bytes.toString()) as { sharing: unknown }).sharing) : Sharing.SHARING_UNSPECIFIED; // prettier-ignore
    });
  }

  /** As `layer`, for lists: nothing is read of layers that have no sharing of their own. */
  async ofLayers(key: string, layerIds: readonly number[]): Promise<Map<number, Sharing>> {
    const own = await this.folders.get(key, async () => {
      const names = await this.storage.children(folderOf(key));
      return new Set(names.map((name) => Number(name.replace(/\.json$/, ''))));
    });
    const found = layerIds.filter((layerId) => own.has(layerId));
    return new Map(await Promise.all(found.map(async (id): Promise<[number, Sharing]> => [id, await this.layer(key, id)]))); // prettier-ignore
  }

  /** Throws NOT_FOUND. */
  async setService(serviceName: string, sharing: Sharing): Promise<Service> {
    const key = serviceKey(serviceName);
    const before = await this.catalogue.serviceOf(key);
    if (!before) throw noService(serviceName);
    const service = { ...before, sharing };
    await this.catalogue.replaceService(key, service);
    this.services.set(key, service);
    return service;
  }

  async setLayer(serviceName: string, layerId: number, sharing: Sharing): Promise<void> {
    const key = serviceKey(serviceName);
    await this.storage.put(fileOf(key, layerId), textOf(sharing));
    this.note(key, layerId, sharing);
  }

  /** Of a new layer, which keeps what it has when the request comes again. */
  async setNewLayer(serviceName: string, layerId: number, sharing: Sharing): Promise<void> {
    if (sharing === Sharing.SHARING_UNSPECIFIED) return;
    const key = serviceKey(serviceName);
    if (await this.storage.putNew(fileOf(key, layerId), textOf(sharing))) this.note(key, layerId, sharing);
  }

  private note(key: string, layerId: number, sharing: Sharing): void {
    this.layers.set(`${key}/${layerId}`, sharing);
    this.folders.forget(key);
  }
}
