// The catalog, `info` and its health check: they answer without a token, because clients ask them before they have one.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { currentVersion, fullVersion } from '../arcgis/layer.js';
import { transcoderOf, type Transcoder } from '../arcgis/transcoder.js';
import { userOf } from '../auth.js';
import { baseUrl, type Context } from '../context.js';
import { lookerOf } from '../look.js';
import { html } from '../pages/html.js';
import { respond, tokenQuery } from '../respond.js';

/** Workers and their GPUs; null while the Job service does not answer. */
async function transcodersOf({ jobs }: Context): Promise<Transcoder[] | null> {
  try {
    return (await jobs.workers()).map(transcoderOf);
  } catch {
    return null;
  }
}

/** Nobody is asked for a token here, so one that does not hold is no error. */
function isAdministrator(request: FastifyRequest, context: Context): boolean {
  try {
    return lookerOf(request, context)?.role === 'administrator';
  } catch {
    return false;
  }
}

const both = ['GET', 'POST'] as const;
/** Services without which a site is of no use; each is asked once a second, see main.ts. */
const needed = ['job', 'ingest'] as const;

export function infoRoutes(app: FastifyInstance, context: Context): void {
  const { root } = context;

  const info = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    respond(context, request, reply, () => {
      const query = tokenQuery(request);
      return {
        title: 'Services Directory',
        crumbs: [{ text: 'Home', path: '/rest' }],
        document: {
          currentVersion,
          fullVersion,
          authInfo: { isTokenBasedSecurity: true, tokenServicesUrl: `${baseUrl(context, request)}/rest/generateToken` },
        },
        body: () =>
          html` <h1>Services Directory</h1>
            <ul class="resources">
              <li><a href="${root}/rest/services${query}">Services</a></li>
              <li><a href="${root}/rest/jobs${query}">Jobs</a></li>
              <li><a href="${root}/rest/uploads${query}">Uploads</a></li>
              <li><a href="${root}/rest/info${query}">Info</a></li>
              ${
                isAdministrator(request, context)
                  ? html`<li><a href="${root}/rest/audit${query}">Audit log</a></li>`
                  : ''
              }
            </ul>`,
      };
    });
  for (const path of ['/rest', '/rest/info', '/admin', '/rest/jobs/job/:jobId/rest/info']) {
    app.route({ method: [...both], url: `${root}${path}`, handler: info });
  }

  app.route({
    method: [...both],
    url: `${root}/rest/info/healthcheck`,
    handler: (request, reply) =>
      respond(context, request, reply, () => {
        const serves = needed.map((name) => ({ name, up: context.health.state.get(name) === true }));
        const away = serves.filter(({ up }) => !up).map(({ name }) => name);
        // Load balancers and Esri's clients look at the status.
        if (away.length > 0) void reply.code(503);
        return {
          title: 'Health Check',
          crumbs: [{ text: 'Home', path: '/rest' }],
          document: away.length === 0 ? { success: 'true' } : { success: 'false', away },
        };
      }),
  });

  app.route({
    method: [...both],
    url: `${root}/rest/self`,
    handler: (request, reply) =>
      respond(context, request, reply, async () => {
        const { username, role } = userOf(request, context);
        return {
          title: 'Self',
          crumbs: [{ text: 'Home', path: '/rest' }],
          document: {
            currentVersion,
            fullVersion,
            maxFileUploadSize: Math.floor(context.maxUploadBytes / 1024 / 1024),
            username,
            role,
            transcoders: await transcodersOf(context),
          },
        };
      }),
  });
}
