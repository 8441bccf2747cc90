// A line with fewer points, none of which left out lies farther from it than the tolerance. One pass, bounded memory.
import { nearest, type LinePoint } from './antimeridian.js';
import type { Position } from './geometry.js';

const metersPerDegree = 111_320;
/** So many points at most wait for the next one that is kept: time stays linear. */
const longestWindow = 256;

/** Metres east, north and up of another place; flat, good for the lengths that are met here. */
export const metersFrom = ([ax, ay, az = 0]: Position, [x, y, z = 0]: Position): [number, number, number] => [
  (nearest(x, ax) - ax) * metersPerDegree * Math.cos((ay * Math.PI) / 180),
  (y - ay) * metersPerDegree,
  z - az,
];

/** An opening window: a point is kept when the straight way past it would leave one out by more than the tolerance. */
export class Simplifier {
  readonly kept: LinePoint[] = [];
  /** Points since the last one that was kept, as metres from it. */
  private readonly window = new Float64Array(3 * longestWindow);
  private size = 0;
  private last: LinePoint | null = null;

  /** Metres, height included. */
  constructor(readonly tolerance: number) {}

  add(point: LinePoint): void {
    let anchor = this.kept.at(-1);
    if (!anchor) {
      this.kept.push(point);
      return;
    }
    let [x, y, z] = metersFrom(anchor.position, point.position);
    if (this.last && (this.size === longestWindow || !this.holds(x, y, z))) {
      anchor = this.last;
      this.kept.push(anchor);
      this.size = 0;
      [x, y, z] = metersFrom(anchor.position, point.position);
    }
    this.window.set([x, y, z], 3 * this.size++);
    this.last = point;
  }

  /** Whether no point of the window lies too far from the straight way between the last one kept and this place. */
  private holds(x: number, y: number, z: number): boolean {
    const { window, size, tolerance } = this;
    const length2 = x * x + y * y + z * z;
    for (let at = 0; at < 3 * size; at += 3) {
      const [px, py, pz] = [window[at] ?? 0, window[at + 1] ?? 0, window[at + 2] ?? 0];
      const share = length2 === 0 ? 0 : Math.min(1, Math.max(0, (px * x + py * y + pz * z) / length2));
      const [dx, dy, dz] = [px - share * x, py - share * y, pz - share * z];
      if (dx * dx + dy * dy + dz * dz > tolerance * tolerance) return false;
    }
    return true;
  }

  /** The line so far, its last point included. */
  get points(): LinePoint[] {
    return this.last ? [...this.kept, this.last] : this.kept;
  }
}
