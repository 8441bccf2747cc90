// Where the picture lies on the ground, computed from where the sensor is and where it looks: rays through the corners of
// the picture against the WGS 84 ellipsoid, at the height of the ground.
import type { Position } from './geometry.js';

export interface View {
  /** Degrees; metres above the ellipsoid (or the sea, which is less than 110 m off). */
  latitude: number;
  longitude: number;
  height: number;
  /** Of the platform: clockwise from north, nose up, right wing down. Degrees. */
  heading: number;
  pitch: number;
  roll: number;
  /** Of the sensor against the platform: clockwise from the nose, up from level, clockwise about the line of sight. */
  azimuth: number;
  elevation: number;
  rotation: number;
  /** Fields of view, degrees, more than 0 and less than 180. */
  horizontal: number;
  vertical: number;
  /** Height of the ground, metres. */
  ground: number;
}

export interface Footprint {
  /** Upper left, upper right, lower right, lower left. */
  corners: Position[];
  /** Where the middle of the picture meets the ground; null above the horizon. */
  center: Position | null;
  /** The upper edge is above the horizon: the corners are where the sides of the picture meet it. */
  toHorizon: boolean;
}

type Vector = readonly [number, number, number];

const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const equator = 6_378_137;
const flattening = 1 / 298.257_223_563;
const pole = equator * (1 - flattening);
const eccentricity2 = flattening * (2 - flattening);
/** Halvings of the side of a picture that look for the horizon: to a millionth of its length. */
const halvings = 20;

/** Turns about the third, second and first axis, in this order: heading, pitch, roll of a body in north, east, down. */
function turned([x, y, z]: Vector, heading: number, pitch: number, roll: number): Vector {
  const [sh, ch, sp, cp, sr, cr] = [heading, pitch, roll].flatMap((angle) => [Math.sin(angle), Math.cos(angle)]) as [number, number, number, number, number, number]; // prettier-ignore
  const [y1, z1] = [y * cr - z * sr, y * sr + z * cr];
  const [x2, z2] = [x * cp + z1 * sp, -x * sp + z1 * cp];
  return [x2 * ch - y1 * sh, x2 * sh + y1 * ch, z2];
}

/** Earth-centred, earth-fixed metres. */
function toEarth(latitude: number, longitude: number, height: number): Vector {
  const [lat, lon] = [radians(latitude), radians(longitude)];
  const normal = equator / Math.sqrt(1 - eccentricity2 * Math.sin(lat) ** 2);
  return [
    (normal + height) * Math.cos(lat) * Math.cos(lon),
    (normal + height) * Math.cos(lat) * Math.sin(lon),
    (normal * (1 - eccentricity2) + height) * Math.sin(lat),
  ];
}

/** North, east, down at a place as a direction in earth-centred axes. */
function directionAt(latitude: number, longitude: number, [north, east, down]: Vector): Vector {
  const [sa, ca, so, co] = [Math.sin(radians(latitude)), Math.cos(radians(latitude)), Math.sin(radians(longitude)), Math.cos(radians(longitude))]; // prettier-ignore
  return [
    -sa * co * north - so * east - ca * co * down,
    -sa * so * north + co * east - ca * so * down,
    ca * north - sa * down,
  ];
}

/** Where a ray first meets the ellipsoid at the ground's height; null when it passes over the horizon. */
function meet(from: Vector, [dx, dy, dz]: Vector, ground: number): Position | null {
  const [a, b] = [equator + ground, pole + ground];
  const [x, y, z] = from;
  const A = (dx * dx + dy * dy) / a ** 2 + (dz * dz) / b ** 2;
  const B = (x * dx + y * dy) / a ** 2 + (z * dz) / b ** 2;
  const C = (x * x + y * y) / a ** 2 + (z * z) / b ** 2 - 1;
  const root = B * B - A * C;
  if (root < 0) return null;
  const distance = (-B - Math.sqrt(root)) / A;
  if (distance <= 0) return null;
  const [px, py, pz] = [x + distance * dx, y + distance * dy, z + distance * dz];
  // The normal of the raised ellipsoid there: near enough to the geodetic one at any height of ground.
  const latitude = Math.atan2(pz / b ** 2, Math.hypot(px, py) / a ** 2);
  return [(Math.atan2(py, px) * 180) / Math.PI, (latitude * 180) / Math.PI];
}

/** Null when the sensor is not above the ground, or looks at the sky alone. */
export function footprintOf(view: View): Footprint | null {
  const { latitude, longitude, height, ground } = view;
  if (!(height > ground) || !(view.horizontal > 0 && view.horizontal < 180 && view.vertical > 0 && view.vertical < 180)) return null; // prettier-ignore
  const from = toEarth(latitude, longitude, height);
  const right = Math.tan(radians(view.horizontal) / 2);
  const up = Math.tan(radians(view.vertical) / 2);
  /** Through the picture: -1 to 1 to the right and upwards. */
  const look = (across: number, upwards: number): Position | null => {
    const sensor = turned([1, across * right, -upwards * up], radians(view.azimuth), radians(view.elevation), radians(view.rotation)); // prettier-ignore
    const body = turned(sensor, radians(view.heading), radians(view.pitch), radians(view.roll));
    return meet(from, directionAt(latitude, longitude, body), ground);
  };
  let toHorizon = false;
  /** A corner, or the last place before the horizon on the way to it from the one on the other end of its side. */
  const corner = (across: number, upwards: number): Position | null => {
    const seen = look(across, upwards);
    if (seen) return seen;
    toHorizon = true;
    let [ground_, sky] = [-upwards, upwards];
    let last = look(across, ground_);
    if (!last) return null;
    for (let step = 0; step < halvings; step++) {
      const half = (ground_ + sky) / 2;
      const found = look(across, half);
      if (found) [last, ground_] = [found, half];
      else sky = half;
    }
    return last;
  };
  const corners = [corner(-1, 1), corner(1, 1), corner(1, -1), corner(-1, -1)].filter((one) => one !== null);
  return corners.length === 4 ? { corners, center: look(0, 0), toHorizon } : null;
}
