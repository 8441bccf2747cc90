// How every Sortie program ends.
import type { Logger } from './log.js';

/**
 * Runs `stop` once on SIGTERM, SIGINT, or when the program that started this one is gone (its IPC channel closes), then
 * exits. A second signal exits at once.
 */
export function stopOnSignal(log: Logger, stop: () => Promise<void>): void {
  let stopping = false;
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
