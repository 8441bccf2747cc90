// Changing who sees a service or a layer, as the share operation of a portal's item does.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Action } from '@sortie/common/gen/sortie/audit/v1/audit';
import { Layer, Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { call } from '@sortie/common/grpc';
import { accessOf, askedSharing } from '../arcgis/sharing.js';
import { publisherOf, speaking } from '../auth.js';
import type { Context } from '../context.js';
import { layerIdOf } from '../layer-id.js';
import { formatOf, parametersOf } from '../parameters.js';
import { respond, sendError, tokenQuery } from '../respond.js';
import { layerResource, serviceResource } from '@sortie/common/audit/resource';

interface SharePath {
  Params: { service: string; layer?: string };
}

const updateMask = ['sharing'];

export function shareRoutes(app: FastifyInstance, context: Context): void {
  const { root, ingest } = context;

  /** Gives the ArcGIS document. */
  async function share(request: FastifyRequest<SharePath>): Promise<Record<string, unknown>> {
    const user = publisherOf(request, context);
    const { service: serviceName, layer: layerText } = request.params;
    const sharing = askedSharing(parametersOf(request));
    const options = { speaking: speaking(context, user) };
    if (layerText === undefined) {
      const asked = { service: Service.fromPartial({ serviceName, sharing }), updateMask };
      const { service } = await call(ingest.updateService.bind(ingest), asked, options);
      const access = accessOf(service?.sharing ?? sharing);
      context.trail.done(request, user.username, Action.ACTION_SHARE, serviceResource(serviceName), access);
      return { notSharedWith: [], itemId: service?.serviceItemId, access };
    }
    const layerId = layerIdOf(layerText);
    const asked = { layer: Layer.fromPartial({ serviceName, layerId, sharing }), updateMask };
    const { layer } = await call(ingest.updateLayer.bind(ingest), asked, options);
    const access = accessOf(layer?.effectiveSharing ?? sharing);
    context.trail.done(request, user.username, Action.ACTION_SHARE, layerResource(serviceName, layerId), access);
    return { notSharedWith: [], layerId, access };
  }

  const handler = async (request: FastifyRequest<SharePath>, reply: FastifyReply): Promise<FastifyReply> => {
    if (formatOf(parametersOf(request)) !== 'html')
      return respond(context, request, reply, async () => ({
        title: 'Share',
        crumbs: [],
        document: await share(request),
      }));
    try {
      await share(request);
      const { service, layer } = request.params;
      const page = `${root}/rest/services/${encodeURIComponent(service)}/VideoServer${layer === undefined ? '' : `/${layer}`}`;
      return await reply.header('cache-control', 'no-store').redirect(`${page}${tokenQuery(request)}`, 303);
    } catch (thrown) {
      sendError(context, request, reply, thrown);
      return reply;
    }
  };
  for (const path of ['share', ':layer/share'])
    app.post<SharePath>(`${root}/rest/services/:service/VideoServer/${path}`, handler);
}
