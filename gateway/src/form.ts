// Forms of both kinds, application/x-www-form-urlencoded and multipart/form-data (RFC 7578), read once while they come in.
// Nothing in a form is dropped silently: what is too long, too much or twice is refused by its name.
import type { IncomingMessage } from 'node:http';
import { Transform, type Readable } from 'node:stream';
// The parser under @fastify/multipart, by itself: that plugin reads files only, and cuts long fields without a word.
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { RestError } from './arcgis/errors.js';
import { checkText } from './text.js';

export interface FormLimits {
  /** Of the whole body. */
  bytes: number;
  /** Of one field. */
  fieldBytes: number;
  /** Time for the whole body, milliseconds; undefined when it may take as long as it goes on. */
  totalMs?: number | undefined;
}

export interface FormFile {
  fileName: string;
  data: Readable;
}

export interface FormReader {
  /** Hears of each field as it comes; what it throws ends the reading. */
  onField?: (name: string, value: string) => void;
  /** Takes the file, the one that is called `file`; without it a form has none. */
  onFile?: (file: FormFile, signal: AbortSignal) => Promise<void>;
  /** Ends the reading with its reason. */
  signal?: AbortSignal;
}

const mostFields = 100;
const longestName = 100;
/** A sender that sends nothing for so long has gone, or holds us up on purpose. */
const idleMs = 30_000;

export const isForm = (contentType: string | undefined): boolean =>
  /^(multipart\/form-data|application\/x-www-form-urlencoded)\s*(;|$)/i.test(contentType ?? '');

export const isMultipart = (contentType: string | undefined): boolean =>
  /^multipart\/form-data\s*(;|$)/i.test(contentType ?? '');

const tooLarge = (bytes: number): RestError => new RestError(413, `The form is larger than ${bytes} bytes.`);
const tooMany = (): RestError => new RestError(400, `The form has more than ${mostFields} parameters.`);
const tooSlow = (): RestError => new RestError(408, 'The form came too slowly; nothing was stored.');
const broken = (cause: unknown): RestError =>
  new RestError(400, 'The form is broken; nothing was stored.', [cause instanceof Error ? cause.message : '']);

/**
 * Reads the whole form; gives its fields. Throws a RestError, or what the reader throws, as soon as it is clear that the
 * form is of no use; the rest is then not read. A repeated field counts by its first value.
 */
export async function readForm(
  request: IncomingMessage,
  limits: FormLimits,
  { onField, onFile, signal }: FormReader = {},
): Promise<Map<string, string>> {
  if (Number(request.headers['content-length'] ?? 0) > limits.bytes) throw tooLarge(limits.bytes);
  const fields = new Map<string, string>();
  const failing = new AbortController();
  const fail = (error: unknown): void => failing.abort(error);
  const failed = new Promise<never>((_, reject) => {
    failing.signal.addEventListener('abort', () => reject(failing.signal.reason as Error));
  });
  failed.catch(() => undefined);
  const onAbort = (): void => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort);

  const parser = newParser(request, limits.fieldBytes);
  let count = 0;
  let file: Readable | null = null;
  let taken: Promise<void> = Promise.resolve();
  const attempt = (work: () => void): void => {
    try {
      if (!failing.signal.aborted) work();
    } catch (error) {
      fail(error);
    }
  };
  parser.on('field', (name, value, nameCut, valueCut) =>
    attempt(() => {
      if (++count > mostFields) throw tooMany();
      if (nameCut) throw new RestError(400, `The name of a parameter is longer than ${longestName} bytes.`);
      if (valueCut) throw new RestError(400, `The parameter '${name}' is longer than ${limits.fieldBytes} bytes.`);
      checkText(name, value);
      if (fields.has(name)) return;
      fields.set(name, value);
      onField?.(name, value);
    }),
  );
  parser.on('file', (name, data, fileName) => {
    // Whoever reads it hears of the error; before somebody does, it must not be one that nobody caught.
    data.once('error', () => undefined);
    attempt(() => {
      if (!onFile) throw new RestError(400, `The parameter '${name}' is a file; this operation takes none.`);
      if (name !== 'file') throw new RestError(400, `The file must be in the field 'file', not in '${name}'.`);
      if (file) throw new RestError(400, 'The form holds a second file; an upload takes one.');
      checkText('file', fileName);
      file = data;
      taken = onFile({ fileName, data }, failing.signal);
      taken.catch(fail);
    });
  });
  parser.on('fieldsLimit', () => fail(tooMany()));
  parser.on('partsLimit', () => fail(tooMany()));
  parser.on('error', (error) => fail(broken(error)));
  const parsed = new Promise<void>((resolve) => parser.once('finish', resolve));

  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _, done) {
      idle.refresh();
      bytes += chunk.length;
      if (bytes > limits.bytes) fail(tooLarge(limits.bytes));
      done(null, chunk);
    },
  });
  const idle = setTimeout(() => {
    // A sender whom we hold back, or who has sent all, is not slow.
    if (request.isPaused() || request.complete) idle.refresh();
    else fail(tooSlow());
  }, idleMs);
  const total = limits.totalMs === undefined ? undefined : setTimeout(() => fail(tooSlow()), limits.totalMs);
  const onClose = (): void => {
    if (!request.complete) fail(broken(new Error('the connection was closed')));
  };
  request.once('close', onClose);
  // Streams that are piped flow, so that what is left can be let go when the reading ends early.
  request.pipe(meter).pipe(parser);
  try {
    if (signal?.aborted === true) onAbort();
    await Promise.race([parsed, failed]);
    await Promise.race([taken, failed]);
    return fields;
  } catch (error) {
    (file as Readable | null)?.destroy(error as Error);
    throw error;
  } finally {
    clearTimeout(idle);
    clearTimeout(total);
    request.off('close', onClose);
    signal?.removeEventListener('abort', onAbort);
    request.unpipe(meter);
    meter.unpipe(parser);
    parser.destroy();
  }
}

function newParser(request: IncomingMessage, fieldSize: number): BusboyInstance {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        fields: mostFields + 1,
        fieldNameSize: longestName,
        fieldSize,
        parts: mostFields + 3,
        headerPairs: 100,
      },
    });
  } catch (error) {
    // A boundary is missing, and the like.
    throw broken(error);
  }
}
