// Values that an aircraft's subtitles write behind their names: "[latitude: 47.1]", "[rel_alt: 1.2 abs_alt: 500.1]".
import { isAbsent } from './number.js';
import { degreesOf } from './srt-place.js';

/** Without the hard line break of .ass. */
export const plainBlock = (text: string): string => text.replaceAll('\\N', '\n');

/** What stands behind the name, up to where the value ends. Names are followed by a colon, blanks and all, or an equals sign. */
const behind = (name: string): RegExp => new RegExp(`\\b${name}\\s{0,9}[:=]\\s{0,9}([^\\s\\[\\](){}<>|;]{1,60})`, 'i');

const names = {
  latitude: [behind('latitude')],
  // Sic, of older firmware (samples of Mavic 2 in JuanIrache/DJI_SRT_Parser).
  longitude: [behind('longitude'), behind('longtitude')],
  yaw: [behind('gb_yaw'), behind('yaw')],
  pitch: [behind('gb_pitch')],
  roll: [behind('gb_roll')],
  absoluteAltitude: [behind('abs_alt')],
  altitude: [behind('altitude')],
  relativeAltitude: [behind('rel_alt'), behind('ReH'), behind('BAROMETER')],
} as const;

export type Name = keyof typeof names;

/** Undefined: the name is not there, or there is no value. Null: its value is no number. `text` as it is written. */
export interface Named {
  value: number | null;
  text: string;
}

export function valueIn(block: string, name: Name): Named | undefined {
  for (const form of names[name]) {
    const found = form.exec(block)?.[1];
    if (found === undefined) continue;
    // A comma ends the value unless it is in the middle of a number; units are metres and degrees.
    const text = found.replace(/,(?!\d).{0,60}$/, '').replace(/(?<=\d)(?:m|°)$/i, '');
    return isAbsent(text) ? undefined : { value: degreesOf(text), text };
  }
  return undefined;
}

/** Undefined: the block has none. Null: it has one that cannot be read. */
export function namedPlace(block: string): { latitude: number; longitude: number } | null | undefined {
  const [latitude, longitude] = [valueIn(block, 'latitude'), valueIn(block, 'longitude')];
  if (!latitude && !longitude) return undefined;
  if (typeof latitude?.value !== 'number' || typeof longitude?.value !== 'number') return null;
  return { latitude: latitude.value, longitude: longitude.value };
}
