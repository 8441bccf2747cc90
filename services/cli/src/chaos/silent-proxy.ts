// A TCP proxy whose connections can fall silent, as those to a host that has vanished do: nothing comes, and nothing says so.
import { connect, createServer, type Socket } from 'node:net';

export interface SilentProxy {
  port: number;
  /** All connections of now say nothing any more; new ones work. */
  silence(): void;
  stop(): void;
}

export async function startSilentProxy(target: number): Promise<SilentProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  const proxy = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    client.on('error', end).on('close', end);
    server.on('error', end).on('close', end);
    client.pipe(server);
    server.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    silence: () => {
      for (const { client, server } of pairs) {
        client.unpipe(server);
        server.unpipe(client);
        // What comes is neither read nor refused.
        client.pause();
        server.pause();
      }
      pairs.clear();
    },
    stop: () => {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      proxy.close();
    },
  };
}
