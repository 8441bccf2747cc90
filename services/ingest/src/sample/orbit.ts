// The sample flight: an aircraft circles over the landscape and looks straight down, so that picture and telemetry agree
// to the pixel. Metres east and north of the middle.

export const middle = { latitude: 46.6863, longitude: 7.8632, elevation: 570 };
export const startTime = Date.UTC(2026, 5, 1, 10, 0, 0);

const radius = 350;
const secondsAround = 60;
/** Above ground, metres. */
const height = 2000;
/** Width of what the picture shows, metres. */
export const groundWidth = 1280;

export interface Moment {
  east: number;
  north: number;
  /** Degrees clockwise from north; also where the upper edge of the picture points. */
  heading: number;
  height: number;
  /** Metres a second. */
  speed: number;
}

export function momentAt(seconds: number): Moment {
  const angle = (2 * Math.PI * seconds) / secondsAround;
  return {
    east: radius * Math.sin(angle),
    north: radius * Math.cos(angle),
    heading: ((((angle * 180) / Math.PI + 90) % 360) + 360) % 360,
    height,
    speed: (2 * Math.PI * radius) / secondsAround,
  };
}

/** The same as expressions of ffmpeg's filters in t. */
export const orbitExpressions = {
  east: `${radius}*sin(2*PI*t/${secondsAround})`,
  north: `${radius}*cos(2*PI*t/${secondsAround})`,
  headingRadians: `(2*PI*t/${secondsAround}+PI/2)`,
};

/** How far the landscape must reach from its middle. */
export const reach = (aspect: number): number => radius + (groundWidth / 2) * Math.hypot(1, 1 / aspect) + 20;

const metresPerDegree = 111_320;

export const place = (east: number, north: number): { latitude: number; longitude: number } => ({
  latitude: middle.latitude + north / metresPerDegree,
  longitude: middle.longitude + east / (metresPerDegree * Math.cos((middle.latitude * Math.PI) / 180)),
});
