// What a process shows of itself to those who run it: measurements and health, over HTTP on a port of its own, which
// is not for the users.
import { createServer } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Health } from './health.js';
import type { Logger } from './log.js';

export interface Vitals {
  /** Measurements as Prometheus reads them. */
  registry: Registry;
  health: Health;
}

/** With what Node tells about itself: memory, CPU time, and the delay of the event loop. */
export function newVitals(): Vitals {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { registry, health: new Health(registry) };
}

export interface VitalsServer {
  port: number;
  stop(): Promise<void>;
}

/** host:port, also with an IPv6 host in brackets; port 0 for any free one. */
export function splitAddress(address: string): { host: string; port: number } {
  const match = /^(.+):(\d+)$/.exec(address);
  if (!match) throw new Error(`"${address}" is not an address of the form host:port.`);
  return { host: (match[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port: Number(match[2]) };
}

/**
 * `/metrics`; `/livez`: the process answers; `/startupz`: what takes long at the start is done; `/readyz`: work may come,
 * with what every dependency says.
 */
export async function serveVitals({ registry, health }: Vitals, address: string, log: Logger): Promise<VitalsServer> {
  const server = createServer((request, response) => {
    const answer = (good: boolean, document: unknown): void => {
      response.writeHead(good ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    };
    switch (request.url?.split('?')[0]) {
      case '/metrics':
        registry.metrics().then(
          (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
          (error: unknown) => response.writeHead(500).end(String(error)),
        );
        break;
      case '/livez':
        answer(true, { alive: true });
        break;
      case '/startupz':
        answer(health.hasStarted, { started: health.hasStarted });
        break;
      case '/readyz':
        answer(health.ready, { ready: health.ready, dependencies: Object.fromEntries(health.state) });
        break;
      default:
        response.writeHead(404).end();
    }
  });
  const { host, port } = splitAddress(address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const socket = server.address();
  const bound = typeof socket === 'object' && socket !== null ? socket.port : port;
  log.info({ port: bound }, 'measurements and health are to be had');
  return {
    port: bound,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
