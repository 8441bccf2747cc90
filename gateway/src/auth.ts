// Who asks: a token by header, query or form, or by the cookie of our own pages.
import type { Metadata } from '@grpc/grpc-js';
import type { FastifyRequest } from 'fastify';
import type { User } from '@sortie/common/users';
import { invalidToken, RestError, tokenRequired } from './arcgis/errors.js';
import type { Presented } from './arcgis/tokens.js';
import { originOf, type Context } from './context.js';
import { tokenInCookie } from './cookie.js';
import { parameter, parametersOf } from './parameters.js';
import type { Bearer } from './sessions/sessions.js';
import { siteOf } from './site.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whom an access token of the provider, in a header, stands for. */
    provided: Bearer | null;
  }
}

const bearer = (header: unknown): string =>
  /^Bearer\s+(\S+)$/i.exec(typeof header === 'string' ? header : '')?.[1] ?? '';

/** The token that comes with a header, if any. */
export const tokenInHeader = ({ headers }: Pick<FastifyRequest, 'headers'>): string =>
  bearer(headers['x-esri-authorization']) || bearer(headers.authorization);

/** A browser sends its cookie by itself, so it reads everywhere, and acts only on behalf of a page of ours. */
function cookie(request: FastifyRequest, context: Context): string {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (!reads && siteOf(request.headers, originOf(context, request)) !== 'ours') return '';
  return tokenInCookie(context, request.headers.cookie);
}

/** The token as it came; empty when there is none. Header before parameter, as ArcGIS prefers it. */
export const tokenOf = (request: FastifyRequest, context: Context): string =>
  tokenInHeader(request) || parameter(parametersOf(request), 'token') || cookie(request, context);

export const presentedBy = ({ headers, ip }: FastifyRequest): Presented => ({ referer: headers.referer ?? '', ip });

const check = (request: FastifyRequest, context: Context, token: string): Bearer | null =>
  context.sessions.check(token, presentedBy(request), Date.now());

/** Whom a provider's token in a header stands for, as long as that holds here. */
function providedTo(request: FastifyRequest, context: Context, token: string): Bearer | null {
  const { provided } = request;
  const same = provided !== null && token === tokenInHeader(request);
  return same && context.sessions.holds(provided, Date.now()) ? provided : null;
}

/** Whose browser it is; null when its cookie stands for nobody. */
export const signedIn = (request: FastifyRequest, context: Context): Bearer | null =>
  check(request, context, cookie(request, context));

/** Throws 499 without a token, 498 with one that does not hold, 429 when the user asks too often. */
export function userOf(request: FastifyRequest, context: Context, token = tokenOf(request, context)): Bearer {
  if (token === '') throw tokenRequired();
  // An old token in an address, as a bookmark has it, does not shut out who is signed in.
  const user = providedTo(request, context, token) ?? check(request, context, token) ?? signedIn(request, context);
  if (!user) throw invalidToken();
  context.rates.take(user.username, request);
  return user;
}

/** What a call for the user carries. */
export const speaking = ({ identity }: Context, { username, role }: User): Metadata =>
  identity.speakFor({ username, administrator: role === 'administrator' });

/** Throws 403 for those who may only look. */
export function publisherOf(request: FastifyRequest, context: Context, token = tokenOf(request, context)): Bearer {
  const user = userOf(request, context, token);
  if (user.role === 'viewer') throw new RestError(403, 'Publishing needs the role publisher or administrator.');
  return user;
}
