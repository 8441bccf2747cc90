// The job resource, the list of jobs, live events, and cancel.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import { JobEvent, Progress, type Job, type WatchJobResponse } from '@sortie/common/gen/sortie/job/v1/job';
import type { User } from '@sortie/common/users';
import { jobDocument } from '../arcgis/job.js';
import { RestError } from '../arcgis/errors.js';
import { userOf } from '../auth.js';
import type { Context } from '../context.js';
import { html } from '../pages/html.js';
import { jobPage } from '../pages/job.js';
import { flag, formatOf, parameter, parametersOf } from '../parameters.js';
import { respond, sendError, tokenQuery } from '../respond.js';

interface JobPath {
  Params: { jobId: string };
}

const both: ('GET' | 'POST')[] = ['GET', 'POST'];
const listSize = 100;
/** A comment now and then keeps proxies from closing a quiet stream. */
const keepAliveMs = 15_000;

export function jobRoutes(app: FastifyInstance, context: Context): void {
  const { root, jobs, tokens } = context;
  const crumbs = [
    { text: 'Home', path: '/rest' },
    { text: 'jobs', path: '/rest/jobs' },
  ];

  /** Seen by its owner and by administrators; for others there is no such job. */
  async function visible(jobId: string, user: User): Promise<Job> {
    const job = await jobs.get(jobId);
    if (job.owner !== user.username && user.role !== 'administrator') {
      throw new SortieError('NOT_FOUND', `Job ${jobId} was not found.`);
    }
    return job;
  }

  const show = (request: FastifyRequest<JobPath>, reply: FastifyReply): Promise<FastifyReply> =>
    respond(context, request, reply, async () => {
      const parameters = parametersOf(request);
      const page = formatOf(parameters) === 'html';
      const job = await visible(request.params.jobId, userOf(request, tokens));
      const document = jobDocument(job, page || flag(parameters, 'details'));
      const layer = job.results
        ? `${root}/rest/services/${job.results.serviceName}/VideoServer/${job.results.layerId}${tokenQuery(request)}`
        : null;
      return {
        title: `Job ${job.jobId}`,
        crumbs: [...crumbs, { text: job.jobId, path: `/rest/jobs/job/${job.jobId}` }],
        document,
        body: () => jobPage({ document, layerPath: layer }),
        scripts: ['job.js'],
      };
    });
  for (const path of ['/rest/jobs/job/:jobId', '/rest/jobs/:jobId']) {
    app.route<JobPath>({ method: both, url: `${root}${path}`, handler: show });
  }

  app.route({
    method: both,
    url: `${root}/rest/jobs`,
    handler: (request, reply) =>
      respond(context, request, reply, async () => {
        const user = userOf(request, tokens);
        const page = await jobs.list({
          pageSize: listSize,
          pageToken: parameter(parametersOf(request), 'pageToken'),
          states: [],
          owner: user.role === 'administrator' ? '' : user.username,
          serviceName: '',
          createdAfter: undefined,
          createdBefore: undefined,
        });
        const query = tokenQuery(request);
        const documents = page.jobs.map((job) => jobDocument(job, false));
        return {
          title: 'Jobs',
          crumbs,
          document: {
            jobs: documents.map(({ jobId, status, type, username }) => ({ jobId, status, type, username })),
            nextPageToken: page.nextPageToken,
          },
          body: () =>
            html` <h1>Jobs</h1>
              <table>
                <thead>
                  <tr>
                    <th>Job</th>
                    <th>Status</th>
                    <th>Last message</th>
                    <th>User</th>
                    <th>Created</th>
                  </tr>
                </thead>
                <tbody>
                  ${documents.map(
                    (document, index) =>
                      html`<tr>
                        <td>
                          <a href="${root}/rest/jobs/job/${document.jobId}${query}"><code>${document.jobId}</code></a>
                        </td>
                        <td data-status="${document.status}">${document.status}</td>
                        <td>${document.messages.at(-1)}</td>
                        <td>${document.username}</td>
                        <td>${page.jobs[index]?.createTime?.toISOString()}</td>
                      </tr>`,
                  )}
                </tbody>
              </table>`,
        };
      }),
  });

  app.post<JobPath>(`${root}/rest/jobs/job/:jobId/cancel`, (request, reply) =>
    respond(context, request, reply, async () => {
      const user = userOf(request, tokens);
      const { jobId } = await visible(request.params.jobId, user);
      await jobs.cancel({ jobId, user: user.username });
      return { title: 'Cancel', crumbs, document: { success: true } };
    }),
  );

  const streams = new Set<ServerResponse>();
  // Their clients come back with Last-Event-ID, to another gateway.
  app.addHook('preClose', () => {
    for (const raw of streams) raw.end();
    return Promise.resolve();
  });

  app.get<JobPath>(`${root}/rest/jobs/job/:jobId/events`, async (request, reply) => {
    let after: number;
    try {
      await visible(request.params.jobId, userOf(request, tokens));
      after = afterEvent(request);
    } catch (thrown) {
      sendError(context, request, reply, thrown);
      return reply;
    }
    streams.add(reply.raw);
    reply.raw.once('close', () => streams.delete(reply.raw));
    stream(context, request.params.jobId, after, reply);
    return reply;
  });
}

/** Where a client left off: Last-Event-ID of a reconnect, or the parameter of a first request. */
function afterEvent(request: FastifyRequest): number {
  const header = request.headers['last-event-id'];
  const text = (typeof header === 'string' ? header : '') || parameter(parametersOf(request), 'afterEvent') || '0';
  if (!/^\d{1,15}$/.test(text)) throw new RestError(400, 'Last-Event-ID must be the number of an event.');
  return Number(text);
}

/** Server-sent events (HTML standard, section 9.2): `event` with its number, and `progress`, which has none. */
function stream(context: Context, jobId: string, after: number, reply: FastifyReply): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    ...securityHeaders,
  });
  const call = context.jobs.watch(jobId, after);
  const keepAlive = setInterval(() => raw.write(': still here\n\n'), keepAliveMs);
  call.on('data', ({ update }: WatchJobResponse) => {
    const text =
      update?.$case === 'event'
        ? `id: ${update.value.sequence}\nevent: event\ndata: ${JSON.stringify(JobEvent.toJSON(update.value))}\n\n`
        : update?.$case === 'progress'
          ? `event: progress\ndata: ${JSON.stringify(Progress.toJSON(update.value))}\n\n`
          : '';
    if (text !== '' && !raw.write(text)) {
      call.pause();
      raw.once('drain', () => call.resume());
    }
  });
  const finish = (): void => {
    clearInterval(keepAlive);
    raw.end();
  };
  call.on('end', () => {
    raw.write('event: end\ndata: {}\n\n');
    finish();
  });
  // The browser comes back with Last-Event-ID.
  call.on('error', finish);
  raw.on('close', () => {
    clearInterval(keepAlive);
    call.cancel();
  });
}

const securityHeaders = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' };
