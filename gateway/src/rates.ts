// How many requests a second one user, or one network of visitors without a token, may make. Each gateway counts for itself.
import { RestError } from './arcgis/errors.js';
import { Counts } from './counts.js';

const windowMs = 1_000;

export class Rates {
  private readonly counts = new Counts(windowMs);
  private readonly counted = new WeakSet();

  /** `perSecond` Infinity for no limit. */
  constructor(
    private readonly perSecond: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Counts a request once, however often it is asked whose it is. Throws 429 when there were as many within the second as may be. */
  take(who: string, request: object): void {
    if (this.perSecond === Infinity || this.counted.has(request)) return;
    this.counted.add(request);
    const now = this.now();
    if (this.counts.count(who, now) < this.perSecond) {
      this.counts.add(who, now);
      return;
    }
    const seconds = Math.max(1, Math.ceil(this.counts.leftMs(who, now) / 1_000));
    throw new RestError(
      429,
      `${who} has made ${this.perSecond} requests within a second, which is the limit. Try again in a second.`,
      [],
      seconds,
    );
  }
}
