// A queue with a bound, in which nobody waits behind all of somebody else's work: one piece of work runs at a time, callers have
// their turn one after the other however much each of them has waiting, and those who are known go in a lane of their own, whose
// places strangers cannot take.

export type Lane = 'known' | 'strangers';

/** Places of each lane, and of one caller in it. */
export const places = { lane: 32, caller: 8 } as const;

type Waiting = () => void;

export class FairQueue {
  private readonly lanes: Record<Lane, Map<string, Waiting[]>> = { known: new Map(), strangers: new Map() };
  private last: Lane = 'strangers';
  private running = false;

  private count(lane: Lane): number {
    return [...this.lanes[lane].values()].reduce((sum, { length }) => sum + length, 0);
  }

  hasRoom(lane: Lane, caller: string): boolean {
    return this.count(lane) < places.lane && (this.lanes[lane].get(caller)?.length ?? 0) < places.caller;
  }

  /** Does the work when its turn has come; null when there is no place to wait at. */
  run<T>(lane: Lane, caller: string, work: () => Promise<T>): Promise<T> | null {
    if (!this.hasRoom(lane, caller)) return null;
    const result = new Promise<T>((resolve, reject) => {
      const start = (): void => {
        void work()
          .then(resolve, reject)
          .finally(() => {
            this.running = false;
            this.next();
          });
      };
      this.lanes[lane].set(caller, [...(this.lanes[lane].get(caller) ?? []), start]);
    });
    this.next();
    return result;
  }

  private next(): void {
    if (this.running) return;
    // In turns: neither lane waits for the end of the other.
    const order: Lane[] = this.last === 'known' ? ['strangers', 'known'] : ['known', 'strangers'];
    for (const lane of order) {
      const [first] = this.lanes[lane];
      if (first === undefined) continue;
      const [caller, [start, ...rest]] = first;
      this.lanes[lane].delete(caller);
      if (rest.length > 0) this.lanes[lane].set(caller, rest);
      this.last = lane;
      this.running = true;
      start?.();
      return;
    }
  }
}
