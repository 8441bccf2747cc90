// IngestService over gRPC: checks requests, keeps the catalogue, asks the Job service for the work.
import { randomUUID } from 'node:crypto';
import { SortieError } from '@sortie/common/errors';
import type {
  File,
  IngestServiceServer,
  ReadLayerFileRequest,
  ReadLayerFileResponse,
  UploadFileRequest,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobType, Priority, type CreateJobRequest, type JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { call as callService, unary } from '@sortie/common/grpc';
import { clientStream, serverStream } from '@sortie/common/grpc-stream';
import { parseResolutions, resolutionWords } from '@sortie/common/ladder';
import type { Identity } from '@sortie/common/identity/identity';
import { mustSpeakFor, type Speaker } from '@sortie/common/identity/speaker';
import type { Logger } from '@sortie/common/log';
import type { Storage } from '@sortie/common/storage';
import { checkText, maxFiles, maxLength } from '@sortie/common/text';
import type { Counter } from 'prom-client';
import type { Catalogue } from './catalogue.js';
import { contentType } from './media/content-type.js';
import type { Admission } from './limits.js';
import { getService, listServices } from './listing.js';
import { splitInputs } from './media/upload.js';

export interface IngestServerParts {
  catalogue: Catalogue;
  storage: Storage;
  jobs: JobServiceClient;
  maxUploadBytes: number;
  admission: Admission;
  /** Counts the bytes of uploads. */
  stored: Counter<'kind'>;
  identity: Pick<Identity, 'speakerOf' | 'callerOf'>;
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
  log,
}: IngestServerParts): IngestServiceServer {
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
      return { file };
    }),

    getFile: unary(log, async ({ fileId }) => ({ file: await catalogue.file(fileId) })),

    createService: unary(log, async ({ serviceName, owner, description }, call) => {
      checkText('owner', owner, { min: 1, max: maxLength.user });
      mustSpeakFor(identity.speakerOf(call), owner);
      checkText('description', description, { max: maxLength.description, lines: true });
      const service = await catalogue.createService(serviceName, owner, description);
      log.info({ service: serviceName, owner }, 'service created');
      return { service };
    }),

    listServices: unary(log, (request) => listServices(catalogue, request)),

    getService: unary(log, (request) => getService(catalogue, request)),

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
      const service = await catalogue.service(serviceName);
      if (service.owner !== owner && !administrator) {
        throw new SortieError('PERMISSION_DENIED', `Service ${serviceName} belongs to somebody else.`);
      }
      const files = await Promise.all([...new Set(fileIds)].map((fileId) => catalogue.file(fileId)));
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
      // The call may be made again when the Job service goes away under it.
      const id = requestId === '' ? randomUUID() : requestId;
      const { job } = await callService(jobs.createJob.bind(jobs), creating(reservation.layerId, id, false));
      return { jobId: job?.jobId ?? '', layerId: reservation.layerId };
    }),

    getLayer: unary(log, async ({ serviceName, layerId }) => ({ layer: await catalogue.layer(serviceName, layerId) })),

    readLayerFile: serverStream(log, (request) => sendFile(request, catalogue, storage)),
  };
}

interface Receiving extends Pick<IngestServerParts, 'catalogue' | 'maxUploadBytes' | 'admission'> {
  /** Whether the caller shows with the call for whom it speaks. */
  speaksAtOnce: boolean;
  speakerBy: (statement: string | undefined) => Speaker;
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
  catalogue: Catalogue,
  storage: Storage,
): AsyncGenerator<ReadLayerFileResponse, void, undefined> {
  const { serviceName, layerId, path, offset, length } = request;
  const { key, sizeBytes, sha256 } = await catalogue.layerFile(serviceName, layerId, path);
  const start = Math.min(offset < 0 ? Math.max(0, sizeBytes + offset) : offset, sizeBytes);
  const wanted = Math.min(Math.max(0, length ?? sizeBytes), sizeBytes - start);
  const info = { sizeBytes, sha256, offset: start, length: wanted, contentType: contentType(path) };
  yield { part: { $case: 'info', value: info } };
  if (wanted === 0) return;
  for await (const chunk of storage.read(key, start, start + wanted - 1) as AsyncIterable<Buffer>) {
    yield { part: { $case: 'data', value: chunk } };
  }
}
