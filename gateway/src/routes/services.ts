// Services: listing, creating, and adding a layer, which begins the job.
import { randomUUID } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import { Action } from '@sortie/common/gen/sortie/audit/v1/audit';
import type { Layer, Service, Sharing } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { Priority } from '@sortie/common/gen/sortie/job/v1/job';
import { call, read } from '@sortie/common/grpc';
import { RestError } from '../arcgis/errors.js';
import { serviceDocument, serviceSummary } from '../arcgis/layer.js';
import { sharingOf } from '../arcgis/sharing.js';
import { publisherOf, speaking } from '../auth.js';
import { baseUrl, type Context } from '../context.js';
import { isPublicService, lookAt, mayChange } from '../look.js';
import { html } from '../pages/html.js';
import { sharingForm } from '../pages/sharing.js';
import { jsonParameter, parameter, parametersOf, requiredParameter, type Parameters } from '../parameters.js';
import { respond, tokenQuery } from '../respond.js';
import { layerResource, serviceResource } from '@sortie/common/audit/resource';

const both: ('GET' | 'POST')[] = ['GET', 'POST'];
const defaultNum = 100;

interface ServicePath {
  Params: { service: string };
}

/** A list of words or ids, as text with commas or as an array. */
function words(value: unknown, name: string): string[] {
  const entries: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/[,|\s]+/) : [];
  if (value !== undefined && !Array.isArray(value) && typeof value !== 'string') {
    throw new RestError(400, `'${name}' must be text or a list of texts.`);
  }
  if (!entries.every((entry): entry is string => typeof entry === 'string')) {
    throw new RestError(400, `'${name}' must hold texts only.`);
  }
  return entries.map((entry) => entry.trim()).filter((entry) => entry !== '');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface LayerRequest {
  name: string;
  description: string;
  fileIds: string[];
  requestedResolutions: string[];
  requestId: string;
  priority: Priority;
  sharing: Sharing;
}

const priorities: Readonly<Record<string, Priority>> = {
  '': Priority.PRIORITY_UNSPECIFIED,
  low: Priority.PRIORITY_LOW,
  normal: Priority.PRIORITY_NORMAL,
  high: Priority.PRIORITY_HIGH,
};

function priorityOf(value: unknown): Priority {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value === undefined ? '' : '?';
  const priority = Object.hasOwn(priorities, word) ? priorities[word] : undefined;
  if (priority === undefined) throw new RestError(400, "'priority' must be low, normal or high.");
  return priority;
}

/**
 * createParameters of addLayer. Where the files and resolutions stand in it is not documented: they are taken from the
 * object itself, from an object inside it (the data source), or from parameters beside it.
 */
export function layerRequestOf(parameters: Parameters): LayerRequest {
  const create = jsonParameter(parameters, 'createParameters');
  const type = typeof create['type'] === 'string' ? create['type'].toLowerCase() : '';
  if (type !== 'ondemand') throw new RestError(400, "'type' must be ondemand: other layers are not offered here.");
  const name = typeof create['name'] === 'string' ? create['name'].trim() : '';
  if (name === '') throw new RestError(400, "'name' of the layer is missing.");
  const inside = Object.values(create).filter(isObject);
  const find = (key: string): unknown =>
    [create, ...inside].map((place) => place[key]).find((value) => value !== undefined) ?? parameters.get(key);
  const description = find('description');
  return {
    name,
    description: typeof description === 'string' ? description : '',
    fileIds: words(find('fileIds') ?? find('fileId'), 'fileIds'),
    requestedResolutions: words(find('requestedResolutions'), 'requestedResolutions'),
    requestId: parameter(parameters, 'requestId'),
    priority: priorityOf(find('priority')),
    sharing: sharingOf(find('sharing')),
  };
}

