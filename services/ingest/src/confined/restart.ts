// What was killed from outside is started again within the same attempt: the work is not to blame.
import { setTimeout as wait } from 'node:timers/promises';
import { ChildError } from './ending.js';

const mostRestarts = 3;
/** Who kills by memory or by mistake may do so again at once. */
const pauseMs = 500;

/** `clean` removes what the killed one had written. Throws what the last try throws. */
export async function restarting<T>(
  act: () => Promise<T>,
  signal: AbortSignal,
  clean: (error: ChildError) => Promise<void> | void,
): Promise<T> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ChildError) || error.reason !== 'killed' || restarts === mostRestarts) throw error;
      signal.throwIfAborted();
      await clean(error);
      await wait(pauseMs, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
  }
}
