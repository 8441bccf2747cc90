// Many single questions in few calls. One call is on its way at a time: what is asked meanwhile goes with the next one. So a quiet
// gateway answers at once, and a busy one asks for more with each call instead of making more calls.

interface Waiting<Answer> {
  promise: Promise<Answer>;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/** Answers by key; a key that is in none of the two is asked again. */
export interface BatchAnswers<Answer> {
  found: ReadonlyMap<string, Answer>;
  missing: ReadonlySet<string>;
}

export class Batch<Answer> {
  private waiting = new Map<string, Waiting<Answer>>();
  private running = false;

  /** `ask` takes at most `max` keys at once; `missing` makes the error of a key without an answer. */
  constructor(
    private readonly ask: (keys: readonly string[]) => Promise<BatchAnswers<Answer>>,
    private readonly missing: (key: string) => Error,
    private readonly max: number,
  ) {}

  /** Who asks for the same key at the same time shares the answer. */
  get(key: string): Promise<Answer> {
    const known = this.waiting.get(key);
    if (known) return known.promise;
    let resolve: Waiting<Answer>['resolve'] = () => undefined;
    let reject: Waiting<Answer>['reject'] = () => undefined;
    const promise = new Promise<Answer>((ok, fail) => {
      resolve = ok;
      reject = fail;
    });
    this.waiting.set(key, { promise, resolve, reject });
    if (!this.running) void this.run();
    return promise;
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.size > 0) {
      const asked = new Map([...this.waiting].slice(0, this.max));
      // Who asks from now on gets what is true from now on.
      for (const key of asked.keys()) this.waiting.delete(key);
      try {
        const { found, missing } = await this.ask([...asked.keys()]);
        for (const [key, one] of asked) {
          const answer = found.get(key);
          if (answer !== undefined) one.resolve(answer);
          else if (missing.has(key)) one.reject(this.missing(key));
          else this.askAgain(key, one);
        }
      } catch (error) {
        for (const { reject } of asked.values()) reject(error);
      }
    }
    this.running = false;
  }

  private askAgain(key: string, one: Waiting<Answer>): void {
    const newer = this.waiting.get(key);
    if (newer) newer.promise.then(one.resolve, one.reject);
    else this.waiting.set(key, one);
  }
}