export function serviceRoutes(app: FastifyInstance, context: Context): void {
  const { root, ingest } = context;
  const crumbs = [
    { text: 'Home', path: '/rest' },
    { text: 'services', path: '/rest/services' },
  ];

  app.route({
    method: both,
    url: `${root}/rest/services`,
    handler: (request, reply) =>
      respond(context, request, reply, async () => {
        const parameters = parametersOf(request);
        const start = Math.max(1, Math.trunc(Number(parameter(parameters, 'start') || 1)) || 1);
        const num = Math.min(
          1000,
          Math.max(1, Math.trunc(Number(parameter(parameters, 'num') || defaultNum)) || defaultNum),
        );
        const found = await lookAt(
          request,
          context,
          (speaking) => pageOfServices(context, start, num, speaking),
          // Where nothing is public, clients sign in, as everywhere.
          ({ services, total }) => total > 0 && services.every(isPublicService),
        );
        const query = tokenQuery(request);
        return {
          title: 'Services',
          crumbs,
          document: {
            total: found.total,
            num: found.services.length,
            start,
            nextStart: start + num <= found.total ? start + num : -1,
            services: found.services.map(serviceSummary),
          },
          body: () =>
            html` <h1>Services</h1>
              <ul class="resources">
                ${found.services.map(
                  ({ serviceName, layers }) =>
                    html`<li>
                      <a href="${root}/rest/services/${serviceName}/VideoServer${query}">${serviceName}</a>
                      (VideoServer), ${layers.length} layers
                    </li>`,
                )}
              </ul>`,
        };
      }),
  });

  app.post(`${root}/rest/services/isServiceNameAvailable`, (request, reply) =>
    respond(context, request, reply, async () => {
      // Who may create one learns of a name that is taken, whoever sees the service.
      publisherOf(request, context);
      const serviceName = requiredParameter(parametersOf(request), 'serviceName');
      const { available } = await read(ingest.checkServiceName.bind(ingest), { serviceName });
      return { title: 'Is Service Name Available', crumbs, document: { available } };
    }),
  );

  app.post(`${root}/admin/services/create`, { config: { form: 'large' } }, (request, reply) =>
    respond(context, request, reply, async () => {
      const user = publisherOf(request, context);
      const service = jsonParameter(parametersOf(request), 'service');
      const serviceName = typeof service['serviceName'] === 'string' ? service['serviceName'] : '';
      const description = typeof service['description'] === 'string' ? service['description'] : '';
      const sharing = sharingOf(service['sharing']);
      const created = { serviceName, owner: user.username, description, sharing };
      await call(ingest.createService.bind(ingest), created, { speaking: speaking(context, user) });
      context.trail.done(request, user.username, Action.ACTION_CREATE_SERVICE, serviceResource(serviceName));
      return { title: 'Create Service', crumbs, document: { status: 'success' } };
    }),
  );

  const addLayer = (request: FastifyRequest<ServicePath>, reply: FastifyReply): Promise<FastifyReply> =>
    respond(context, request, reply, async () => {
      const user = publisherOf(request, context);
      const { name, requestId, ...layer } = layerRequestOf(parametersOf(request));
      const serviceName = request.params.service;
      const asked = {
        ...layer,
        // The call may be made again when an Ingest API goes away under it.
        requestId: requestId === '' ? randomUUID() : requestId,
        serviceName,
        layerName: name,
        owner: user.username,
        administrator: user.role === 'administrator',
        serviceUrl: `${baseUrl(context, request)}/rest/services/${serviceName}/VideoServer`,
      };
      const { jobId, layerId } = await call(ingest.addLayer.bind(ingest), asked, { speaking: speaking(context, user) });
      context.trail.done(request, user.username, Action.ACTION_PUBLISH, layerResource(serviceName, layerId), jobId);
      return { title: 'Add Layer', crumbs, document: { jobId, layerId, success: true } };
    });
  for (const path of ['addLayer', 'VideoServer/addLayer']) {
    app.post<ServicePath>(`${root}/rest/services/:service/${path}`, { config: { form: 'large' } }, addLayer);
  }

  app.route<ServicePath>({
    method: both,
    url: `${root}/rest/services/:service/VideoServer`,
    handler: (request, reply) =>
      respond(context, request, reply, async () => {
        const service = await lookAt(
          request,
          context,
          (speaking) => wholeService(context, request.params.service, speaking),
          isPublicService,
        );
        const path = `/rest/services/${service.serviceName}/VideoServer`;
        const url = `${baseUrl(context, request)}${path}`;
        const query = tokenQuery(request);
        return {
          title: service.serviceName,
          crumbs: [...crumbs, { text: `${service.serviceName} (VideoServer)`, path }],
          document: serviceDocument(service, url),
          body: () =>
            html` <h1>${service.serviceName}</h1>
              <p>${service.description}</p>
              <ul class="layers">
                ${service.layers.map(
                  (layer) =>
                    html`<li>
                      <a href="${root}${path}/${layer.layerId}${query}"
                        ><img src="${root}${path}/${layer.layerId}/poster.jpg${query}" alt="" loading="lazy" />
                        ${layer.name} (${layer.layerId})</a
                      >
                    </li>`,
                )}
              </ul>
              ${
                mayChange(request, context, [service.owner])
                  ? sharingForm({ action: `${root}${path}/share${query}`, own: service.sharing })
                  : ''
              }`,
        };
      }),
  });
}

/** With all of its layers, page by page. */
async function wholeService({ ingest }: Context, serviceName: string, speaking: Metadata): Promise<Service> {
  const layers: Layer[] = [];
  let pageToken = '';
  for (;;) {
    const page = await read(ingest.getService.bind(ingest), { serviceName, pageSize: 0, pageToken }, { speaking });
    if (!page.service) throw new SortieError('NOT_FOUND', 'The service was not found.');
    layers.push(...page.service.layers);
    if (page.nextPageToken === '') return { ...page.service, layers };
    pageToken = page.nextPageToken;
  }
}

/** Pages of the Ingest service come by token, and may be shorter than asked for; ArcGIS counts from a number. */
async function pageOfServices(
  { ingest }: Context,
  start: number,
  num: number,
  speaking: Metadata,
): Promise<{ services: Service[]; total: number }> {
  const services: Service[] = [];
  let pageToken = '';
  let skip = start - 1;
  for (;;) {
    const pageSize = Math.min(1000, skip + num - services.length);
    const page = await read(ingest.listServices.bind(ingest), { pageSize, pageToken }, { speaking });
    services.push(...page.services.slice(skip));
    skip = Math.max(0, skip - page.services.length);
    pageToken = page.nextPageToken;
    if (pageToken === '' || services.length >= num) return { services, total: page.totalSize };
  }
}
