// A line with fewer points, none of which left out lies farther from it than the tolerance. One pass, bounded memory.
import { nearest, type LinePoint } from './antimeridian.js';
import type { Position } from './geometry.js';

const metersPerDegree = 111_320;
/** So many points at most wait for the next one that is kept: time stays linear. */
const longestWindow = 256;

/** Distance of `point` from the straight way between two others, metres; flat, good for the lengths that are met here. */
export function distanceFrom(point: Position, a: Position, b: Position): number {
  const across = metersPerDegree * Math.cos((a[1] * Math.PI) / 180);
  const flat = ([x, y, z = 0]: Position): [number, number, number] => [
    (nearest(x, a[0]) - a[0]) * across,
    (y - a[1]) * metersPerDegree,
    z - (a[2] ?? 0),
  ];
  const p = flat(point);
  const way = flat(b);
  const length2 = way.reduce((sum, one) => sum + one * one, 0);
  const share = length2 === 0 ? 0 : Math.min(1, Math.max(0, (p[0] * way[0] + p[1] * way[1] + p[2] * way[2]) / length2));
  return Math.hypot(p[0] - share * way[0], p[1] - share * way[1], p[2] - share * way[2]);
}

/** An opening window: a point is kept when the straight way past it would leave one out by more than the tolerance. */
export class Simplifier {
  readonly kept: LinePoint[] = [];
  private window: LinePoint[] = [];

  /** Metres, height included. */
  constructor(readonly tolerance: number) {}

  add(point: LinePoint): void {
    const anchor = this.kept.at(-1);
    if (!anchor) {
      this.kept.push(point);
      return;
    }
    const holds =
      this.window.length < longestWindow &&
      this.window.every(({ position }) => distanceFrom(position, anchor.position, point.position) <= this.tolerance);
    const last = this.window.at(-1);
    if (!holds && last) {
      this.kept.push(last);
      this.window = [];
    }
    this.window.push(point);
  }

  /** The line so far, its last point included. */
  get points(): LinePoint[] {
    const last = this.window.at(-1);
    return last ? [...this.kept, last] : this.kept;
  }
}
