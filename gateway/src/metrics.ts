// Measures every request by its route. The code is what the client is told: ArcGIS tells errors inside a document that
// comes with status 200.
import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';

declare module 'fastify' {
  interface FastifyReply {
    /** Code of the error document; 0 when the answer is none. */
    errorCode: number;
  }
}

const buckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600, 3600];

export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const duration = new Histogram({
    name: 'sortie_http_request_duration_seconds',
    help: 'Requests by route, method and the code that the client is told; event streams count until their end.',
    labelNames: ['route', 'method', 'code'],
    buckets,
    registers: [registry],
  });
  app.decorateReply('errorCode', 0);
  app.addHook('onResponse', async (request, reply) => {
    const { url: route = 'none' } = request.routeOptions;
    const code = reply.errorCode > 0 ? reply.errorCode : reply.raw.statusCode;
    duration.observe({ route, method: request.method, code }, reply.elapsedTime / 1000);
    return Promise.resolve();
  });
}
