// Where longitudes jump from 180 to -180: the short way between places, and lines and areas cut there for GeoJSON (RFC 7946
// section 3.1.9).
import type { Position } from './geometry.js';

const edge = 180;

/** The longitude of the same place that is nearest to another one's; beyond 180 where that is the short way. */
export const nearest = (longitude: number, other: number): number =>
  longitude + 360 * Math.round((other - longitude) / 360);

/** From -180 to 180. */
export const normal = (longitude: number): number => nearest(longitude, 0);

const moved = ([, ...rest]: Position, longitude: number): Position => [longitude, ...rest];

/** Each place as near to the one before it as it lies: no jump. */
export function continuous(places: readonly Position[]): Position[] {
  let before = places[0]?.[0] ?? 0;
  return places.map((place) => moved(place, (before = nearest(place[0], before))));
}

export interface LinePoint {
  position: Position;
  /** Seconds. */
  time: number;
}

const between = (a: number, b: number, share: number): number => a + (b - a) * share;

/** The point of the way from one place to another, by the short way, that has this longitude. */
function crossing(from: Position, to: Position, longitude: number): { share: number; rest: [number, number?] } {
  const share = (longitude - from[0]) / (nearest(to[0], from[0]) - from[0]);
  const latitude = between(from[1], to[1], share);
  const [, , low] = from;
  const [, , high] = to;
  return { share, rest: low === undefined || high === undefined ? [latitude] : [latitude, between(low, high, share)] };
}

/** Lines that together are the one given, none of which crosses the edge. */
export function cutLine(points: readonly LinePoint[]): LinePoint[][] {
  const lines: LinePoint[][] = [[]];
  let before: LinePoint | null = null;
  for (const point of points) {
    if (before) {
      const to = nearest(point.position[0], before.position[0]);
      const side = to > edge ? edge : to < -edge ? -edge : null;
      if (side !== null) {
        const { share, rest } = crossing(before.position, point.position, side);
        const time = between(before.time, point.time, share);
        lines.at(-1)?.push({ position: [side, ...rest] as Position, time });
        lines.push([{ position: [-side, ...rest] as Position, time }]);
      }
    }
    lines.at(-1)?.push(point);
    before = point;
  }
  return lines;
}

/** The part of an area on one side of a meridian; empty when there is none. */
function clip(ring: readonly Position[], meridian: number, side: 1 | -1): Position[] {
  return ring.flatMap((place, index) => {
    const next = ring[(index + 1) % ring.length] ?? place;
    const inside = (place[0] - meridian) * side >= 0;
    const crosses = inside !== (next[0] - meridian) * side >= 0;
    const onEdge = crosses ? [[meridian, ...crossing(place, next, meridian).rest] as Position] : [];
    return inside ? [place, ...onEdge] : onEdge;
  });
}

/** Areas that together are the one given by its corners, none of which crosses the edge. */
export function cutArea(corners: readonly Position[]): Position[][] {
  const ring = continuous(corners);
  const [low, high] = [Math.min(...ring.map(([x]) => x)), Math.max(...ring.map(([x]) => x))];
  if (low >= -edge && high <= edge) return [ring];
  const meridian = high > edge ? edge : -edge;
  return ([1, -1] as const)
    .map((side) => clip(ring, meridian, side))
    .filter((part) => part.length > 2)
    .map((part) => {
      const middle = part.reduce((sum, [x]) => sum + x, 0) / part.length;
      const turn = normal(middle) - middle;
      return part.map((place) => moved(place, place[0] + turn));
    });
}
