// Many single questions in few calls. One call is on its way at a time: what is asked meanwhile goes with the next one. So a quiet
// gateway answers at once, and a busy one asks for more with each call instead of making more calls. A call that takes long (its
// server hangs) holds up its own questions only.
import { SortieError } from '@sortie/common/errors';

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

export interface BatchSettings<Answer> {
  ask: (keys: readonly string[]) => Promise<BatchAnswers<Answer>>;
  /** The error of a key that is missing. */
  missing: (key: string) => Error;
  /** Keys that one call takes. */
  max: number;
  /** After so long the next call does not wait any more for the one before, milliseconds. */
  lateMs: number;
}

export class Batch<Answer> {
  private readonly waiting = new Map<string, Waiting<Answer>>();
  /** Whether a call may be made now. */
  private free = true;

  constructor(private readonly settings: BatchSettings<Answer>) {}

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
    if (this.free) this.send();
    return promise;
  }

  private send(): void {
    const asked = new Map([...this.waiting].slice(0, this.settings.max));
    // Who asks from now on gets what is true from now on.
    for (const key of asked.keys()) this.waiting.delete(key);
    this.free = false;
    let passed = false;
    const next = (): void => {
      if (passed) return;
      passed = true;
      this.free = true;
      if (this.waiting.size > 0) this.send();
    };
    const late = setTimeout(next, this.settings.lateMs);
    void this.settle(asked).finally(() => {
      clearTimeout(late);
      next();
    });
  }

  private async settle(asked: ReadonlyMap<string, Waiting<Answer>>): Promise<void> {
    try {
      const { found, missing } = await this.settings.ask([...asked.keys()]);
      // Asked again and again it would be a loop.
      if (found.size + missing.size === 0) throw new SortieError('INTERNAL', 'A call was answered without any answer.');
      for (const [key, one] of asked) {
        const answer = found.get(key);
        if (answer !== undefined) one.resolve(answer);
        else if (missing.has(key)) one.reject(this.settings.missing(key));
        else this.askAgain(key, one);
      }
    } catch (error) {
      for (const { reject } of asked.values()) reject(error);
    }
  }

  private askAgain(key: string, one: Waiting<Answer>): void {
    const newer = this.waiting.get(key);
    if (newer) newer.promise.then(one.resolve, one.reject);
    else this.waiting.set(key, one);
  }
}
