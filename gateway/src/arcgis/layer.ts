// Services and layers as ArcGIS clients read them; VideoLayer of the JavaScript SDK reads both documents and merges them.
import type { Layer, Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { accessOf } from './sharing.js';

export const currentVersion = 12.0;
export const fullVersion = '12.0.0';

const wgs84 = { wkid: 4326 };

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

function aspectRatio({ sourceWidth, sourceHeight }: Layer): string {
  const divisor = greatestCommonDivisor(sourceWidth, sourceHeight) || 1;
  return `${sourceWidth / divisor}:${sourceHeight / divisor}`;
}

/** `url` is the layer's own, without a trailing slash. */
export function layerDocument(layer: Layer, url: string): Record<string, unknown> {
  const { extent, packets = 0, startTime, endTime } = layer.telemetry ?? {};
  const fullExtent = extent ? { ...extent, spatialReference: wgs84 } : null;
  const start = startTime?.getTime() ?? null;
  const kinds = layer.telemetry?.kinds ?? {};
  const previews = layer.previews;
  return {
    currentVersion,
    serviceType: 'ondemand',
    id: layer.layerId,
    name: layer.name,
    type: 'Video Layer',
    description: layer.description,
    livestreamInfo: null,
    sourceQuality: layer.sourceQuality,
    // An object: the SDK plays its first value.
    connectionUrl: { hls: `${url}/ABR.m3u8` },
    poster: `${url}/poster.jpg`,
    created: layer.createTime?.getTime() ?? null,
    fullExtent,
    initialExtent: fullExtent,
    time: {
      duration: layer.durationSeconds,
      start,
      end: endTime?.getTime() ?? (start === null ? null : start + layer.durationSeconds * 1000),
      timezone: 'UTC',
    },
    playbackInfo: {
      framerate: layer.frameRate.toFixed(3),
      containerFormat: layer.container,
      gop: Math.round(layer.gopSeconds * layer.frameRate),
      aspectRatio: aspectRatio(layer),
      // Always an object: the SDK reads klv["0601"] of it without asking.
      klv: klvSummary(kinds),
    },
    codecs: { audio: layer.audioCodec, text: packets > 0 ? 'webvtt' : '', video: layer.videoCodec },
    qualities: layer.renditions.map((rendition) => rendition.name),
    frameCount: layer.frameCount,
    previewsInfo: previews
      ? {
          count: previews.count,
          width: previews.width,
          height: previews.height,
          interval: previews.intervalSeconds * 1000,
          numCols: previews.columns,
          numRows: previews.rows,
          thumbnailInfo: previews.timesSeconds.map((time) => ({ offset: Math.round(time * 1000) })),
          urlFragment: 'previews.jpg',
        }
      : null,
    elevationSource: null,
    copyright: '',
    access: accessOf(layer.effectiveSharing),
    supportsAppend: false,
    supportsExportClip: false,
    supportsExportFrameset: false,
    supportsMensuration: false,
    supportsPreviews: previews !== undefined,
    supportsUpdate: false,
    supportedQueryFormats: 'JSON',
  };
}

/** Keys by the number of the standard, as clients ask for them. */
function klvSummary(kinds: Record<string, number>): Record<string, { packets: number }> {
  const summary: Record<string, { packets: number }> = {};
  for (const [kind, packets] of Object.entries(kinds)) {
    const standard = /(\d{4})/.exec(kind)?.[1];
    if (standard !== undefined) summary[standard] = { packets: (summary[standard]?.packets ?? 0) + packets };
  }
  return summary;
}

/** `url` is the service's own, `…/VideoServer`. */
export const serviceDocument = (service: Service, url: string): Record<string, unknown> => ({
  currentVersion,
  serviceName: service.serviceName,
  serviceItemId: service.serviceItemId,
  serviceDescription: service.description,
  description: service.description,
  created: service.createTime?.getTime() ?? null,
  access: accessOf(service.sharing),
  layers: service.layers.map((layer) => ({
    id: layer.layerId,
    name: layer.name,
    poster: `${url}/${layer.layerId}/poster.jpg`,
    serviceType: 'ondemand',
    type: 'Video Layer',
  })),
});

/** One entry of `/services`. */
export const serviceSummary = (service: Service): Record<string, unknown> => ({
  serviceType: 'Video Service',
  description: service.description,
  serviceName: service.serviceName,
  frameworkProperties: {
    supportsAppend: false,
    supportedQueryFormats: 'json',
    portalItemId: service.serviceItemId,
    created: service.createTime?.getTime() ?? null,
    supportsMultiUserAddLayer: false,
    lastReservedId: service.lastReservedId ?? -1,
    supportsUpdate: false,
    layers: service.layers.map((layer) => ({
      serviceType: 'ONDEMAND',
      created: layer.createTime?.getTime() ?? null,
      description: layer.description,
      sourceFile: layer.sourceFileName,
      sourceFilesInfo: [
        { size: layer.sourceSizeBytes, name: layer.sourceFileName, id: '0', contentType: `video/${layer.container}` },
      ],
      id: layer.layerId,
      name: layer.name,
    })),
  },
});
