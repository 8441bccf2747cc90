// The number of a layer, as it stands in an address.
import { SortieError } from '@sortie/common/errors';

const largestLayerId = 2 ** 31 - 1;

/** Throws NOT_FOUND for what is no layer number. */
export function layerIdOf(text: string): number {
  const layerId = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  if (layerId > largestLayerId)
    throw new SortieError('NOT_FOUND', 'There is no such layer: layers have numbers from 0 on.');
  return layerId;
}
