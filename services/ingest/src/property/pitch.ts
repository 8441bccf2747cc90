// The second of a source by its sound: a tone that rises by a fiftieth each second tells about which it is, also where the sound is
// stretched by a two-hundredth, and a still moment at each whole second tells exactly.
import { lowest, rise, stillSeconds } from './make.js';

export const soundRate = 16_000;
const window = 0.2;
/** Of full scale; below is silence. */
const quiet = 0.05;
/** Share of the window that one tone explains; where recordings were joined there are two. */
const pure = 0.9;

/** How strongly the window around `middle` holds a tone that has the frequency there: 1 for that tone alone. */
function strength(samples: Int16Array, middle: number, frequency: number, level: number): number {
  const half = Math.round((window / 2) * soundRate);
  let [real, imaginary, weights] = [0, 0, 0];
  for (let offset = -half; offset < half; offset++) {
    const time = offset / soundRate;
    const phase = 2 * Math.PI * frequency * (time + (rise / 2) * time * time);
    const weight = 1 + Math.cos((Math.PI * offset) / half);
    const value = (samples[middle + offset] ?? 0) * weight;
    real += value * Math.cos(phase);
    imaginary += value * Math.sin(phase);
    weights += weight;
  }
  return (Math.hypot(real, imaginary) * Math.SQRT2) / (weights * level);
}

/** Hertz at a media time; null for silence, and where there is not one tone alone. */
function pitchOf(samples: Int16Array, time: number): number | null {
  const middle = Math.round(time * soundRate);
  const half = Math.round((window / 2) * soundRate);
  const part = samples.subarray(Math.max(0, middle - half), middle + half);
  const level = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / Math.max(1, part.length));
  if (part.length < 2 * half || level < quiet * 32_768) return null;
  let crossings = 0;
  for (let index = 1; index < part.length; index++)
    if ((part[index - 1] ?? 0) < 0 && (part[index] ?? 0) >= 0) crossings++;
  const rough = (crossings * soundRate) / part.length;
  let best = { frequency: 0, strength: 0 };
  for (const [reach, step] of [[20, 2], [2, 0.2]] as const) {
    const around = best.strength > 0 ? best.frequency : rough;
    for (let frequency = around - reach; frequency <= around + reach; frequency += step) {
      const found = strength(samples, middle, frequency, level);
      if (found > best.strength) best = { frequency, strength: found };
    }
  } // prettier-ignore
  return best.strength < pure ? null : best.frequency;
}

/** The loudness of 5 ms, of full scale. */
function loudness(samples: Int16Array, time: number): number {
  const from = Math.max(0, Math.round((time - 0.0025) * soundRate));
  const part = samples.subarray(from, from + Math.round(0.005 * soundRate));
  return Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / Math.max(1, part.length)) / 32_768;
}

/** The middle of a still moment of the right length within half a second of a media time; null for none. */
function stillNear(samples: Int16Array, time: number): number | null {
  const step = 0.002;
  let [began, nearest]: [number | null, number | null] = [null, null];
  for (let at = time - 0.55; at < time + 0.55; at += step) {
    const isStill = loudness(samples, at) < 2 * quiet;
    if (isStill) began ??= at;
    else if (began !== null) {
      const middle = (began + at - step) / 2;
      const right = Math.abs(at - began - stillSeconds) < 0.02;
      if (right && (nearest === null || Math.abs(middle - time) < Math.abs(nearest - time))) nearest = middle;
      began = null;
    }
  }
  return nearest;
}

/** Source second at a media time; null for silence, and where two recordings sound. */
export function secondOf(samples: Int16Array, time: number): number | null {
  const still = stillNear(samples, time);
  if (still === null) return null;
  // The pitch is known where nothing is still.
  const aside = Math.abs(time - still) > 0.15 ? time : still + (time < still ? -0.25 : 0.25);
  const pitch = pitchOf(samples, aside);
  return pitch === null ? null : Math.round(Math.log(pitch / lowest) / rise + still - aside) + time - still;
}
