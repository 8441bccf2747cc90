// IngestService over gRPC: checks requests, keeps the catalogue, asks the Job service for the work.
import { randomUUID } from 'node:crypto';
import type { Audit } from '@sortie/common/audit/audit';
import { callEvent, type OutsideCall } from '@sortie/common/audit/call-event';
import { layerResource, serviceResource } from '@sortie/common/audit/resource';
import { readsMs, Seldom } from '@sortie/common/audit/seldom';
import { SortieError } from '@sortie/common/errors';
import { Action } from '@sortie/common/gen/sortie/audit/v1/audit';
import {
  Sharing,
  sharingToJSON,
  type File,
  type IngestServiceServer,
  type ReadLayerFileRequest,
  type ReadLayerFileResponse,
  type UploadFileRequest,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobType, Priority, type CreateJobRequest, type JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { call as callService, unary } from '@sortie/common/grpc';
import { clientStream, serverStream } from '@sortie/common/grpc-stream';
import { parseResolutions, resolutionWords } from '@sortie/common/ladder';
import type { Identity } from '@sortie/common/identity/identity';
import { mustSpeakFor, type Speaker, type Viewer } from '@sortie/common/identity/speaker';
import type { Logger } from '@sortie/common/log';
import type { Storage } from '@sortie/common/storage';
import { checkText, maxFiles, maxLength } from '@sortie/common/text';
import type { Counter } from 'prom-client';
import { serviceKey, type Catalogue } from './catalogue.js';
import { contentType } from './media/content-type.js';
import type { Admission } from './limits.js';
import { getService, listServices } from './listing.js';
import { splitInputs } from './media/upload.js';
import { Shares } from './shares.js';
import { owns, serviceSharing } from './sharing.js';
import { View } from './view.js';

export interface IngestServerParts {
  catalogue: Catalogue;
  storage: Storage;
  jobs: JobServiceClient;
  maxUploadBytes: number;
  admission: Admission;
  /** Counts the bytes of uploads. */
  stored: Counter<'kind'>;
  identity: Pick<Identity, 'speakerOf' | 'viewerOf' | 'callerOf'>;
  audit: Audit;
  log: Logger;
}

export function newIngestServer({
  catalogue,
  storage,
  jobs,
  maxUploadBytes,
  admission,
  stored,
  identity,
  audit,
  log,
}: IngestServerParts): IngestServiceServer {
  const shares = new Shares(storage, catalogue);
  const view = new View(catalogue, shares);
  const reads = new Seldom(readsMs);

  const noteDone = (call: OutsideCall, action: Action, resource: string, owner = '', detail = ''): void => {
    const noted = callEvent(identity, call, action, resource, owner, detail);
    if (noted && (action !== Action.ACTION_READ || reads.first(noted.caller ?? '', resource))) audit.note(noted);
  };

  return {
    uploadFile: clientStream(log, async (messages, _signal, call) => {
      const file = await receive(messages, {
        catalogue,
        maxUploadBytes,
        admission,
        // The gateway says only behind the file for whom it speaks.
        speaksAtOnce: identity.callerOf(call)?.kind !== 'gateway',
        speakerBy: (statement) => identity.speakerOf(call, statement),
      });
      admission.note(file);
      const { fileId, sizeBytes, owner } = file;
      log.info({ file: fileId, sizeBytes, owner }, 'file stored');
      stored.inc({ kind: 'upload' }, sizeBytes);
      noteDone(call, Action.ACTION_UPLOAD, fileId, owner);
      return { file };
    }),

    getFile: unary(log, async ({ fileId }, call) => ({ file: await view.file(identity.viewerOf(call), fileId) })),

    createService: unary(log, async ({ serviceName, owner, description, sharing }, call) => {
      checkText('owner', owner, { min: 1, max: maxLength.user });
      mustSpeakFor(identity.speakerOf(call), owner);
      checkText('description', description, { max: maxLength.description, lines: true });
      checkSharing(sharing);
      const service = await catalogue.createService(serviceName, owner, description, serviceSharing(sharing));
      log.info({ service: serviceName, owner, sharing: service.sharing }, 'service created');
      noteDone(call, Action.ACTION_CREATE_SERVICE, serviceResource(serviceName), owner);
      return { service };
    }),

    updateService: unary(log, async ({ service, updateMask }, call) => {
      if (!service) throw SortieError.field('service', 'is missing');
      checkSharing(service.sharing);
      checkMask(updateMask);
      const viewer = identity.viewerOf(call);
      const { serviceName, owner } = await view.service(viewer, service.serviceName);
      if (!owns(viewer, owner)) throw notYours(`Service ${serviceName}`);
      const changed = await shares.setService(serviceName, serviceSharing(service.sharing));
      log.info({ service: serviceName, sharing: changed.sharing }, 'service shared');
      noteDone(call, Action.ACTION_SHARE, serviceResource(serviceName), owner, sharingToJSON(changed.sharing));
      return { service: changed };
    }),

    checkServiceName: unary(log, async ({ serviceName }) => ({
      available: (await catalogue.serviceOf(serviceKey(serviceName))) === null,
    })),

    listServices: unary(log, async (request, call) =>
      listServices({ catalogue, view, viewer: identity.viewerOf(call) }, request),
    ),

    getService: unary(log, async (request, call) =>
      getService({ catalogue, view, viewer: identity.viewerOf(call) }, request),
    ),

    addLayer: unary(log, async (request, call) => {
      const { serviceName, layerName, description, owner, fileIds, requestId, serviceUrl } = request;
      checkText('layer_name', layerName, { min: 1, max: maxLength.layerName });
      checkText('description', description, { max: maxLength.description, lines: true });
      checkText('owner', owner, { min: 1, max: maxLength.user });
      const speaker = identity.speakerOf(call);
      mustSpeakFor(speaker, owner);
      const administrator = request.administrator && speaker.administrator;
      if (request.priority === Priority.PRIORITY_HIGH && !speaker.administrator)
        throw new SortieError('PERMISSION_DENIED', 'The priority high is for administrators; leave it out, or ask one of them.'); // prettier-ignore
      checkText('service_url', serviceUrl, { max: maxLength.url });
      checkText('request_id', requestId, { max: maxLength.requestId });
      const words = parseResolutions(request.requestedResolutions.slice(0, 100).join(','));
      if (!words || request.requestedResolutions.length > 100) {
        throw SortieError.field('requested_resolutions', `must be words of ${resolutionWords.join(', ')}`);
      }
      if (fileIds.length === 0) throw SortieError.field('file_ids', 'must name at least one upload');
      if (fileIds.length > maxFiles) {
        throw SortieError.field('file_ids', `names ${fileIds.length} files; at most ${maxFiles} are taken`);
      }
      checkSharing(request.sharing);
      const viewer = identity.viewerOf(call);
      const service = await view.service(viewer, serviceName);
      if (service.owner !== owner && !administrator) throw notYours(`Service ${serviceName}`);
      const files = await Promise.all([...new Set(fileIds)].map((fileId) => view.file(viewer, fileId)));
      if (files.some((file) => file.owner !== owner) && !administrator) {
        throw new SortieError('PERMISSION_DENIED', 'One of the files belongs to somebody else.');
      }
      const { videos } = splitInputs(files);
      if (videos.length !== 1) {
        throw SortieError.field('file_ids', `must name exactly one video, but name ${videos.length}`);
      }
      const creating = (layerId: number, requestId: string, validateOnly: boolean): CreateJobRequest => ({
        requestId,
        type: JobType.JOB_TYPE_PUBLISH,
        owner,
        inputs: {
          serviceItemId: service.serviceItemId,
          requestedResolutions: words,
          fileIds: files.map((file) => file.fileId),
          serviceUrl,
          serviceName: service.serviceName,
          layerId,
          layerName,
        },
        priority: request.priority,
        validateOnly,
      });
      const reservation = await catalogue.reserveLayer(
        service.serviceName,
        { layerName, description },
        { owner, requestId, asked: [layerName, description, files.map((file) => file.fileId), words] },
        async () => {
          await admission.checkRoom(owner);
          await callService(jobs.createJob.bind(jobs), creating(0, '', true));
        },
      );
      await shares.setNewLayer(service.serviceName, reservation.layerId, request.sharing);
      // The call may be made again when the Job service goes away under it.
      const id = requestId === '' ? randomUUID() : requestId;
      const { job } = await callService(jobs.createJob.bind(jobs), creating(reservation.layerId, id, false));
      noteDone(call, Action.ACTION_PUBLISH, layerResource(service.serviceName, reservation.layerId), owner);
      return { jobId: job?.jobId ?? '', layerId: reservation.layerId };
    }),

    getLayer: unary(log, async ({ serviceName, layerId }, call) => {
      const layer = await view.layer(identity.viewerOf(call), serviceName, layerId);
      noteDone(call, Action.ACTION_READ, layerResource(serviceName, layerId));
      return { layer };
    }),

    updateLayer: unary(log, async ({ layer, updateMask }, call) => {
      if (!layer) throw SortieError.field('layer', 'is missing');
      checkSharing(layer.sharing);
      checkMask(updateMask);
      const { serviceName, layerId, sharing } = layer;
      const viewer = identity.viewerOf(call);
      const there = await view.layer(viewer, serviceName, layerId);
      if (!owns(viewer, there.owner) && !owns(viewer, there.serviceOwner))
        throw notYours(`Layer ${layerId} of ${serviceName}`);
      await shares.setLayer(serviceName, layerId, sharing);
      log.info({ service: serviceName, layer: layerId, sharing }, 'layer shared');
      noteDone(call, Action.ACTION_SHARE, layerResource(serviceName, layerId), there.owner, sharingToJSON(sharing));
      return { layer: await view.layer(viewer, serviceName, layerId) };
    }),

    readLayerFile: serverStream(log, (request, _, call) =>
      sendFile(request, identity.viewerOf(call), view, storage, () =>
        noteDone(call, Action.ACTION_READ, layerResource(request.serviceName, request.layerId)),
      ),
    ),
  };
}

interface Receiving extends Pick<IngestServerParts, 'catalogue' | 'maxUploadBytes' | 'admission'> {
  /** Whether the caller shows with the call for whom it speaks. */
  speaksAtOnce: boolean;
  speakerBy: (statement: string | undefined) => Speaker;
}

const notYours = (what: string): SortieError =>
  new SortieError('PERMISSION_DENIED', `${what} belongs to somebody else.`);

const sharings: readonly Sharing[] = [Sharing.SHARING_UNSPECIFIED, Sharing.SHARING_PRIVATE, Sharing.SHARING_ORGANIZATION, Sharing.SHARING_PUBLIC]; // prettier-ignore

function checkSharing(sharing: Sharing): void {
  if (!sharings.includes(sharing)) throw SortieError.field('sharing', 'must be private, organization or public');
}

/** Throws INVALID_ARGUMENT unless it names what can be changed, and nothing else. */
function checkMask(mask: readonly string[] | undefined): void {
  if (!mask || mask.length === 0 || mask.some((path) => path !== 'sharing'))
    throw SortieError.field('update_mask', 'must name sharing, which is all that can be changed');
}

/** Takes the header, then streams the bytes into the storage; gRPC's flow control holds the sender back. */
async function receive(
  parts: AsyncIterable<UploadFileRequest>,
  { catalogue, maxUploadBytes, admission, speaksAtOnce, speakerBy }: Receiving,
): Promise<File> {
  const messages = parts[Symbol.asyncIterator]();
  const nextPart = async (): Promise<UploadFileRequest['part']> => {
    const next = await messages.next();
    // Only `finish` makes a file: a sender that stops without it has not sent all.
    if (next.done === true) throw SortieError.field('finish', 'is missing, so nothing was stored');
    return next.value.part;
  };
  const header = await nextPart();
  if (header?.$case !== 'header') throw SortieError.field('header', 'must come first');
  const { fileName } = header.value;
  let { owner, description } = header.value;
  const checkAbout = (field: 'header' | 'finish'): void => {
    checkText(`${field}.owner`, owner, { max: maxLength.user });
    checkText(`${field}.description`, description, { max: maxLength.description, lines: true });
  };
  checkAbout('header');
  checkText('header.file_name', fileName, { min: 1, max: maxLength.fileName });
  if (owner !== '' && speaksAtOnce) mustSpeakFor(speakerBy(undefined), owner);
  const begunFor = owner;
  let incoming = owner === '' ? null : await admission.begin(owner);

  async function* bytes(): AsyncGenerator<Uint8Array> {
    let sizeBytes = 0;
    for (;;) {
      const part = await nextPart();
      if (part?.$case === 'data') {
        sizeBytes += part.value.length;
        incoming?.grow(sizeBytes);
        yield part.value;
      } else if (part?.$case === 'finish') {
        if (part.value.sizeBytes !== sizeBytes) {
          throw SortieError.field('finish.size_bytes', `says ${part.value.sizeBytes}, but ${sizeBytes} bytes came`);
        }
        owner = part.value.owner ?? owner;
        description = part.value.description ?? description;
        if (owner === '') throw SortieError.field('owner', 'is missing in the header and in the finish');
        mustSpeakFor(speakerBy(part.value.userStatement), owner);
        checkAbout('finish');
        if (owner !== begunFor) {
          incoming?.end();
          incoming = await admission.begin(owner);
        }
        incoming?.grow(sizeBytes);
        return;
      } else throw SortieError.field('data', 'must follow the header');
    }
  }
  try {
    return await catalogue.upload(fileName, bytes(), () => ({ owner, description }), maxUploadBytes);
  } finally {
    incoming?.end();
  }
}

async function* sendFile(
  request: ReadLayerFileRequest,
  viewer: Viewer,
  view: View,
  storage: Storage,
  onFound: () => void,
): AsyncGenerator<ReadLayerFileResponse, void, undefined> {
  const { serviceName, layerId, path, offset, length } = request;
  const { key, sizeBytes, sha256, public: everybodys } = await view.layerFile(viewer, serviceName, layerId, path);
  onFound();
  const start = Math.min(offset < 0 ? Math.max(0, sizeBytes + offset) : offset, sizeBytes);
  const wanted = Math.min(Math.max(0, length ?? sizeBytes), sizeBytes - start);
  const info = { sizeBytes, sha256, offset: start, length: wanted, contentType: contentType(path), public: everybodys };
  yield { part: { $case: 'info', value: info } };
  if (wanted === 0) return;
  for await (const chunk of storage.read(key, start, start + wanted - 1) as AsyncIterable<Buffer>) {
    yield { part: { $case: 'data', value: chunk } };
  }
}
