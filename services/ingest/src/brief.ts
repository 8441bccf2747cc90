// What others may change without a word is kept for a moment only; who asks for it in the meantime shares one reading.
// lru-cache: bounded, and lets go of what is old, which Map is not.
import { LRUCache } from 'lru-cache';

/** After so long all processes know of a change that one of them made. */
export const briefMs = 2_000;
const most = 20_000;

export class Brief<V> {
  private readonly known = new LRUCache<string, Promise<V>>({ max: most, ttl: briefMs });

  /** `keep` says which answers are kept at all. */
  get(key: string, read: () => Promise<V>, keep: (value: V) => boolean = () => true): Promise<V> {
    const known = this.known.get(key);
    if (known) return known;
    const reading = read();
    this.known.set(key, reading);
    const letGo = (): void => {
      if (this.known.peek(key) === reading) this.known.delete(key);
    };
    reading.then((value) => {
      if (!keep(value)) letGo();
    }, letGo);
    return reading;
  }

  /** Takes the place of what was known, and of what is being read in this moment. */
  set(key: string, value: V): void {
    this.known.set(key, Promise.resolve(value));
  }

  forget(key: string): void {
    this.known.delete(key);
  }
}
