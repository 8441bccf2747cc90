// Chance that can be had again: the same seed gives the same numbers (mulberry32, public domain, by Tommy Ettinger).
export class Random {
  private state: number;

  /** `round`: each round of a seed has chance of its own, so that it can be repeated alone. */
  constructor(seed: number, round = 0) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b)) >>> 0;
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to `count` - 1; 0 for none. */
  below(count: number): number {
    return count > 0 ? this.word() % count : 0;
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(share: number): boolean {
    return this.word() < share * 2 ** 32;
  }

  of<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  /** Null where there is none. */
  oneOf<T>(choices: readonly T[]): T | null {
    return choices[this.below(choices.length)] ?? null;
  }

  /** Small and large numbers at which programs go wrong, and some between, of 32 bits. */
  edge(): number {
    if (this.chance(0.3)) return this.word();
    if (this.chance(0.3)) return this.below(300);
    return this.of([0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff]); // prettier-ignore
  }
}
