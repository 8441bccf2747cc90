// GoPro's track of metadata: a payload a second, its places evenly over the time until the next one (gopro/gpmf-parser,
// docs/README.md, "GPMF Timing and Clocks").
import type { Sample } from '../containers/file.js';
import { placesOf, type GpmfPlace, type GpmfPlaces } from './gpmf-places.js';
import { packetOf, ptsOf, type Reason, type TrackPacket, type TrackReader } from './track.js';

/** How long a payload lasts, as long as none has come after it, seconds (the rate that the cameras use). */
const usualSpan = 1.001;

const within = (value: number, low: number, high: number): boolean => value >= low && value <= high;

type ItemValue = [tag: number, value: number];

/** Null for what is no place on Earth; without a fix cameras write zeros. */
function itemsOf(place: GpmfPlace, stamp: number | null): ItemValue[] | null {
  const { latitude, longitude, altitude, aboveSea, speed } = place;
  if (!within(latitude, -90, 90) || !within(longitude, -180, 180) || (latitude === 0 && longitude === 0)) return null;
  const items: ItemValue[] = stamp === null ? [] : [[2, Math.round(stamp)]];
  items.push([13, latitude], [14, longitude]);
  // Above mean sea level, or above the ellipsoid (ST 0601 items 15 and 75).
  if (within(altitude, -900, 19_000)) items.push([aboveSea ? 15 : 75, altitude]);
  if (within(speed, 0, 255)) items.push([56, Math.round(speed)]);
  return items;
}

export class GpmfTrack implements TrackReader {
  private waiting: { places: GpmfPlaces; time: number } | null = null;
  private span = usualSpan;
  private taken = false;

  push({ bytes, time }: Sample): TrackPacket[] {
    const packets = this.give(time);
    const places = placesOf(bytes);
    if (places) this.waiting = { places, time };
    return packets;
  }

  end(): TrackPacket[] {
    return this.give(null);
  }

  get unread(): Reason | null {
    return this.taken ? null : 'no fix';
  }

  /** What waits, now that it is known how long it lasts. */
  private give(next: number | null): TrackPacket[] {
    const { waiting } = this;
    this.waiting = null;
    if (!waiting) return [];
    const { time, places: { places, start } } = waiting; // prettier-ignore
    if (next !== null && next > time) this.span = next - time;
    const packets = places.flatMap((place, index): TrackPacket[] => {
      const after = (index / places.length) * this.span;
      const items = place.fix ? itemsOf(place, place.time ?? (start === null ? null : start + after * 1e6)) : null;
      return items ? [{ bytes: packetOf(items), pts: ptsOf(time + after), form: 'gpmf' }] : [];
    });
    this.taken ||= packets.length > 0;
    return packets;
  }
}
