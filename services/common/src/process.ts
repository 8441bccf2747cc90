// How every Sortie program ends, and what does not end it.
import { Counter, type Registry } from 'prom-client';
import type { Logger } from './log.js';

export type StopReason = 'SIGTERM' | 'SIGINT' | 'parent gone';

/**
 * What has to be done before a program exits. `hurry` aborts at the second signal, and is aborted from the beginning when
 * the parent is gone, because then nobody waits: what takes long is cut off or handed back.
 */
export type Stop = (hurry: AbortSignal, reason: StopReason) => Promise<void>;

/**
 * Ends the program on SIGTERM, SIGINT, or when the program that started this one is gone (its IPC channel closes). Comes
 * before all else: the first process of a container gets no signal that it does not listen to (pid_namespaces(7)), so one
 * that waits for its database would be killed at the end of its grace period only. As long as the program starts there is
 * nothing to hand back, and it exits at once; the function that is returned takes what has to be done before the exit from
 * then on. A second signal hurries it, a third one exits at once.
 */
export function stopOnSignal(log: Logger): (stop: Stop) => void {
  const hurry = new AbortController();
  let stopping = false;
  let stop: Stop = () => Promise.resolve();
  const begin = (reason: StopReason): void => {
    if (stopping && hurry.signal.aborted && reason !== 'parent gone') process.exit(1);
    if (stopping || reason === 'parent gone') hurry.abort();
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'stopping');
    stop(hurry.signal, reason).then(
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

/**
 * From now on an error that nobody caught does not end the process: it belongs to one request, and others are being
 * served. While a program starts it must not be called: there an error ends it, as Node does by itself.
 */
export function goOnAfterErrors(log: Logger, registry: Registry): void {
  const count = new Counter({
    name: 'sortie_uncaught_errors_total',
    help: 'Errors that nobody caught: each is a fault of the program, and its stack is in the log.',
    registers: [registry],
  });
  const note = (error: unknown): void => {
    count.inc();
    log.error({ err: error }, 'an error that nobody caught');
  };
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
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
