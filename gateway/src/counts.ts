// Counters by key that begin anew after a while. Their number is bounded: the oldest go first.

interface Count {
  count: number;
  until: number;
}

const mostKeys = 50_000;

export class Counts {
  private readonly counts = new Map<string, Count>();

  constructor(private readonly windowMs: number) {}

  private current(key: string, now: number): Count | undefined {
    const found = this.counts.get(key);
    return found !== undefined && found.until > now ? found : undefined;
  }

  count(key: string, now: number): number {
    return this.current(key, now)?.count ?? 0;
  }

  /** Until the counter of this key begins anew. */
  leftMs(key: string, now: number): number {
    return (this.current(key, now)?.until ?? now) - now;
  }

  /** Counts one; gives what takes it back. */
  add(key: string, now: number): () => void {
    const found = this.current(key, now);
    const entry = found ?? { count: 0, until: now + this.windowMs };
    if (!found) {
      // Behind all others: entries are in the order of their ends.
      this.counts.delete(key);
      this.counts.set(key, entry);
      this.forget(now);
    }
    entry.count++;
    return () => {
      entry.count--;
    };
  }

  private forget(now: number): void {
    for (const [key, { until }] of this.counts) {
      if (until > now && this.counts.size <= mostKeys) return;
      this.counts.delete(key);
    }
  }
}
