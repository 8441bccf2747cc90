// The gateway: HTTP in, gRPC out, nothing kept.
import formbody from '@fastify/formbody';
import multipart from '@fastify/multipart';
import { fastify, type FastifyInstance } from 'fastify';
import { RestError } from './arcgis/errors.js';
import type { Context } from './context.js';
import { measureRequests } from './metrics.js';
import { sendError } from './respond.js';
import { infoRoutes } from './routes/info.js';
import { jobRoutes } from './routes/jobs.js';
import { layerRoutes } from './routes/layers.js';
import { serviceRoutes } from './routes/services.js';
import { staticRoutes } from './routes/static.js';
import { tokenRoutes } from './routes/token.js';
import { uploadRoutes } from './routes/uploads.js';

const formBytes = 1024 * 1024;
const closeIdleMs = 250;

export async function newApp(context: Context, trustProxy: boolean): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: formBytes,
    trustProxy,
    // Esri's clients disagree about the case of some paths and about a slash at the end.
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: true },
    requestTimeout: 0,
    // Whoever is being answered when the gateway goes gets the rest of the answer.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  });
  measureRequests(app, context.registry);
  await app.register(formbody, { bodyLimit: formBytes });
  await app.register(multipart, {
    limits: {
      fields: 50,
      fieldSize: 64 * 1024,
      files: 4,
      parts: 60,
      headerPairs: 100,
      fileSize: Number.MAX_SAFE_INTEGER,
    },
  });

  app.addHook('onRequest', async (_, reply) => {
    void reply.headers({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      // Browsers of other sites may read with a token; cookies never travel with such requests.
      'access-control-allow-origin': '*',
    });
    return Promise.resolve();
  });
  app.options('*', (_, reply) =>
    reply
      .headers({
        'access-control-allow-methods': 'GET, POST, HEAD',
        'access-control-allow-headers': 'authorization, x-esri-authorization, content-type, range, last-event-id',
        'access-control-expose-headers': 'content-range, content-length, etag',
        'access-control-max-age': '3600',
      })
      .code(204)
      .send(),
  );
  // Once their answer is complete, connections would be kept open for another request, and hold the end of the gateway up.
  app.addHook('preClose', () => {
    const timer = setInterval(() => app.server.closeIdleConnections(), closeIdleMs).unref();
    app.server.once('close', () => clearInterval(timer));
    return Promise.resolve();
  });
  app.setErrorHandler((error, request, reply) => sendError(context, request, reply, error));
  app.setNotFoundHandler((request, reply) => {
    void reply.code(404);
    sendError(context, request, reply, new RestError(404, 'There is nothing at this address.'));
  });

  for (const routes of [infoRoutes, tokenRoutes, uploadRoutes, serviceRoutes, layerRoutes, jobRoutes, staticRoutes]) {
    routes(app, context);
  }
  return app;
}
