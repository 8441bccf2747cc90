// Places that a state tells of, WGS 84 degrees and metres, by the preferences between items.
import { normal } from './antimeridian.js';
import { footprintOf, type Footprint } from './footprint.js';
import type { State } from './state.js';

export type Position = [longitude: number, latitude: number, height?: number];

/** `computed`: from position, attitude and field of view; `horizon`: so too, and the picture reaches above the horizon. */
export type CornersRule = 'full' | 'offset' | 'computed' | 'horizon';

export interface Places {
  sensor: Position | null;
  frameCenter: Position | null;
  /** Upper left, upper right, lower right, lower left; null unless all four are known. */
  corners: Position[] | null;
  cornersRule: CornersRule | null;
}

export const nowhere: Places = { sensor: null, frameCenter: null, corners: null, cornersRule: null };

type Numbers = Pick<State, 'number'>;

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
/** Of pictures whose vertical field of view is not sent: 16 by 9. */
const usualAspect = 16 / 9;

/** Ellipsoid heights before the altitude above mean sea level, the longer before the shorter. */
const ellipsoidHeight = (state: Numbers): number | null => state.number(104) ?? state.number(75);
const sensorHeight = (state: Numbers): number | null => ellipsoidHeight(state) ?? state.number(15);
const groundHeight = (state: Numbers): number | null => state.number(78) ?? state.number(25);

/** Of sensor and ground: both above the ellipsoid or both above the sea where both are told so, for the two lie apart. */
function heights(state: Numbers): { height: number | null; ground: number } {
  const height = ellipsoidHeight(state);
  const ground = state.number(78);
  const [altitude, elevation] = [state.number(15), state.number(25)];
  if ((height === null || ground === null) && altitude !== null && elevation !== null)
    return { height: altitude, ground: elevation };
  return { height: height ?? altitude, ground: ground ?? elevation ?? 0 };
}

function computed(state: Numbers): Footprint | null {
  const needed = {
    latitude: state.number(13),
    longitude: state.number(14),
    ...heights(state),
    heading: state.number(5),
    pitch: state.number(90) ?? state.number(6),
    roll: state.number(91) ?? state.number(7),
    azimuth: state.number(18),
    elevation: state.number(19),
    horizontal: state.number(16),
  };
  const { latitude, longitude, height, ground, heading, pitch, roll, azimuth, elevation, horizontal } = needed;
  if (latitude === null || longitude === null || height === null || heading === null || pitch === null || roll === null || azimuth === null || elevation === null || horizontal === null) return null; // prettier-ignore
  const half = Math.tan((horizontal * Math.PI) / 360);
  return footprintOf({
    latitude,
    longitude,
    height,
    heading,
    pitch,
    roll,
    azimuth,
    elevation,
    rotation: state.number(20) ?? 0,
    horizontal,
    vertical: state.number(17) ?? (Math.atan(half / usualAspect) * 360) / Math.PI,
    ground,
  });
}

export function placesOf(state: Numbers): Places {
  const sensor = position(state.number(13), state.number(14), sensorHeight(state));
  const frameCenter = position(state.number(23), state.number(24), groundHeight(state));
  const full = four(points.map((point) => position(state.number(82 + 2 * point), state.number(83 + 2 * point), null)));
  if (full) return { sensor, frameCenter, corners: full, cornersRule: 'full' };
  if (frameCenter) {
    const [longitude, latitude] = frameCenter;
    const offsets = four(
      points.map((point) => {
        const north = state.number(26 + 2 * point);
        const east = state.number(27 + 2 * point);
        return north === null || east === null ? null : position(latitude + north, normal(longitude + east), null);
      }),
    );
    if (offsets) return { sensor, frameCenter, corners: offsets, cornersRule: 'offset' };
  }
  const footprint = computed(state);
  if (!footprint) return { sensor, frameCenter, corners: null, cornersRule: null };
  return {
    sensor,
    frameCenter: frameCenter ?? footprint.center,
    corners: footprint.corners,
    cornersRule: footprint.toHorizon ? 'horizon' : 'computed',
  };
}

/** What a map, and a footprint, need (Esri's rules for full-motion video), and by which items they are told. */
export const needs = {
  map: [
    ['Precision Time Stamp', [2]],
    ['Sensor Latitude', [13]],
    ['Sensor Longitude', [14]],
    ['Frame Center Latitude', [23]],
    ['Frame Center Longitude', [24]],
  ],
  footprint: [
    ['Precision Time Stamp', [2]],
    ['Platform Heading Angle', [5]],
    ['Platform Pitch Angle', [90, 6]],
    ['Platform Roll Angle', [91, 7]],
    ['Sensor Latitude', [13]],
    ['Sensor Longitude', [14]],
    ['Sensor Altitude', [104, 75, 15]],
    ['Sensor Horizontal Field of View', [16]],
    ['Sensor Relative Azimuth Angle', [18]],
    ['Sensor Relative Elevation Angle', [19]],
    ['Sensor Relative Roll Angle', [20]],
  ],
} as const satisfies Record<string, readonly (readonly [string, readonly number[]])[]>;
