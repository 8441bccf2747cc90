// An upload from its form to the Ingest service. The file goes on while it comes in, and becomes a file only when the whole
// form was read, is right, and its token is one of somebody who may publish.
//
// The token is checked as soon as it is there: in a header or the address before anything is read, in a field when the field
// comes. Esri's clients put it last, behind the file (request() of arcgis-rest-js appends it to the parameters). Such a file is
// taken unfinished: a few at once, up to a size, and for a time, so that a stranger cannot fill the storage; nothing of it
// stays unless the token turns out to be good.
import type { FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import type { File, UploadFileRequest, UploadFileResponse } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { chunkBytes } from '@sortie/common/grpc';
import { writeStream, type WriteStream } from '@sortie/common/grpc-stream';
import { invalidToken, RestError, tokenRequired } from './arcgis/errors.js';
import { publisherOf, tokenOf } from './auth.js';
import type { Context } from './context.js';
import { isMultipart, readForm, type FormFile } from './form.js';

const longestField = 8_192;
/** An Ingest API that takes nothing for so long hangs, or its storage does. */
const stallMs = 60_000;
/** Ten gigabytes have to reach a disk before the answer to the last byte. */
const answerMs = 600_000;
/** Uploads at once whose token is still to come, and the time that each may take. */
const mostUnsigned = 4;
const unsignedMs = 30 * 60_000;
/** Time for what stands before the file, while nobody knows who sends it. */
const beforeFileMs = 30_000;

type Sending = WriteStream<UploadFileRequest, UploadFileResponse>;

export class Uploads {
  private unsigned = 0;

  constructor(private readonly context: Context) {}

  /** Fills `fields` as they come. Throws as soon as it is clear that the upload will not do; nothing is stored then. */
  async receive(request: FastifyRequest, fields: Map<string, string>): Promise<File> {
    const { context } = this;
    const token = tokenOf(request, context);
    let owner = token === '' ? null : publisherOf(request, context, token);
    if (!isMultipart(request.headers['content-type'])) {
      throw new RestError(400, "Upload takes a multipart form with the field 'file'.");
    }
    let sending: Sending | null = null;
    let sizeBytes = 0;
    const late = new AbortController();
    let timer = owner === null ? setTimeout(() => late.abort(tooLate()), beforeFileMs) : undefined;
    let counted = false;
    const signed = (): void => {
      clearTimeout(timer);
      if (counted) this.unsigned--;
      counted = false;
    };
    try {
      await readForm(
        request.raw,
        { bytes: Infinity, fieldBytes: longestField },
        {
          signal: late.signal,
          onField: (name, value) => {
            fields.set(name, value);
            if (name !== 'token' || owner !== null) return;
            owner = publisherOf(request, context, value);
            signed();
          },
          onFile: async (file) => {
            if (owner === null) {
              this.mayBeUnsigned();
              this.unsigned++;
              counted = true;
              clearTimeout(timer);
              timer = setTimeout(() => late.abort(tooLate()), unsignedMs);
            }
            const { transfers } = context;
            sending = writeStream((callback) => transfers.uploadFile(callback), { stallMs, answerMs });
            sizeBytes = await this.send(sending, file, () => owner?.username ?? null);
          },
        },
      );
      if (owner === null) throw tokenRequired();
      if (!sending) throw new RestError(400, "The field 'file' is missing.");
      // An upload may take hours.
      if (!context.sessions.holds(owner, Date.now())) throw invalidToken();
      const { username } = owner;
      const userStatement = context.identity.statementFor({ username, administrator: false });
      const description = fields.get('description') ?? '';
      return await finish(sending, { sizeBytes, owner: username, description, userStatement });
    } catch (error) {
      (sending as Sending | null)?.cancel();
      throw error;
    } finally {
      signed();
    }
  }

  /** Throws 499 when no more files without a token are taken: a token before the file goes through. */
  private mayBeUnsigned(): void {
    if (this.context.maxUnsignedUploadBytes === 0) throw tokenRequired();
    if (this.unsigned >= mostUnsigned) {
      throw new RestError(499, 'Token Required', ['Too many uploads wait for their token; send it before the file.']);
    }
  }

  /** Hands the bytes on as fast as the Ingest service takes them; gives their number. */
  private async send(sending: Sending, { fileName, data }: FormFile, ownerOf: () => string | null): Promise<number> {
    const { maxUnsignedUploadBytes } = this.context;
    const header = { fileName, description: '', owner: ownerOf() ?? '' };
    let wanted = await sending.write({ part: { $case: 'header', value: header } });
    let sizeBytes = 0;
    for await (const chunk of data as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (ownerOf() === null && sizeBytes > maxUnsignedUploadBytes) {
        throw new RestError(
          413,
          `A file of more than ${maxUnsignedUploadBytes} bytes needs its token before the file.`,
        );
      }
      for (let at = 0; wanted && at < chunk.length; at += chunkBytes) {
        wanted = await sending.write({ part: { $case: 'data', value: chunk.subarray(at, at + chunkBytes) } });
      }
      // It has said why.
      if (!wanted) await sending.answer;
    }
    return sizeBytes;
  }
}

const tooLate = (): RestError =>
  new RestError(408, 'The token came too late; nothing was stored. Send it before the file.');

async function finish(
  sending: Sending,
  value: { sizeBytes: number; owner: string; description: string; userStatement: string },
): Promise<File> {
  await sending.write({ part: { $case: 'finish', value } });
  sending.finish();
  const { file } = await sending.answer;
  if (!file) throw new SortieError('INTERNAL', 'The upload was answered without a file.');
  return file;
}
