import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { continuous, cutArea, cutLine, nearest, normal } from './antimeridian.js';
import type { Position } from './geometry.js';

test('longitudes by the short way', () => {
  assert.equal([nearest(-179, 179), nearest(179, -179), nearest(10, 20), nearest(-179, -178)], [181, -181, 10, -179]);
  assert.equal([normal(180.5), normal(-190), normal(7)], [-179.5, 170, 7]);
  assert.equal(continuous([[179, 1], [-179, 2, 5], [178, 3]]), [[179, 1], [181, 2, 5], [178, 3]]); // prettier-ignore
});

test('a line is cut where it crosses, there and back, with heights and times between', () => {
  const points = ([[179, 10, 100], [-179, 20, 200], [-178, 20, 200], [179, 20, 200]] as Position[]).map((position, index) => ({ position, time: index * 2 })); // prettier-ignore
  const lines = cutLine(points);
  assert.equal(lines.map((line) => line.map(({ position: [x, y, z] }) => [x, y, z])), [
    [[179, 10, 100], [180, 15, 150]],
    [[-180, 15, 150], [-179, 20, 200], [-178, 20, 200], [-180, 20, 200]],
    [[180, 20, 200], [179, 20, 200]],
  ]); // prettier-ignore
  assert.is(lines[0]?.[1]?.time, 1);
  assert.is(cutLine(points.slice(1, 3)).length, 1);
});

/** Twice the area, as if the Earth were flat. */
const size = (ring: readonly Position[]): number =>
  Math.abs(
    ring.reduce((sum, [x, y], index) => {
      const [nextX, nextY] = ring[(index + 1) % ring.length] ?? [x, y];
      return sum + x * nextY - nextX * y;
    }, 0),
  );

test('an area is cut into parts on both sides that together are as large, whatever side it leans to', () => {
  for (const shift of [0, 0.7, -0.7]) {
    const corners: Position[] = [[179 + shift, 1], [181 + shift, 2], [180.5 + shift, 0], [179.5 + shift, -1]]; // prettier-ignore
    const parts = cutArea(corners.map(([x, y]) => [normal(x), y]));
    assert.is(parts.length, 2);
    assert.ok(parts.flat().every(([x]) => Math.abs(x) <= 180));
    const sides = parts.map((part) => part.every(([x]) => x >= 0));
    assert.equal(sides.sort(), [false, true]);
    const sum = parts.reduce((all, part) => all + size(part), 0);
    assert.ok(Math.abs(sum - size(corners)) < 1e-9, `${sum} for ${size(corners)}`);
  }
  assert.equal(cutArea([[1, 1], [2, 1], [2, 0]]), [[[1, 1], [2, 1], [2, 0]]]); // prettier-ignore
});

test.run();
