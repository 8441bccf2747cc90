// The catalogue as one viewer sees it. What they may not see is not there: the same error, word for word.
import type { File, Layer, Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Viewer } from '@sortie/common/identity/speaker';
import type { Stored } from '@sortie/common/storage';
import { noFile, noLayer, noService, serviceKey, type Catalogue } from './catalogue.js';
import type { Shares } from './shares.js';
import { layerSharing, maySeeLayer, maySeeService, owns, serviceSharing, type Shared } from './sharing.js';

/** Services read at once when they are listed. */
const parallelReads = 32;

export class View {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly shares: Shares,
  ) {}

  /** Without its layers, as a copy of one's own. Throws NOT_FOUND. */
  async service(viewer: Viewer, serviceName: string): Promise<Service> {
    const service = await this.serviceOf(viewer, serviceKey(serviceName));
    if (!service) throw noService(serviceName);
    return service;
  }

  private async serviceOf(viewer: Viewer, key: string): Promise<Service | null> {
    const service = await this.shares.service(key);
    return service && maySeeService(viewer, service) ? { ...service, sharing: serviceSharing(service.sharing) } : null;
  }

  /** All that the viewer sees, by their keys. */
  async services(viewer: Viewer): Promise<{ key: string; service: Service }[]> {
    const keys = await this.catalogue.serviceKeys();
    const found: { key: string; service: Service }[] = [];
    for (let from = 0; from < keys.length; from += parallelReads) {
      const part = keys.slice(from, from + parallelReads);
      const read = await Promise.all(part.map(async (key) => ({ key, service: await this.serviceOf(viewer, key) })));
      // A creation that failed leaves a folder at most.
      for (const { key, service } of read) if (service) found.push({ key, service });
    }
    return found;
  }

  /** Those of these layers that the viewer sees, as lists show them. */
  async layers(viewer: Viewer, service: Service, layerIds: readonly number[]): Promise<Layer[]> {
    const summaries = await this.catalogue.summariesOf(service.serviceName, layerIds);
    const own = await this.shares.ofLayers(serviceKey(service.serviceName), layerIds);
    return summaries
      .map((layer) => told(layer, service, own.get(layer.layerId) ?? Sharing.SHARING_UNSPECIFIED))
      .filter((layer) => maySeeLayer(viewer, service, layer));
  }

  /** Throws NOT_FOUND. */
  async layer(viewer: Viewer, serviceName: string, layerId: number): Promise<Layer> {
    const layer = await this.catalogue.layer(serviceName, layerId);
    const { service, own } = await this.sharingOf(serviceName, layerId);
    if (!maySeeLayer(viewer, service, { owner: layer.owner, sharing: own })) throw noLayer(serviceName, layerId);
    return told(layer, service, own);
  }

  /** One file of a layer, and whether everybody may read it. Throws NOT_FOUND. */
  async layerFile(
    viewer: Viewer,
    serviceName: string,
    layerId: number,
    path: string,
  ): Promise<Stored & { key: string; public: boolean }> {
    const owner = await this.catalogue.ownerOf(serviceName, layerId);
    const { service, own } = await this.sharingOf(serviceName, layerId);
    if (!maySeeLayer(viewer, service, { owner, sharing: own })) throw noLayer(serviceName, layerId);
    const file = await this.catalogue.layerFile(serviceName, layerId, path);
    return { ...file, public: layerSharing(service.sharing, own) === Sharing.SHARING_PUBLIC };
  }

  private async sharingOf(serviceName: string, layerId: number): Promise<{ service: Shared; own: Sharing }> {
    const key = serviceKey(serviceName);
    const [service, own] = await Promise.all([this.shares.service(key), this.shares.layer(key, layerId)]);
    return { service: service ?? nobodys, own };
  }

  /** An upload: its owner's. Throws NOT_FOUND. */
  async file(viewer: Viewer, fileId: string): Promise<File> {
    const file = await this.catalogue.file(fileId);
    if (!owns(viewer, file.owner)) throw noFile(fileId);
    return file;
  }
}

/** A layer whose service has lost its record. */
const nobodys: Shared = { owner: '', sharing: Sharing.SHARING_PRIVATE };

const told = (layer: Layer, service: Shared, own: Sharing): Layer => ({
  ...layer,
  sharing: own,
  effectiveSharing: layerSharing(service.sharing, own),
  serviceOwner: service.owner,
});
