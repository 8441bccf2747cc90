// What the subtitles of one stream have in common, and one of them alone does not show: which of two numbers is the latitude,
// and whether places are in radians.
import { namedPlace, plainBlock } from './srt-named.js';
import { pairIn, type Order } from './srt-place.js';

/** Radians: no flight goes so far while it is recorded (6 km). The test is that of JuanIrache/DJI_SRT_Parser, "deduceRadians". */
const furthestRadians = 0.001;

class Span {
  private least = Infinity;
  private most = -Infinity;

  add(value: number): void {
    this.least = Math.min(this.least, value);
    this.most = Math.max(this.most, value);
  }

  within(limit: number): boolean {
    const length = this.most - this.least;
    return this.least >= -limit && this.most <= limit && length >= 0 && length < furthestRadians;
  }
}

/** One for each stream: `look` at all of its blocks first, where that can be, and then read them. */
export class SrtForm {
  private pairs = 0;
  private firstBeyond = 0;
  private secondBeyond = 0;
  private orderByForm: Order | null = null;
  private readonly latitudes = new Span();
  private readonly longitudes = new Span();

  look(text: string): void {
    const block = plainBlock(text);
    const place = namedPlace(block);
    if (place && typeof place === 'object' && (place.latitude !== 0 || place.longitude !== 0)) {
      this.latitudes.add(place.latitude);
      this.longitudes.add(place.longitude);
    }
    if (place !== undefined) return;
    const pair = pairIn(block);
    if (!pair || pair === 'none') return;
    const isBeyond = (degrees: number): boolean => Math.abs(degrees) > 90 && Math.abs(degrees) <= 180;
    this.pairs++;
    this.firstBeyond += Number(isBeyond(pair.first));
    this.secondBeyond += Number(isBeyond(pair.second));
    this.orderByForm ??= pair.order;
  }

  /**
   * What can be no latitude is a longitude, whatever the form. Most pairs must show it: a single number that came to harm
   * decides nothing.
   */
  orderOf(byForm: Order | null): Order | null {
    if (this.firstBeyond * 2 > this.pairs) return 'longitude first';
    if (this.secondBeyond * 2 > this.pairs) return 'latitude first';
    return byForm ?? this.orderByForm;
  }

  /**
   * Some Mavic Air 2 write radians. As degrees all of it would lie in the Atlantic within 175 km of the equator, and stand
   * almost still.
   */
  get radians(): boolean {
    return this.latitudes.within(Math.PI / 2) && this.longitudes.within(Math.PI);
  }
}
