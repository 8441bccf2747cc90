// The pitch of a tone that rises steadily, to a fraction of a Hertz.
export const soundRate = 16_000;
/** Hertz a second. */
const rise = 20;
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
    const phase = 2 * Math.PI * (frequency * time + (rise / 2) * time * time);
    const weight = 1 + Math.cos((Math.PI * offset) / half);
    const value = (samples[middle + offset] ?? 0) * weight;
    real += value * Math.cos(phase);
    imaginary += value * Math.sin(phase);
    weights += weight;
  }
  return (Math.hypot(real, imaginary) * Math.SQRT2) / (weights * level);
}

/** Hertz at a media time; null for silence, and where there is not one tone alone. */
export function pitchOf(samples: Int16Array, time: number): number | null {
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
