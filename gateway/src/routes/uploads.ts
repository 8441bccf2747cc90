// Uploads: one file a request, streamed on to the Ingest service while it comes in.
import type { Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import type {
  File,
  UploadFileRequest,
  UploadFileResponse,
  UploadHeader,
} from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { chunkBytes } from '@sortie/common/grpc';
import { writeStream } from '@sortie/common/grpc-stream';
import { RestError } from '../arcgis/errors.js';
import { publisherOf, tokenOf } from '../auth.js';
import type { Context } from '../context.js';
import { html } from '../pages/html.js';
import { respond, tokenQuery } from '../respond.js';

const longestField = 4_096;
/** An Ingest API that takes nothing for so long hangs, or its storage does. */
const stallMs = 60_000;

export function uploadRoutes(app: FastifyInstance, context: Context): void {
  const { root } = context;
  const crumbs = [
    { text: 'Home', path: '/rest' },
    { text: 'uploads', path: '/rest/uploads' },
  ];

  app.route({
    method: ['GET', 'POST'],
    url: `${root}/rest/uploads`,
    handler: (request, reply) =>
      respond(context, request, reply, () => {
        publisherOf(request, context.tokens);
        const query = tokenQuery(request);
        return {
          title: 'Uploads',
          crumbs,
          document: { operations: ['upload'], maxFileUploadSize: Math.floor(context.maxUploadBytes / 1024 / 1024) },
          body: () =>
            html` <h1>Uploads</h1>
              <form
                method="post"
                enctype="multipart/form-data"
                action="${root}/rest/uploads/upload${query}"
                class="sign-in"
              >
                <label>Description <input name="description" /></label>
                <label>File <input type="file" name="file" required /></label>
                <button>Upload</button>
              </form>`,
        };
      }),
  });

  app.post(`${root}/rest/uploads/upload`, async (request, reply) => {
    const { file, fields } = await receive(context, request).catch((thrown: unknown) => ({
      file: Promise.reject(brokenForm(thrown)),
      fields: new Map<string, string>(),
    }));
    // Fields of the form count like those of any other request: `f` among them.
    request.body = Object.fromEntries(fields);
    return respond(context, request, reply, async () => {
      const stored = await file;
      return {
        title: 'Upload',
        crumbs: [...crumbs, { text: 'upload', path: '/rest/uploads' }],
        document: {
          date: stored.createTime?.getTime() ?? null,
          fileName: stored.fileName,
          committed: true,
          fileId: stored.fileId,
        },
      };
    });
  });
}

/** What the form's parser says is about the caller's form, unless the error is one of ours. */
function brokenForm(thrown: unknown): Error {
  if (thrown instanceof RestError || thrown instanceof SortieError) return thrown;
  return new RestError(400, 'The form is broken; nothing was stored.', [thrown instanceof Error ? thrown.message : '']);
}

interface Received {
  /** Rejects with what the caller is told; awaited after all of the form has been read. */
  file: Promise<File>;
  fields: Map<string, string>;
}

/**
 * Reads the whole form. The token is needed before the file (in a header, the address, or an earlier field): nothing of
 * a stranger's file is stored.
 */
async function receive(context: Context, request: FastifyRequest): Promise<Received> {
  const fields = new Map<string, string>();
  let file: Promise<File> | null = null;
  if (!request.isMultipart()) {
    throw new RestError(400, "Upload takes a multipart form with the field 'file'.");
  }
  for await (const part of request.parts() as AsyncIterable<Multipart>) {
    if (part.type === 'field') {
      if (typeof part.value === 'string' && part.value.length <= longestField) fields.set(part.fieldname, part.value);
    } else if (file === null && part.fieldname === 'file') {
      file = store(context, request, part, fields);
      // Told at the end, when the whole form is known; until then it must not count as unhandled.
      file.catch(() => undefined);
      await file.catch(() => part.file.resume());
    } else part.file.resume();
  }
  return { file: file ?? Promise.reject(new RestError(400, "The field 'file' is missing.")), fields };
}

async function store(
  context: Context,
  request: FastifyRequest,
  part: MultipartFile,
  fields: ReadonlyMap<string, string>,
): Promise<File> {
  const { username } = publisherOf(request, context.tokens, tokenOf(request) || (fields.get('token') ?? ''));
  return sendFile(context, part, {
    fileName: part.filename,
    description: fields.get('description') ?? '',
    owner: username,
  });
}

/** Hands the bytes on as fast as the Ingest service takes them. */
async function sendFile(context: Context, part: MultipartFile, header: UploadHeader): Promise<File> {
  const { transfers } = context;
  const upload = writeStream<UploadFileRequest, UploadFileResponse>((callback) => transfers.uploadFile(callback), {
    stallMs,
  });
  try {
    let wanted = await upload.write({ part: { $case: 'header', value: header } });
    let sizeBytes = 0;
    for await (const chunk of part.file as AsyncIterable<Buffer>) {
      for (let at = 0; wanted && at < chunk.length; at += chunkBytes) {
        wanted = await upload.write({ part: { $case: 'data', value: chunk.subarray(at, at + chunkBytes) } });
      }
      if (!wanted) break;
      sizeBytes += chunk.length;
    }
    await upload.write({ part: { $case: 'finish', value: { sizeBytes } } });
    upload.finish();
  } catch (cause) {
    upload.cancel();
    throw new RestError(400, 'The upload broke off or its form is broken; nothing was stored.', [
      cause instanceof Error ? cause.message : '',
    ]);
  }
  const { file } = await upload.answer;
  if (!file) throw new SortieError('INTERNAL', 'The upload was answered without a file.');
  return file;
}
