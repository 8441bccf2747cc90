// A subtitle in which an aircraft writes its telemetry, as a row: the forms of DJI and Autel, one block a picture or a second.
import { dateIn } from './date.js';
import { numberOf } from './number.js';
import { counted, cut, faultOfValue, turned, type Row } from './row.js';
import type { SrtForm } from './srt-form.js';
import { namedPlace, plainBlock, valueIn, type Name } from './srt-named.js';
import { pairIn } from './srt-place.js';

export { SrtForm } from './srt-form.js';

/** Is told of what is left out: the whole block, or one value of it; and why. */
export type Odd = (lost: 'block' | 'value', what: string, why: string) => void;

interface Place {
  latitude: number;
  longitude: number;
  height: number | null;
}

const degrees = 180 / Math.PI;
/** Of a block whose place cannot be read: what stands there. */
function unreadable(block: string): string {
  const named = (['latitude', 'longitude'] as const).map((name) => valueIn(block, name)?.text ?? 'missing');
  const [written = named.join(' and ')] = /\b(?:GPS|RTK)\s{0,9}\([^()]{1,120}\)/i.exec(block) ?? [];
  return `its latitude and longitude are no two numbers in decimal degrees ("${cut(written)}").`;
}
const doubtful =
  'it is in doubt which of its two numbers is the latitude; the form is that of no aircraft that is known here. Write "[latitude: …] [longitude: …]".';

/** Null: the block tells no place, or none that can be believed; why, to `odd`. */
function placeIn(block: string, form: SrtForm, odd: Odd): Place | null {
  const named = namedPlace(block);
  if (named) {
    const unit = form.radians ? degrees : 1;
    return { latitude: named.latitude * unit, longitude: named.longitude * unit, height: null };
  }
  const pair = named === undefined ? pairIn(block) : null;
  if (pair === undefined || pair === 'none') return null;
  if (pair === null) {
    odd('block', 'place', unreadable(block));
    return null;
  }
  const order = form.orderOf(pair.order);
  if (order === null) {
    odd('block', 'order', doubtful);
    return null;
  }
  const [latitude, longitude] = order === 'latitude first' ? [pair.first, pair.second] : [pair.second, pair.first];
  return { latitude, longitude, height: pair.height };
}

/**
 * DJI FPV writes a tenth of its height, as "[altitude: …]"; its blocks are told from others by their font and by a point
 * before the milliseconds (JuanIrache/DJI_SRT_Parser, "isDJIFPV").
 */
const isFpv = (block: string): boolean =>
  /font size="28"/.test(block) && /\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d\d:\d\d\.\d{3}/.test(block);

/** Phantom 4 and Mini: "H 45.60m", above where it took off. */
const heightBehindH = /\bH\s([+-]?\d{1,6}(?:\.\d{1,6})?)m(?![\w/])/;
/** "F.PRY (2.7°, -7.0°, 110.1°), G.PRY (-24.4°, 0.0°, 110.4°)": pitch, roll and yaw of the aircraft and of its camera. */
const angles = {
  aircraft: /\bF\.PRY\s{0,9}\(([^()]{1,60})\)/,
  camera: /\bG\.PRY\s{0,9}\(([^()]{1,60})\)/,
};

function anglesIn(block: string, of: keyof typeof angles): [pitch: number, roll: number, yaw: number] | null {
  const numbers = (angles[of].exec(block)?.[1] ?? '').split(',').map((part) => numberOf(part.replace(/[°\u00c2\ufffd]/g, '').trim()));
  const [pitch, roll, yaw] = numbers;
  return numbers.length === 3 && typeof pitch === 'number' && typeof roll === 'number' && typeof yaw === 'number'
    ? [pitch, roll, yaw]
    : null;
} // prettier-ignore

type Item = [tag: number, value: number];

/**
 * Headings and angles of the camera. DJI tells them against north and the horizon: where the camera's are known, the
 * aircraft counts as level, for items 19 and 20 are against the aircraft.
 */
function attitudeIn(block: string, number: (name: Name) => number | null): Item[] {
  const aircraft = anglesIn(block, 'aircraft');
  const camera = anglesIn(block, 'camera');
  if (camera) {
    const [pitch, roll, yaw] = camera;
    const heading = aircraft?.[2] ?? yaw;
    return [[5, turned(heading)], [18, turned(yaw - heading)], [19, pitch], [20, turned(roll)]]; // prettier-ignore
  }
  if (aircraft) {
    const [pitch, roll, yaw] = aircraft;
    return [[5, turned(yaw)], [90, pitch], [91, roll]]; // prettier-ignore
  }
  const [yaw, pitch, roll] = [number('yaw'), number('pitch'), number('roll')];
  return [
    ...(yaw === null ? [] : [[5, turned(yaw)] satisfies Item]),
    ...(pitch === null ? [] : [[18, 0] satisfies Item, [19, pitch] satisfies Item]),
    ...(roll === null ? [] : [[20, turned(roll)] satisfies Item]),
  ];
}

/**
 * Null when the block tells no place, as before the aircraft has a fix. `form` is what is known of the blocks of the same
 * stream. `mediaTime`: when the block is shown, seconds.
 */
export function srtRow(text: string, mediaTime: number, form: SrtForm, odd: Odd = () => undefined): Row | null {
  const block = plainBlock(text);
  const place = placeIn(block, form, odd);
  // Without a fix DJI writes zeros.
  if (!place || (place.latitude === 0 && place.longitude === 0)) return null;
  const fault = faultOfValue(13, place.latitude) ?? faultOfValue(14, place.longitude);
  if (fault !== null) {
    odd('block', 'place', fault);
    return null;
  }
  const number = (name: Name): number | null => {
    const found = valueIn(block, name);
    if (found?.value === null) odd('value', name, `it is "${cut(found.text)}", which is no number.`);
    return found?.value ?? null;
  };
  const altitude = number('altitude');
  const height = number('absoluteAltitude') ?? (altitude !== null && isFpv(block) ? altitude * 10 : altitude) ?? place.height; // prettier-ignore
  const aboveStart = number('relativeAltitude') ?? numberOf(heightBehindH.exec(block)?.[1] ?? '');
  const items: Item[] = [...attitudeIn(block, number), [13, place.latitude], [14, place.longitude]];
  if (height !== null) items.push([15, height]);
  // Nothing in ST 0601 counts from where the flight began; over level ground this is the same.
  if (aboveStart !== null) items.push([113, aboveStart]);
  // The aircraft's clock, as it is written; DJI does not say which zone that is.
  const clock = dateIn(block);
  if (clock !== null && clock >= 0) items.push([2, clock]);
  const kept = items.filter(([tag, value]) => {
    const why = tag === 2 ? null : faultOfValue(tag, counted(tag, value));
    if (why !== null) odd('value', `item ${tag}`, why);
    return why === null;
  });
  return { items: kept.sort(([a], [b]) => a - b), mediaTime };
}
