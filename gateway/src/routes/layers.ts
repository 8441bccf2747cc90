// Layers: their description, their page, and their files.
import type { Metadata } from '@grpc/grpc-js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import type { Layer, LayerFileInfo } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { read } from '@sortie/common/grpc';
import { toRestError } from '../arcgis/errors.js';
import { layerDocument } from '../arcgis/layer.js';
import { tokenOf } from '../auth.js';
import { isKnown, rangeHolds } from '../conditions.js';
import { baseUrl, type Context } from '../context.js';
import { readLayerFile, type LayerFile } from '../layer-file.js';
import { layerIdOf } from '../layer-id.js';
import { isPublicLayer, lookAt, lookerOf, mayChange } from '../look.js';
import { layerPage } from '../pages/layer.js';
import { parameter, parametersOf } from '../parameters.js';
import { parseRange } from '../range.js';
import { respond, sendError, tokenQuery } from '../respond.js';

interface LayerPath {
  Params: { service: string; layer: string };
}
interface FilePath {
  Params: { service: string; layer: string; '*': string };
}

/**
 * What is public may be kept for a minute, by proxies, too, where nobody showed who they are: in the next one it may not be public
 * any more. All else is kept nowhere (RFC 9111 section 5.2.2.5).
 */
const ofEverybody = 'public, max-age=60';
const ofOne = 'private, max-age=60';
const ofNobody = 'no-store';
/** What a caller shows: a browser in which somebody else signs in asks again. */
const vary = 'authorization, x-esri-authorization, cookie';

/** HTTP statuses of failed file requests, by ArcGIS's code. */
const fileStatus: Record<number, number> = { 400: 400, 404: 404, 498: 403, 499: 403 };

export function layerRoutes(app: FastifyInstance, context: Context): void {
  const { root, ingest } = context;

  async function layerOf(request: FastifyRequest<LayerPath>): Promise<Layer> {
    const layerId = layerIdOf(request.params.layer);
    const asked = { serviceName: request.params.service, layerId };
    const get = async (speaking: Metadata): Promise<Layer> => {
      const { layer } = await read(ingest.getLayer.bind(ingest), asked, { speaking });
      if (!layer) throw new SortieError('NOT_FOUND', 'The layer was not found.');
      return layer;
    };
    return lookAt(request, context, get, isPublicLayer);
  }

  app.route<LayerPath>({
    method: ['GET', 'POST'],
    url: `${root}/rest/services/:service/VideoServer/:layer`,
    handler: (request, reply) =>
      respond(context, request, reply, async () => {
        const layer = await layerOf(request);
        noteRead(context, request, layer.serviceName, layer.layerId);
        const servicePath = `/rest/services/${layer.serviceName}/VideoServer`;
        const path = `${servicePath}/${layer.layerId}`;
        const document = layerDocument(layer, `${baseUrl(context, request)}${path}`);
        return {
          title: layer.name,
          crumbs: [
            { text: 'Home', path: '/rest' },
            { text: 'services', path: '/rest/services' },
            { text: `${layer.serviceName} (VideoServer)`, path: servicePath },
            { text: layer.name, path },
          ],
          document,
          body: () =>
            layerPage({
              layer,
              document,
              url: `${root}${path}`,
              query: tokenQuery(request),
              mayShare: mayChange(request, context, [layer.owner, layer.serviceOwner]),
            }),
          scripts: ['player.js'],
        };
      }),
  });

  app.route<FilePath>({
    method: ['GET', 'HEAD'],
    url: `${root}/rest/services/:service/VideoServer/:layer/*`,
    handler: async (request, reply) => {
      try {
        return await sendFile(context, request, reply);
      } catch (thrown) {
        // Players look at the status, not into documents.
        void reply.code(fileStatus[toRestError(thrown).code] ?? 503);
        sendError(context, request, reply, thrown);
        return reply;
      }
    },
  });
}

const noteRead = (context: Context, request: FastifyRequest, serviceName: string, layerId: number): void =>
  context.trail.read(request, lookerOf(request, context)?.username ?? '', serviceName, layerId);

async function sendFile(
  context: Context,
  request: FastifyRequest<FilePath>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { service: serviceName, layer } = request.params;
  const file = { serviceName, layerId: layerIdOf(layer), path: request.params['*'] };
  const playlist = file.path.endsWith('.m3u8');
  const token = parameter(parametersOf(request), 'token');
  const open = (part: { offset: number; length: number | undefined }): Promise<LayerFile> =>
    lookAt(
      request,
      context,
      (speaking) => readLayerFile(context.transfers, { ...file, ...part }, speaking),
      ({ info, data }) => {
        if (!info.public) data.destroy();
        return info.public;
      },
    ).then((opened) => {
      noteRead(context, request, serviceName, file.layerId);
      return opened;
    });
  // A playlist asked for with a token in the address gets it in its own addresses: players follow them as they stand.
  if (playlist && token !== '') {
    const { info, data } = await open({ offset: 0, length: undefined });
    const chunks: Buffer[] = [];
    for await (const chunk of data as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = withToken(Buffer.concat(chunks).toString(), tokenOf(request, context));
    return reply.header('content-type', info.contentType).headers({ 'cache-control': ofNobody, vary }).send(text);
  }

  const { headers } = request;
  const range = parseRange(headers.range);
  const anonymous = tokenOf(request, context) === '';
  const describe = ({ sha256, contentType, public: everybodys }: LayerFileInfo): string => {
    const etag = `"${sha256.slice(0, 32)}"`;
    void reply.headers({
      etag,
      'cache-control': everybodys ? (anonymous ? ofEverybody : ofOne) : ofNobody,
      vary,
      'accept-ranges': 'bytes',
      'content-type': contentType,
    });
    return etag;
  };
  let ranged = range;
  if (
    request.method === 'HEAD' ||
    headers['if-none-match'] !== undefined ||
    (range && headers['if-range'] !== undefined)
  ) {
    const { info, data } = await open({ offset: 0, length: 0 });
    data.destroy();
    const etag = describe(info);
    if (isKnown(headers['if-none-match'], etag)) return reply.code(304).send();
    if (request.method === 'HEAD') return reply.header('content-length', info.sizeBytes).send();
    const [ifRange] = [headers['if-range']].flat();
    if (!rangeHolds(ifRange, etag)) ranged = null;
  }

  const { info, data } = await open(ranged ?? { offset: 0, length: undefined });
  describe(info);
  if (ranged) {
    if (info.length === 0) {
      data.destroy();
      return reply.code(416).header('content-range', `bytes */${info.sizeBytes}`).send();
    }
    void reply
      .code(206)
      .header('content-range', `bytes ${info.offset}-${info.offset + info.length - 1}/${info.sizeBytes}`);
  }
  return reply.header('content-length', info.length).send(data);
}

/** Adds the token to every address of a playlist (RFC 8216 section 4.1: lines that are no tags, and URI attributes). */
export function withToken(playlist: string, token: string): string {
  const query = `?token=${encodeURIComponent(token)}`;
  return playlist
    .split('\n')
    .map((line) => {
      if (line === '') return line;
      return line.startsWith('#')
        ? line.replace(/URI="([^"]*)"/, (_, uri: string) => `URI="${uri}${query}"`)
        : line + query;
    })
    .join('\n');
}
