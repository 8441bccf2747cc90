// A file of a layer as a stream: what it is first, then its bytes, no faster than they are read.
import { Readable } from 'node:stream';
import { SortieError } from '@sortie/common/errors';
import type {
  IngestServiceClient,
  LayerFileInfo,
  ReadLayerFileRequest,
  ReadLayerFileResponse,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';

export interface LayerFile {
  info: LayerFileInfo;
  data: Readable;
}

export async function readLayerFile(ingest: IngestServiceClient, request: ReadLayerFileRequest): Promise<LayerFile> {
  const call = ingest.readLayerFile(request);
  const messages = (call as AsyncIterable<ReadLayerFileResponse>)[Symbol.asyncIterator]();
  const next = async (): Promise<ReadLayerFileResponse['part'] | null> => {
    try {
      const message = await messages.next();
      return message.done === true ? null : message.value.part;
    } catch (error) {
      throw SortieError.from(error);
    }
  };
  const first = await next();
  if (first?.$case !== 'info') throw new SortieError('INTERNAL', 'A file came without its description.');

  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      for (let part = await next(); part; part = await next()) {
        if (part.$case === 'data') yield Buffer.from(part.value.buffer, part.value.byteOffset, part.value.length);
      }
    } finally {
      call.cancel();
    }
  }
  return { info: first.value, data: Readable.from(bytes(), { objectMode: false }) };
}
