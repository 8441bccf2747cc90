// Tells what happens again and again once in a while.
// lru-cache: bounded, and lets go of what is old, which Map is not.
import { LRUCache } from 'lru-cache';

const most = 20_000;

export class Seldom {
  private readonly told: LRUCache<string, true>;

  constructor(everyMs: number) {
    this.told = new LRUCache({ max: most, ttl: everyMs });
  }

  /** Whether it is the first time within the period. */
  first(...parts: readonly (string | number)[]): boolean {
    const key = JSON.stringify(parts);
    if (this.told.has(key)) return false;
    this.told.set(key, true);
    return true;
  }
}

/** Reads of one layer by one user. */
export const readsMs = 600_000;
/** Refusals of the same kind to the same caller. */
export const refusalsMs = 60_000;
