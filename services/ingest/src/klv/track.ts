// The flight as GeoJSON (RFC 7946): where the sensor was, where it looked, and what it saw; simplified, for maps. The full
// one is a feature for each packet.
import { cutArea, cutLine, type LinePoint } from './antimeridian.js';
import type { Places, Position } from './geometry.js';
import { speakerOf, type TimedPacket } from './read.js';
import { Simplifier } from './simplify.js';

/** Metres; doubled as often as a line has more points than this. */
const firstTolerance = 1;
const mostPoints = 20_000;
/** Footprints kept: when there are more, every second is dropped, again and again. */
const mostFootprints = 200;

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;

class Line {
  private simplifier = new Simplifier(firstTolerance);
  private tolerance = firstTolerance;
  private seen = 0;

  add(point: LinePoint): void {
    this.seen++;
    this.simplifier.add(point);
    if (this.simplifier.kept.length < mostPoints) return;
    // What was left out stays within the sum of both tolerances.
    const coarser = new Simplifier(this.tolerance);
    for (const kept of this.simplifier.points) coarser.add(kept);
    this.simplifier = coarser;
    this.tolerance *= 2;
  }

  feature(name: string, source: object): object | null {
    const { points } = this.simplifier;
    const [first] = points;
    if (!first) return null;
    const lines = cutLine(points);
    const coordinates = lines.map((line) => line.map(({ position }) => position));
    const times = lines.map((line) => line.map(({ time }) => rounded(time)));
    const properties = { name, ...source, packets: this.seen, toleranceMeters: this.tolerance };
    if (points.length === 1)
      return { type: 'Feature', geometry: { type: 'Point', coordinates: first.position }, properties: { ...properties, times: times[0] } }; // prettier-ignore
    // Times are nested as coordinates are.
    return lines.length === 1
      ? { type: 'Feature', geometry: { type: 'LineString', coordinates: coordinates[0] }, properties: { ...properties, times: times[0] } } // prettier-ignore
      : { type: 'Feature', geometry: { type: 'MultiLineString', coordinates }, properties: { ...properties, times } };
  }
}

/** First and last point of a ring are the same, and it runs against the clock (RFC 7946 section 3.1.6). */
function ringOf(corners: readonly Position[]): number[][] {
  const ring = corners.map(([x, y]) => [x, y]);
  const doubleArea = ring.reduce((sum, [x = 0, y = 0], index) => {
    const [nextX = 0, nextY = 0] = ring[(index + 1) % ring.length] ?? [];
    return sum + (x * nextY - nextX * y);
  }, 0);
  if (doubleArea < 0) ring.reverse();
  return [...ring, ring[0] ?? []];
}

/** In several parts where it crosses the antimeridian. */
export function areaOf(corners: readonly Position[]): { type: string; coordinates: unknown } {
  const polygons = cutArea(corners).map((part) => [ringOf(part)]);
  return polygons.length === 1
    ? { type: 'Polygon', coordinates: polygons[0] }
    : { type: 'MultiPolygon', coordinates: polygons };
}

const footprintFeature = (places: Places, time: number, source: object): object | null =>
  places.corners && {
    type: 'Feature',
    geometry: areaOf(places.corners),
    properties: { name: 'footprint', ...source, time: rounded(time), rule: places.cornersRule },
  };

/** All that one packet tells of places, exactly; null when that is nothing. */
export function fullFeature(places: Places, time: number, properties: object): object | null {
  const { sensor, frameCenter, corners } = places;
  const geometries = [
    ...(sensor ? [{ type: 'Point', coordinates: sensor }] : []),
    ...(frameCenter ? [{ type: 'Point', coordinates: frameCenter }] : []),
    ...(corners ? [areaOf(corners)] : []),
  ];
  if (geometries.length === 0) return null;
  const is = { sensor: sensor !== null, frameCenter: frameCenter !== null, corners: places.cornersRule };
  return {
    type: 'Feature',
    geometry: { type: 'GeometryCollection', geometries },
    properties: { time: rounded(time), ...properties, is },
  };
}

/** One flight. */
class Track {
  private readonly sensor = new Line();
  private readonly frameCenter = new Line();
  private footprints: { places: Places; time: number }[] = [];
  private every = 1;
  private seen = 0;

  /** `source`: what is told of it in each feature. */
  constructor(private readonly source: object) {}

  add(places: Places, time: number): void {
    if (places.sensor) this.sensor.add({ position: places.sensor, time });
    if (places.frameCenter) this.frameCenter.add({ position: places.frameCenter, time });
    if (!places.corners || this.seen++ % this.every !== 0) return;
    this.footprints.push({ places, time });
    if (this.footprints.length < mostFootprints) return;
    this.footprints = this.footprints.filter((_, index) => index % 2 === 0);
    this.every *= 2;
  }

  get features(): object[] {
    return [
      this.sensor.feature('sensor', this.source),
      this.frameCenter.feature('frame center', this.source),
      ...this.footprints.map(({ places, time }) => footprintFeature(places, time, this.source)),
    ].filter((feature) => feature !== null);
  }
}

/** Which stream or sidecar, and which kind of set, told of a place. */
export const sourceOf = ({ packet, pid, sidecar }: TimedPacket): object => ({ pid, sidecar, kind: packet.kind });

/** A file may hold more than one flight, or one told in two ways: a track of each. */
export class Tracks {
  private readonly all = new Map<string, Track>();

  add(timed: TimedPacket, places: Places, time: number): void {
    const speaker = speakerOf(timed);
    let track = this.all.get(speaker);
    if (!track) this.all.set(speaker, (track = new Track(sourceOf(timed))));
    track.add(places, time);
  }

  /** Null when no place is known. */
  geojson(): object | null {
    const features = [...this.all.values()].flatMap((track) => track.features);
    return features.length === 0 ? null : { type: 'FeatureCollection', features };
  }
}
