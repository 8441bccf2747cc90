// How every Sortie program ends.
import type { Logger } from './log.js';

/**
 * Ends the program on SIGTERM, SIGINT, or when the program that started this one is gone (its IPC channel closes). Comes
 * before all else: the first process of a container gets no signal that it does not listen to (pid_namespaces(7)), so one
 * that waits for its database would be killed at the end of its grace period only. As long as the program starts there is
 * nothing to hand back, and it exits at once; the function that is returned takes what has to be done before the exit from
 * then on. A second signal exits at once.
 */
export function stopOnSignal(log: Logger): (stop: () => Promise<void>) => void {
  let stopping = false;
  let stop = (): Promise<void> => Promise.resolve();
  const begin = (reason: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ reason }, 'stopping');
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => begin('SIGTERM'));
  process.on('SIGINT', () => begin('SIGINT'));
  if (process.connected) process.on('disconnect', () => begin('parent gone'));
  return (whenUp) => {
    stop = whenUp;
  };
}

/** What a program tells its parent when it is up. */
export interface Announcement {
  /** Where the service listens; 0 for one that does not. */
  port: number;
  /** Where its measurements and its health are to be had. */
  metricsPort: number;
}

/** Tells the parent, if there is one, at which ports a program listens. */
export function announce(port: number, metricsPort: number): void {
  process.send?.({ port, metricsPort } satisfies Announcement);
}

/** A setting that must be there. */
export function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set; see the table of settings in README.md.`);
  return value;
}
