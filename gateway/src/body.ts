// Bodies of requests: forms only, small ones, read once before their operation begins. Uploads read theirs by themselves.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RestError } from './arcgis/errors.js';
import { publisherOf } from './auth.js';
import type { Context } from './context.js';
import { readForm, type FormLimits } from './form.js';
import { parametersOf } from './parameters.js';
import { checkText } from './text.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `large`: may be long for those who may publish; `stream`: the operation reads its form by itself. */
    form?: 'large' | 'stream';
  }
}

const smallBytes = 64 * 1024;
const largeBytes = 1024 * 1024;
const totalMs = 30_000;

/** Whether the token outside of the form is one of somebody who may publish. */
function mayPublish(request: FastifyRequest, context: Context): boolean {
  try {
    publisherOf(request, context);
    return true;
  } catch {
    return false;
  }
}

export function readBodies(app: FastifyInstance, context: Context): void {
  app.removeAllContentTypeParsers();
  const forms = ['application/x-www-form-urlencoded', 'multipart/form-data'];
  app.addContentTypeParser(forms, async (request: FastifyRequest) => {
    const { form } = request.routeOptions.config;
    if (form === 'stream') return undefined;
    const bytes = form === 'large' && mayPublish(request, context) ? largeBytes : smallBytes;
    const limits: FormLimits = { bytes, fieldBytes: bytes, totalMs };
    return readForm(request.raw, limits);
  });
  app.addContentTypeParser('*', (request, _, done) => {
    const { form } = request.routeOptions.config;
    done(form === 'stream' ? null : new RestError(415, 'Parameters come in the address or as a form.'), undefined);
  });
  app.addHook('preHandler', (request, _, done) => {
    for (const [name, value] of parametersOf(request)) checkText(name, value);
    done();
  });
}
