// A port of the loopback that was free a moment ago, for programs that must be told theirs before they start.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below those that Linux gives to connections (ip_local_port_range begins at 32768), so that no connection takes it meanwhile.
const [lowest, highest] = [20_000, 32_767];
const tries = 100;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const port = randomInt(lowest, highest + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`No port between ${lowest} and ${highest} is free.`);
}
