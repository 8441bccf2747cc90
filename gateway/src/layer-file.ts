// A file of a layer as a stream: what it is first, then its bytes, no faster than they are read.
import { Readable } from 'node:stream';
import type { Metadata } from '@grpc/grpc-js';
import { SortieError } from '@sortie/common/errors';
import type {
  IngestServiceClient,
  LayerFileInfo,
  ReadLayerFileRequest,
  ReadLayerFileResponse,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { readStream } from '@sortie/common/grpc-stream';

/** A storage that takes longer for a piece of a file hangs. */
const stallMs = 30_000;

export interface LayerFile {
  info: LayerFileInfo;
  data: Readable;
}

/** `transfers` is a client without pings, see transferOptions; `speaking`: for whom. */
export async function readLayerFile(
  transfers: IngestServiceClient,
  request: ReadLayerFileRequest,
  speaking: Metadata,
): Promise<LayerFile> {
  const messages = readStream(() => transfers.readLayerFile(request, speaking), { stallMs });
  const first = await messages.next();
  if (first.done === true || first.value.part?.$case !== 'info') {
    await messages.return();
    throw new SortieError('INTERNAL', 'A file came without its description.');
  }
  return { info: first.value.part.value, data: Readable.from(bytesOf(messages), { objectMode: false }) };
}

async function* bytesOf(messages: AsyncIterable<ReadLayerFileResponse>): AsyncGenerator<Buffer, void, undefined> {
  for await (const { part } of messages) {
    if (part?.$case === 'data') yield Buffer.from(part.value.buffer, part.value.byteOffset, part.value.length);
  }
}
