// A real nats-server for tests.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.js';
import { startProgram, type Program } from './child.js';

/** Another nats-server than the machine's, to try the tests with. */
export const natsServer = process.env['SORTIE_NATS_SERVER'] ?? 'nats-server';

export interface TestNats {
  url: string;
  /** Kills it as a power loss would; the data stay. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Kills it and takes its data away: a server that was set up anew. */
  reset(): Promise<void>;
  /** Kills it and takes away the messages of its streams, but not what their consumers have noted. */
  loseMessages(): Promise<void>;
  stop(): Promise<void>;
}

export const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

/** At a port of the caller's, or any free one. */
export async function startNats(wanted?: number): Promise<TestNats> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-nats-'));
  const port = wanted ?? (await freePort());
  let program: Program | null = null;
  const start = async (): Promise<void> => {
    program = await startProgram(
      natsServer,
      ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', directory],
      () => listens(port),
    );
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    kill: async () => program?.stop('SIGKILL'),
    start,
    reset: async () => {
      await program?.stop('SIGKILL');
      await rm(directory, { recursive: true });
      await mkdir(directory);
      await start();
    },
    loseMessages: async () => {
      await program?.stop('SIGKILL');
      const streams = join(directory, 'jetstream', '$G', 'streams');
      for (const stream of await readdir(streams)) await rm(join(streams, stream, 'msgs'), { recursive: true });
      await start();
    },
    stop: async () => {
      await program?.stop('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
