// Damage that knows no form: what disks, radios and broken programs do to any file.
import type { Random } from './random.js';

/** Makes another file of one. The bytes that it is given stay as they are. */
export type Mutation = (bytes: Buffer, random: Random) => Buffer;

export function flip(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = random.between(1, 20); count > 0 && bytes.length > 0; count--) {
    const at = random.below(bytes.length);
    changed[at] = random.chance(0.5) ? random.below(256) : (changed[at] ?? 0) ^ (1 << random.below(8));
  }
  return changed;
}

/** The file ends early, or a part in its middle is gone, doubled, or zeros. */
export function tear(bytes: Buffer, random: Random): Buffer {
  const from = random.below(bytes.length);
  const to = Math.min(bytes.length, from + 1 + random.below(random.of([16, 1000, 50_000])));
  const [head, part, tail] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)];
  switch (random.below(4)) {
    case 0:
      return Buffer.from(head);
    case 1:
      return Buffer.concat([head, tail]);
    case 2:
      return Buffer.concat([head, part, part, tail]);
    default:
      return Buffer.concat([head, Buffer.alloc(part.length), tail]);
  }
}

export const damage: Mutation = (bytes, random) => (random.chance(0.6) ? flip : tear)(bytes, random);

/** Several changes by the form of the file, and now and then one that knows none. */
export const severally =
  (byForm: Mutation, formless = 0.15): Mutation =>
  (bytes, random) => {
    let changed = bytes;
    for (let count = random.of([1, 1, 2, 3, 6]); count > 0; count--) changed = byForm(changed, random);
    return random.chance(formless) ? damage(changed, random) : changed;
  };
