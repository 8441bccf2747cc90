// The gateway: HTTP in, gRPC out, nothing kept.
import { fastify, type FastifyInstance } from 'fastify';
import { RestError } from './arcgis/errors.js';
import { readBodies } from './body.js';
import { limitConnections } from './connections.js';
import type { Context } from './context.js';
import { measureRequests } from './metrics.js';
import { sendError } from './respond.js';
import { auditRoutes } from './routes/audit.js';
import { infoRoutes } from './routes/info.js';
import { jobRoutes } from './routes/jobs.js';
import { layerRoutes } from './routes/layers.js';
import { oidcRoutes } from './routes/oidc.js';
import { shareRoutes } from './routes/share.js';
import { serviceRoutes } from './routes/services.js';
import { signInRoutes } from './routes/sign-in.js';
import { staticRoutes } from './routes/static.js';
import { tokenRoutes } from './routes/token.js';
import { uploadRoutes } from './routes/uploads.js';
import type { TrustProxy } from './settings/trust-proxy.js';

/** Longest part of a path: a service's name has 120 characters, and percent signs make three of one. */
const maxParamLength = 500;

const everywhere = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  // Browsers of other sites may read with a token; cookies never travel with such requests.
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'content-range, content-length, etag',
};

export function newApp(context: Context, trustProxy: TrustProxy): FastifyInstance {
  const app = fastify({
    logger: false,
    // Counted from the connection on: the first proxy is the one that calls us.
    trustProxy: typeof trustProxy === 'number' ? (_, hop) => hop < trustProxy : trustProxy,
    // Esri's clients disagree about a slash at the end.
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: true, maxParamLength },
    // Uploads may take hours; all other bodies have their own time, see body.ts.
    requestTimeout: 0,
    // Whoever is being answered when the gateway goes gets the rest of the answer.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    frameworkErrors: (_, request, reply) => {
      void reply.headers(everywhere);
      // Neither the hooks nor the query have been there yet.
      request.query = Object.fromEntries(new URLSearchParams(request.url.split('?')[1]));
      sendError(
        context,
        request,
        reply,
        new RestError(400, 'The address is broken: its path is no percent-encoded text.'),
      );
    },
  });
  measureRequests(app, context.registry);
  limitConnections(app);
  readBodies(app, context);

  app.addHook('onRequest', async (_, reply) => {
    void reply.headers(everywhere);
    return Promise.resolve();
  });
  app.options('*', (_, reply) =>
    reply
      .headers({
        'access-control-allow-methods': 'GET, POST, HEAD',
        'access-control-allow-headers':
          'authorization, x-esri-authorization, content-type, range, if-range, if-none-match, last-event-id',
        'access-control-max-age': '3600',
      })
      .code(204)
      .send(),
  );
  app.setErrorHandler((error, request, reply) => sendError(context, request, reply, error));
  app.setNotFoundHandler((request, reply) => {
    void reply.code(404);
    sendError(context, request, reply, new RestError(404, 'There is nothing at this address.'));
  });

  for (const routes of [
    infoRoutes,
    tokenRoutes,
    signInRoutes,
    oidcRoutes,
    uploadRoutes,
    serviceRoutes,
    shareRoutes,
    layerRoutes,
    jobRoutes,
    auditRoutes,
    staticRoutes,
  ]) {
    routes(app, context);
  }
  return app;
}
