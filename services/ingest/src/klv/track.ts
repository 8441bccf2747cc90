// The flight as GeoJSON (RFC 7946): where the sensor was, and where it looked.
import type { Position, Places } from './geometry.js';

/** Points kept of each line: when there are more, every second is dropped, again and again. */
const mostPoints = 20_000;

class Line {
  private points: { position: Position; time: number }[] = [];
  /** One of so many points is kept. */
  private every = 1;
  private seen = 0;

  add(position: Position, time: number): void {
    if (this.seen++ % this.every !== 0) return;
    this.points.push({ position, time });
    if (this.points.length > mostPoints) {
      this.points = this.points.filter((_, index) => index % 2 === 0);
      this.every *= 2;
    }
  }

  feature(name: string): object | null {
    const [first] = this.points;
    if (!first) return null;
    const coordinates = this.points.map(({ position }) => position);
    const geometry =
      this.points.length === 1 ? { type: 'Point', coordinates: first.position } : { type: 'LineString', coordinates };
    return {
      type: 'Feature',
      geometry,
      properties: {
        name,
        packets: this.seen,
        keptOneOf: this.every,
        times: this.points.map(({ time }) => Math.round(time * 1000) / 1000),
      },
    };
  }
}

export class Track {
  private readonly sensor = new Line();
  private readonly frameCenter = new Line();

  add({ sensor, frameCenter }: Places, time: number): void {
    if (sensor) this.sensor.add(sensor, time);
    if (frameCenter) this.frameCenter.add(frameCenter, time);
  }

  /** Null when no place is known. */
  geojson(): object | null {
    const features = [this.sensor.feature('sensor'), this.frameCenter.feature('frame center')].filter(
      (feature) => feature !== null,
    );
    return features.length === 0 ? null : { type: 'FeatureCollection', features };
  }
}
