// One answer in the format that was asked for.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorDocument, RestError, toRestError } from './arcgis/errors.js';
import { presentedBy, signedIn } from './auth.js';
import { originOf, type Context } from './context.js';
import { cookieWith } from './cookie.js';
import { lookerOf } from './look.js';
import { errorPage } from './pages/error.js';
import type { Html } from './pages/html.js';
import { contentSecurityPolicy, page, type Crumb } from './pages/page.js';
import { properties } from './pages/properties.js';
import { goOnPage, signInPage } from './pages/sign-in.js';
import { formatOf, parameter, parametersOf, type Format } from './parameters.js';
import { ourAddress, siteOf } from './site.js';

export interface Answer {
  title: string;
  crumbs: readonly Crumb[];
  /** The JSON. */
  document: unknown;
  /** The page; the document's properties when there is none of its own. */
  body?: () => Html;
  scripts?: readonly string[];
}

const unknownFormat = new RestError(400, 'Output format not supported.');

/** "?token=…" when the token came in the address, so that links keep it. */
export function tokenQuery(request: FastifyRequest): string {
  const token = parameter(parametersOf(request), 'token');
  return token === '' ? '' : `?token=${encodeURIComponent(token)}`;
}

const jsonAddress = (request: FastifyRequest): string => {
  const [path = '', query = ''] = request.url.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set('f', 'pjson');
  return `${path}?${parameters.toString()}`;
};

/** What is told to one caller is kept nowhere (RFC 9111 section 5.2.2.5). */
const notStored = (reply: FastifyReply): FastifyReply => reply.header('cache-control', 'no-store');

/** Where whoever looks at this page can sign in, to come back to it. */
function signInAddress(context: Context, request: FastifyRequest): string {
  const next = ourAddress(request.url, originOf(context, request), context.root) ?? '';
  return `${context.root}/rest/signIn?next=${encodeURIComponent(next)}`;
}

function sendPage(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Required<Answer>,
  json: boolean,
): void {
  void notStored(reply)
    .header('content-type', 'text/html; charset=utf-8')
    .header('content-security-policy', contentSecurityPolicy)
    .send(
      page({
        title: answer.title,
        root: context.root,
        crumbs: answer.crumbs,
        json: json ? jsonAddress(request) : null,
        query: tokenQuery(request),
        user: signedIn(request, context)?.username ?? null,
        signIn: signInAddress(context, request),
        body: answer.body(),
        scripts: answer.scripts,
      }),
    );
}

/** A page that is no resource. */
export function sendPlainPage(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  title: string,
  body: () => Html,
): void {
  sendPage(context, request, reply, { title, crumbs: [], document: null, body, scripts: [] }, false);
}

function sendJson(reply: FastifyReply, format: Format, document: unknown): void {
  void notStored(reply)
    .header('content-type', 'application/json; charset=utf-8')
    .send(format === 'pjson' ? JSON.stringify(document, null, 2) : JSON.stringify(document));
}

/**
 * A token in the address of a page becomes the cookie and leaves the address, which ends in histories, in the logs of proxies and
 * in what people send each other. True when that is the answer. One that is bound to a referer stays: the browser would not show
 * that referer again.
 */
function takeTokenOut(context: Context, request: FastifyRequest, reply: FastifyReply): boolean {
  const token = parameter(parametersOf(request), 'token');
  if (request.method !== 'GET' || token === '') return false;
  const bearer = context.sessions.check(token, presentedBy(request), Date.now());
  const origin = originOf(context, request);
  const next = ourAddress(request.url, origin, context.root);
  if (!bearer || bearer.binding.kind === 'referer' || next === null) return false;
  if (siteOf(request.headers, origin) === 'other') {
    const body = (): Html => goOnPage(context.root, next, { username: bearer.username, token });
    sendPlainPage(context, request, reply, 'Sign in', body);
  } else {
    void notStored(reply)
      .header('set-cookie', cookieWith(context, token, bearer.expires, Date.now()))
      .redirect(next, 303);
  }
  return true;
}

/** Answers a request. The format is looked at before the work is done. */
export async function respond(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<Answer> | Answer,
): Promise<FastifyReply> {
  try {
    const format = formatOf(parametersOf(request));
    if (format === null) throw unknownFormat;
    if (format !== 'html' || !takeTokenOut(context, request, reply)) {
      const answer = await work();
      if (format !== 'html') sendJson(reply, format, answer.document);
      else {
        const body = answer.body ?? (() => properties(answer.document));
        sendPage(context, request, reply, { scripts: [], ...answer, body }, true);
      }
    }
  } catch (thrown) {
    sendError(context, request, reply, thrown);
  }
  return reply;
}

/** What is not the caller's fault belongs into the log; an address without its query, which may hold a token. */
export function logFailure({ log }: Context, request: FastifyRequest, thrown: unknown): void {
  const err = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  log.error({ path: request.url.split('?')[0], err }, 'request failed');
}

/** What the audit log is told of: a token that does not hold, and what a user may not do. */
const refusals: readonly number[] = [498, 403];

/** Who asks; empty for somebody whose token does not hold. */
function nameOf(context: Context, request: FastifyRequest): string {
  try {
    return lookerOf(request, context)?.username ?? '';
  } catch {
    return '';
  }
}

/**
 * Errors have HTTP status 200, as ArcGIS's do; clients look into the document. An unknown format is told on a page, as
 * there.
 */
export function sendError(context: Context, request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
  const error = toRestError(thrown);
  reply.errorCode = error.code;
  if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', error.retryAfterSeconds);
  if (error.code >= 500) logFailure(context, request, thrown);
  if (refusals.includes(error.code))
    context.trail.refused(request, nameOf(context, request), error.code, error.message);
  const format = formatOf(parametersOf(request)) ?? 'html';
  if (format !== 'html') {
    sendJson(reply, format, errorDocument(error));
    return;
  }
  const signIn = (error.code === 499 || error.code === 498) && request.method === 'GET';
  const body = signIn
    ? (): Html =>
        signInPage(
          context.root,
          ourAddress(request.url, originOf(context, request), context.root) ?? '',
          error.code === 499 ? 'This page needs a token.' : error.message,
          context.provider?.name ?? null,
        )
    : (): Html => errorPage(error);
  sendPlainPage(context, request, reply, 'Error', body);
}
