// Who sees what. Pure.
import { Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import type { Viewer } from '@sortie/common/identity/speaker';

/** What belongs to somebody, and how they share it. */
export interface Shared {
  owner: string;
  sharing: Sharing;
}

/** Words of newer versions count as the narrowest one. */
const widths: Partial<Record<Sharing, number>> = { [Sharing.SHARING_ORGANIZATION]: 1, [Sharing.SHARING_PUBLIC]: 2 };
const widthOf = (sharing: Sharing): number => widths[sharing] ?? 0;

/** Of a service: what was written before there was sharing is private. */
export const serviceSharing = (sharing: Sharing): Sharing =>
  widthOf(sharing) === 0 ? Sharing.SHARING_PRIVATE : sharing;

/** Of a layer: its service's, unless its own is narrower. */
export function layerSharing(service: Sharing, own: Sharing): Sharing {
  const above = serviceSharing(service);
  if (own === Sharing.SHARING_UNSPECIFIED || widthOf(own) >= widthOf(above)) return above;
  return serviceSharing(own);
}

export const owns = (viewer: Viewer, owner: string): boolean =>
  viewer === 'all' || (viewer !== 'visitor' && viewer.username === owner);

export function maySeeService(viewer: Viewer, { owner, sharing }: Shared): boolean {
  if (owns(viewer, owner)) return true;
  return widthOf(sharing) >= (viewer === 'visitor' ? widthOf(Sharing.SHARING_PUBLIC) : widthOf(Sharing.SHARING_ORGANIZATION));
} // prettier-ignore

/** Who owns a service sees all that is in it. Who owns a layer sees that, as long as they see its service. */
export function maySeeLayer(viewer: Viewer, service: Shared, layer: Shared): boolean {
  if (owns(viewer, service.owner)) return true;
  if (!maySeeService(viewer, service)) return false;
  return maySeeService(viewer, { owner: layer.owner, sharing: layerSharing(service.sharing, layer.sharing) });
}
