// One program of a local Sortie as a child process, which is started again when it ends by itself.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PartSettings {
  name: string;
  command: string;
  parameters: readonly string[];
  /** Asked for anew at each start. */
  environment: () => NodeJS.ProcessEnv;
  /** Whether it is a program of ours, with an IPC channel that ends it when we are gone. */
  ipc: boolean;
  /** Takes its stdout and stderr. */
  logFile: string;
  /** Resolves when it is of use. May wait for ever: the end of the child, or of the time, ends the wait. */
  ready: (child: ChildProcess) => Promise<void>;
  /** Hears that it has ended and is started again. */
  onRestart: (message: string) => void;
}

/** How long a start may take. */
const startMs = 60_000;
/** How long tries to start it again go on. */
const giveUpMs = 120_000;
/** One that was up for so long has come up well; an end before counts as one more failed try. */
const wellAfterMs = 10_000;
const firstWaitMs = 200;
const longestWaitMs = 5_000;
const stopMs = 15_000;

export class Part {
  private child: ChildProcess | null = null;
  private gone: Promise<string> = Promise.resolve('');
  private readonly stopping = new AbortController();
  private keeping: Promise<void> = Promise.resolve();
  private tellFailed = (_why: string): void => undefined;
  /** Resolves, with the reason, when it cannot be brought up again. */
  readonly failed = new Promise<string>((resolve) => {
    this.tellFailed = resolve;
  });

  constructor(private readonly settings: PartSettings) {}

  get name(): string {
    return this.settings.name;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts it for the first time. Throws when it does not come up. */
  async start(): Promise<void> {
    await this.launch();
    this.keeping = this.keep();
  }

  /** In a process group of its own, so that Ctrl-C reaches only us. */
  private async launch(): Promise<void> {
    const { name, command, parameters, environment, ipc, logFile, ready } = this.settings;
    const log = openSync(logFile, 'a');
    const child = spawn(command, parameters, {
      env: environment(),
      detached: true,
      stdio: ['ignore', log, log, ...(ipc ? ['ipc' as const] : [])],
    });
    closeSync(log);
    this.child = child;
    this.gone = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `exit code ${String(code)}` : `killed by ${signal}`),
      );
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('too slow'), startMs);
    });
    const why = await Promise.race([ready(child).then(() => null), this.gone, late]);
    clearTimeout(timer);
    if (why === null) return;
    child.kill('SIGKILL');
    throw new Error(`${name} did not come up (${why}); see ${logFile}`);
  }

  /** Starts it again whenever it ends. */
  private async keep(): Promise<void> {
    const { name, logFile, onRestart } = this.settings;
    const { signal } = this.stopping;
    let upSince = Date.now();
    let downSince = 0;
    let waitMs = firstWaitMs;
    for (;;) {
      const why = await this.gone;
      if (signal.aborted) return;
      const now = Date.now();
      if (now - upSince > wellAfterMs || downSince === 0) {
        downSince = now;
        waitMs = firstWaitMs;
        onRestart(`${name} has ended (${why}) and is started again; see ${logFile}`);
      }
      for (;;) {
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        waitMs = Math.min(2 * waitMs, longestWaitMs);
        try {
          await this.launch();
          upSince = Date.now();
          break;
        } catch (error) {
          if (signal.aborted) return;
          if (Date.now() - downSince > giveUpMs) {
            this.tellFailed((error as Error).message);
            return;
          }
        }
      }
      if (upSince - downSince > giveUpMs) {
        this.tellFailed(`${name} ends again and again; see ${logFile}`);
        return;
      }
    }
  }

  /** Ends it; if it does not go in time, it is killed. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.child?.kill('SIGTERM');
    const force = setTimeout(() => this.child?.kill('SIGKILL'), stopMs);
    await this.keeping;
    await this.gone;
    clearTimeout(force);
  }
}
