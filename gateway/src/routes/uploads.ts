// Uploads: one file a request, streamed on to the Ingest service while it comes in.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Action } from '@sortie/common/gen/sortie/audit/v1/audit';
import { publisherOf } from '../auth.js';
import type { Context } from '../context.js';
import { html } from '../pages/html.js';
import { parameter, parametersOf } from '../parameters.js';
import { respond, tokenQuery } from '../respond.js';
import { Uploads } from '../uploads.js';

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
        publisherOf(request, context);
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

  const uploads = new Uploads(context);
  app.post(`${root}/rest/uploads/upload`, { config: { form: 'stream' } }, async (request, reply) => {
    const fields = new Map<string, string>();
    const received = await uploads.receive(request, fields).then(
      (file) => ({ file }),
      (thrown: unknown) => ({ thrown }),
    );
    if ('thrown' in received && !fields.has('f')) preferJson(request, fields);
    // Fields of the form count like those of any other request: `f` among them.
    request.body = fields;
    return respond(context, request, reply, () => {
      if ('thrown' in received) throw received.thrown;
      const { file } = received;
      context.trail.done(request, file.owner, Action.ACTION_UPLOAD, file.fileId);
      return {
        title: 'Upload',
        crumbs: [...crumbs, { text: 'upload', path: '/rest/uploads' }],
        document: {
          date: file.createTime?.getTime() ?? null,
          fileName: file.fileName,
          committed: true,
          fileId: file.fileId,
        },
      };
    });
  });
}

/**
 * A form that was refused before its end may have had its `f` there, as Esri's clients do. Pages ask for HTML by themselves.
 */
function preferJson(request: FastifyRequest, fields: Map<string, string>): void {
  if (parameter(parametersOf(request), 'f') === '' && !(request.headers.accept ?? '').includes('text/html')) {
    fields.set('f', 'json');
  }
}
