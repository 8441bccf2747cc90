// Three real nats-servers in one cluster, as production runs them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.js';
import { startProgram, type Program } from './child.js';
import { listens, natsServer } from './nats.js';

export interface TestCluster {
  /** Of the first server; clients learn of the others from it. */
  url: string;
  servers: readonly {
    kill(): Promise<void>;
    start(): Promise<void>;
    /** How many messages of a stream lie on this server, by its own word. */
    messages(stream: string): Promise<number>;
  }[];
  stop(): Promise<void>;
}

interface Jsz {
  account_details?: { stream_detail?: { name: string; state: { messages: number } }[] }[];
}

/** Of the server's monitoring, "/jsz": what lies on the server that is asked, whoever leads. */
async function messagesAt(port: number, stream: string): Promise<number> {
  const answer = (await (await fetch(`http://127.0.0.1:${port}/jsz?streams=true`)).json()) as Jsz;
  const streams = answer.account_details?.flatMap(({ stream_detail = [] }) => stream_detail);
  return streams?.find(({ name }) => name === stream)?.state.messages ?? 0;
}

export async function startNatsCluster(size = 3): Promise<TestCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'sortie-nats-cluster-'));
  const address = async (): Promise<string> => `127.0.0.1:${await freePort()}`;
  const clients = await Promise.all(Array.from({ length: size }, freePort));
  const monitors = await Promise.all(Array.from({ length: size }, freePort));
  const routes = await Promise.all(Array.from({ length: size }, address));
  const servers = clients.map((port, index) => {
    let program: Program | null = null;
    return {
      kill: async () => program?.stop('SIGKILL'),
      start: async () => {
        program = await startProgram(
          natsServer,
          [
            ...['--addr', '127.0.0.1', '--port', String(port), '--name', `nats-${index}`],
            ...['--http_port', String(monitors[index])],
            ...['--jetstream', '--store_dir', join(directory, String(index))],
            ...['--cluster_name', 'sortie', '--cluster', `nats://${routes[index] ?? ''}`],
            ...['--routes', routes.map((route) => `nats-route://${route}`).join(',')],
          ],
          () => listens(port),
        );
      },
      messages: (name: string) => messagesAt(monitors[index] ?? 0, name),
    };
  });
  await Promise.all(servers.map((server) => server.start()));
  return {
    url: `nats://127.0.0.1:${clients[0] ?? 0}`,
    servers,
    stop: async () => {
      for (const server of servers) await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
