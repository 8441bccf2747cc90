// Programs that tests start for real.
import { spawn, type ChildProcess } from 'node:child_process';

export interface Program {
  child: ChildProcess;
  /** Ends it and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program that dies with the test, and waits until `ready` is true. */
export async function startProgram(
  command: string,
  parameters: readonly string[],
  ready: () => Promise<boolean>,
  options: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<Program> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  let output = '';
  const note = (data: Buffer): void => {
    output = (output + data.toString()).slice(-4000);
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let round = 0; !(await ready().catch(() => false)); round++) {
    if (child.exitCode !== null || round > 300) {
      child.kill('SIGKILL');
      throw new Error(`${command} did not come up: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    child,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await gone;
    },
  };
}
