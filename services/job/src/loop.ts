// Work that is done again and again until the service stops. A failure of one round is logged and does not end it.
import type { Logger } from '@sortie/common/log';

export interface Loop {
  /** The next round begins now, or after the one that runs. */
  wake(): void;
  stop(): Promise<void>;
}

export function startLoop(name: string, intervalMs: number, round: () => Promise<unknown>, log: Logger): Loop {
  let stopped = false;
  let again = false;
  let wake = (): void => {
    again = true;
  };
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, intervalMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (stopped || again) wake();
    });
  const running = (async () => {
    while (!stopped) {
      again = false;
      wake = () => {
        again = true;
      };
      try {
        await round();
      } catch (error) {
        log.warn({ err: error, loop: name }, 'a round of a background loop failed; it goes on');
      }
      await pause();
    }
  })();
  return {
    wake: () => wake(),
    stop: async () => {
      stopped = true;
      wake();
      await running;
    },
  };
}
