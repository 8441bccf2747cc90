// Places that a packet tells of, WGS 84 degrees and metres, by the preferences between items.
import type { Item } from './item.js';
import type { KlvPacket } from './packet.js';

export type Position = [longitude: number, latitude: number, height?: number];

export interface Places {
  sensor: Position | null;
  frameCenter: Position | null;
  /** Upper left, upper right, lower right, lower left; null unless all four are known. */
  corners: Position[] | null;
}

type Lookup = (key: number | string) => number | null;

/** By tag in ST 0601, by name in EG 0104. The last of several counts. */
function lookupOf(items: readonly Item[]): Lookup {
  const values = new Map<number | string, number>();
  for (const { tag, name, value } of items) {
    if (typeof value !== 'number') continue;
    values.set(tag ?? name ?? '', value);
  }
  return (key) => values.get(key) ?? null;
}

function position(latitude: number | null, longitude: number | null, height: number | null): Position | null {
  if (latitude === null || longitude === null || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return null;
  return height === null ? [longitude, latitude] : [longitude, latitude, height];
}

/** Each pair is latitude and longitude of points 1 to 4. */
function four(pairs: (Position | null)[]): Position[] | null {
  const known = pairs.filter((place) => place !== null);
  return known.length === 4 ? known : null;
}

const points = [0, 1, 2, 3];

function uasPlaces(get: Lookup): Places {
  // Ellipsoid heights before the altitude above mean sea level, the longer before the shorter.
  const sensor = position(get(13), get(14), get(104) ?? get(75) ?? get(15));
  const frameCenter = position(get(23), get(24), get(78) ?? get(25));
  const full = four(points.map((point) => position(get(82 + 2 * point), get(83 + 2 * point), null)));
  if (full || !frameCenter) return { sensor, frameCenter, corners: full };
  const [longitude, latitude] = frameCenter;
  const offsets = points.map((point) => {
    const north = get(26 + 2 * point);
    const east = get(27 + 2 * point);
    return north === null || east === null ? null : position(latitude + north, longitude + east, null);
  });
  return { sensor, frameCenter, corners: four(offsets) };
}

const predatorPlaces = (get: Lookup): Places => ({
  sensor: position(get('Device Latitude'), get('Device Longitude'), get('Device Altitude')),
  frameCenter: position(get('Frame Center Latitude'), get('Frame Center Longitude'), get('Frame Center Elevation')),
  corners: four(
    points.map((point) =>
      position(get(`Corner Latitude Point ${point + 1}`), get(`Corner Longitude Point ${point + 1}`), null),
    ),
  ),
});

export function placesOf(packet: KlvPacket): Places {
  const get = lookupOf(packet.items);
  if (packet.kind === 'ST0601 UAS LS') return uasPlaces(get);
  if (packet.kind === 'EG0104 Predator US') return predatorPlaces(get);
  return { sensor: null, frameCenter: null, corners: null };
}
