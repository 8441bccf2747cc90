// Services and their layers in pages, which end by their bytes, too: an answer must stay below gRPC's 4 MiB.
import { SortieError } from '@sortie/common/errors';
import { fitting } from '@sortie/common/fitting';
import {
  Service,
  type GetServiceRequest,
  type GetServiceResponse,
  type Layer,
  type ListServicesRequest,
  type ListServicesResponse,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { maxLength } from '@sortie/common/text';
import type { Viewer } from '@sortie/common/identity/speaker';
import type { Catalogue } from './catalogue.js';
import { owns } from './sharing.js';
import type { View } from './view.js';

const defaultServices = 100;
const maxServices = 1000;
const maxLayers = 1000;
const maxPageBytes = 1024 * 1024;
/** A layer's own fields in a list, besides its texts. */
const layerBytes = 200;

function sizeOf(pageSize: number, usual: number, max: number): number {
  if (pageSize < 0) throw SortieError.field('page_size', 'must not be negative');
  return Math.min(pageSize === 0 ? usual : pageSize, max);
}

const writeToken = (after: string | number): string => Buffer.from(String(after)).toString('base64url');

/** What `writeToken` made of something of this form; throws INVALID_ARGUMENT for all else. */
function readToken(token: string, form: RegExp): string | null {
  if (token === '') return null;
  const after = token.length <= 2 * maxLength.serviceName ? Buffer.from(token, 'base64url').toString() : '';
  if (form.test(after) && writeToken(after) === token) return after;
  throw SortieError.field('page_token', 'is not from an answer to the same request');
}

/** Roughly the bytes of a layer in an answer; never too few. */
const weight = (layer: Layer): number =>
  layerBytes +
  4 * (layer.name.length + layer.description.length + layer.sourceFileName.length + layer.owner.length + layer.serviceName.length); // prettier-ignore

export interface Listing {
  catalogue: Catalogue;
  view: View;
  viewer: Viewer;
}

/** Others than the owner are not told how many layers there are that they do not see. */
const lastId = (
  viewer: Viewer,
  service: Service,
  ids: readonly number[],
  seen: readonly Layer[],
): number | undefined => (owns(viewer, service.owner) ? ids.at(-1) : seen.at(-1)?.layerId);

export async function getService(
  { catalogue, view, viewer }: Listing,
  request: GetServiceRequest,
): Promise<GetServiceResponse> {
  const size = sizeOf(request.pageSize, maxLayers, maxLayers);
  const after = readToken(request.pageToken, /^\d{1,10}$/);
  const service = await view.service(viewer, request.serviceName);
  const ids = await catalogue.reservedIds(service.serviceName);
  const rest = after === null ? ids : ids.filter((id) => id > Number(after));
  const page = await view.layers(viewer, service, rest.slice(0, size));
  service.layers = fitting(page, weight, maxPageBytes);
  service.lastReservedId = lastId(viewer, service, ids, page);
  const cut = service.layers.length < page.length;
  const last = cut ? service.layers.at(-1)?.layerId : rest[size - 1];
  const more = cut || rest.length > size;
  return { service, nextPageToken: more && last !== undefined ? writeToken(last) : '' };
}

/** Each service comes with the first of its layers. */
export async function listServices(
  { catalogue, view, viewer }: Listing,
  request: ListServicesRequest,
): Promise<ListServicesResponse> {
  const size = sizeOf(request.pageSize, defaultServices, maxServices);
  const after = readToken(request.pageToken, /^[a-z0-9_]{1,120}$/) ?? '';
  const seen = await view.services(viewer);
  const rest = seen.filter(({ key }) => key > after);
  const services: Service[] = [];
  let left = maxPageBytes;
  let last = '';
  for (const { key, service } of rest.slice(0, size)) {
    const ids = await catalogue.reservedIds(key);
    const layers = await view.layers(viewer, service, ids.slice(0, maxLayers));
    service.layers = fitting(layers, weight, maxPageBytes / 2);
    service.lastReservedId = lastId(viewer, service, ids, layers);
    const bytes = Service.encode(service).finish().length;
    if (services.length > 0 && bytes > left) break;
    left -= bytes;
    services.push(service);
    last = key;
  }
  const more = services.length < rest.length;
  return { services, nextPageToken: more ? writeToken(last) : '', totalSize: seen.length };
}
