import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePacket } from './encode.js';
import { footprintOf, type View } from './footprint.js';
import { placesOf, type Position } from './geometry.js';
import { decodePacket } from './packet.js';
import { State } from './state.js';

const level: View = {
  latitude: 46,
  longitude: 7,
  height: 2000,
  heading: 0,
  pitch: 0,
  roll: 0,
  azimuth: 0,
  elevation: -90,
  rotation: 0,
  horizontal: 60,
  vertical: 40,
  ground: 1000,
};

/** East and north of the sensor, metres: arcs of meridian and parallel at 46 degrees (WGS 84). */
const metres = ([longitude, latitude]: Position): [number, number] => [
  (longitude - 7) * 77_465,
  (latitude - 46) * 111_148,
];

/** Upper left, upper right, lower right, lower left; the middle. */
function outline(changes: Partial<View>): {
  corners: [number, number][];
  center: [number, number] | null;
  toHorizon: boolean;
} {
  const found = footprintOf({ ...level, ...changes });
  if (!found) throw new Error('no footprint');
  return {
    corners: found.corners.map(metres),
    center: found.center && metres(found.center),
    toHorizon: found.toHorizon,
  };
}

const near = (found: readonly number[], expected: readonly number[], within: number): void =>
  found.forEach((one, index) =>
    assert.ok(Math.abs(one - (expected[index] ?? NaN)) <= within, `${String(found)} for ${String(expected)}`),
  );

test('straight down: half a field of view to each side, the top of the picture where the nose is', () => {
  const across = 1000 * Math.tan(Math.PI / 6);
  const up = 1000 * Math.tan(Math.PI / 9);
  const north = outline({});
  near(north.center ?? [], [0, 0], 1);
  near(north.corners.flat(), [-across, up, across, up, across, -up, -across, -up], 3);
  // Heading east: the top is in the east.
  near(outline({ heading: 90 }).corners.flat(), [up, across, up, -across, -up, -across, -up, across], 3);
  // So too when the sensor looks to the right, or is turned about its line of sight.
  near(outline({ azimuth: 90 }).corners.flat(), [up, across, up, -across, -up, -across, -up, across], 3);
  near(outline({ rotation: 90 }).corners.flat(), [up, across, up, -across, -up, -across, -up, across], 3);
});

test('aslant: the middle is as far as the height over the tangent, right of the nose when the sensor looks right', () => {
  near(outline({ elevation: -45, vertical: 10 }).center ?? [], [0, 1000], 2);
  near(outline({ elevation: -45, vertical: 10, azimuth: 90 }).center ?? [], [1000, 0], 2);
  near(outline({ elevation: -45, vertical: 10, heading: 180 }).center ?? [], [0, -1000], 2);
  // A nose that is down by 15 degrees, a sensor down by 30.
  near(outline({ elevation: -30, pitch: -15, vertical: 10 }).center ?? [], [0, 1000], 2);
  // The right wing down by 20 degrees, straight below the platform: the sight swings to the left.
  near(outline({ roll: 20 }).center ?? [], [-1000 * Math.tan(Math.PI / 9), 0], 2);
});

test('the horizon: corners that see the sky end at it, and there is none where all is sky', () => {
  const over = outline({ elevation: -10, vertical: 40 });
  assert.ok(over.toHorizon);
  // To the horizon from 1000 m above the ground: the square root of 2 R h, 113 km.
  const far = Math.hypot(...(over.corners[0] ?? [0, 0]));
  assert.ok(far > 90_000 && far < 120_000, `${far} m`);
  assert.is(footprintOf({ ...level, elevation: 30 }), null);
  assert.is(footprintOf({ ...level, height: 900 }), null);
  assert.is(footprintOf({ ...level, horizontal: 0 }), null);
});

test('across the date line and at the pole nothing breaks', () => {
  const found = footprintOf({ ...level, longitude: 179.999 });
  assert.ok(found?.corners.every(([longitude]) => Math.abs(longitude) > 179));
  assert.ok(footprintOf({ ...level, latitude: 90 })?.corners.every(([, latitude]) => latitude > 89.9));
});

test('a state without corners gets computed ones, and by them its frame centre', () => {
  const state = new State().update(
    decodePacket(encodePacket([[2, 1n], [5, 0], [6, 0], [7, 0], [13, 46], [14, 7], [15, 2000], [16, 60], [17, 40], [18, 0], [19, -90], [20, 0]])), // prettier-ignore
    0,
  );
  const places = placesOf(state);
  assert.is(places.cornersRule, 'computed');
  near([places.frameCenter?.[0] ?? 0, places.frameCenter?.[1] ?? 0], [7, 46], 1e-6);
  const half = 2000 * Math.tan(Math.PI / 6);
  near(metres(places.corners?.[0] ?? [0, 0]), [-half, 2000 * Math.tan(Math.PI / 9)], 8);
});

test.run();
