// The job resource, the list of jobs, live events, and cancel.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import { Action } from '@sortie/common/gen/sortie/audit/v1/audit';
import { JobEvent, Progress, type Job } from '@sortie/common/gen/sortie/job/v1/job';
import type { User } from '@sortie/common/users';
import { jobDocument } from '../arcgis/job.js';
import { RestError, toRestError } from '../arcgis/errors.js';
import { speaking, userOf } from '../auth.js';
import type { Context } from '../context.js';
import { eventFrame, EventStreams, sendComeAgain } from '../event-stream.js';
import { html } from '../pages/html.js';
import { jobPage } from '../pages/job.js';
import { flag, formatOf, parameter, parametersOf } from '../parameters.js';
import { logFailure, respond, sendError, tokenQuery } from '../respond.js';

interface JobPath {
  Params: { jobId: string };
}

const both: ('GET' | 'POST')[] = ['GET', 'POST'];
const listSize = 100;

export function jobRoutes(app: FastifyInstance, context: Context): void {
  const { root, jobs } = context;
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
      const user = userOf(request, context);
      const job = await visible(request.params.jobId, user);
      const workers = page && user.role === 'administrator' ? await jobs.workers().catch(() => null) : null;
      const document = jobDocument(job, page || flag(parameters, 'details'));
      const layer = job.results
        ? `${root}/rest/services/${job.results.serviceName}/VideoServer/${job.results.layerId}${tokenQuery(request)}`
        : null;
      return {
        title: `Job ${job.jobId}`,
        crumbs: [...crumbs, { text: job.jobId, path: `/rest/jobs/job/${job.jobId}` }],
        document,
        body: () => jobPage({ document, layerPath: layer, workers }),
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
        const user = userOf(request, context);
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
      const user = userOf(request, context);
      const { jobId } = await visible(request.params.jobId, user);
      await jobs.cancel({ jobId, user: user.username }, speaking(context, user));
      context.trail.done(request, user.username, Action.ACTION_CANCEL, jobId);
      return { title: 'Cancel', crumbs, document: { success: true } };
    }),
  );

  const streams = new EventStreams(context.maxEventStreams);
  app.addHook('preClose', () => {
    streams.stop();
    return Promise.resolve();
  });

  app.get<JobPath>(`${root}/rest/jobs/job/:jobId/events`, async (request, reply) => {
    const { jobId } = request.params;
    try {
      const user = userOf(request, context);
      await visible(jobId, user);
      const after = afterEvent(request);
      streams.send(reply, {
        username: user.username,
        holds: () => context.sessions.holds(user, Date.now()),
        frames: (signal) => jobFrames(context, request, after, signal),
      });
    } catch (thrown) {
      const { code } = toRestError(thrown);
      if (code < 500) sendError(context, request, reply, thrown);
      else {
        reply.errorCode = code;
        logFailure(context, request, thrown);
        sendComeAgain(reply);
      }
    }
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

/** `event` with its number, and `progress`, which has none. Throws nothing: whoever comes back is told what is wrong. */
async function* jobFrames(
  context: Context,
  request: FastifyRequest<JobPath>,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  try {
    for await (const { update } of context.jobs.watch(request.params.jobId, after, signal)) {
      if (update?.$case === 'event') {
        yield eventFrame('event', JSON.stringify(JobEvent.toJSON(update.value)), update.value.sequence);
      } else if (update?.$case === 'progress') {
        yield eventFrame('progress', JSON.stringify(Progress.toJSON(update.value)));
      }
    }
    if (!signal.aborted) yield eventFrame('end', '{}');
  } catch (thrown) {
    logFailure(context, request, thrown);
  }
}
