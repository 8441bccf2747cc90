// Loops that find all they need in memory never let the event loop go on: timers, and with them signs of life, wait.
const turnsAtOnce = 4_096;

/** Gives the event loop its turn, once in so many calls. */
export class Turns {
  private count = 0;

  /** True when it is time for `await nextTurn()`: most turns cost no promise. */
  get due(): boolean {
    return ++this.count % turnsAtOnce === 0;
  }
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
