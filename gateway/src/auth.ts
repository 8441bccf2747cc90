// Who asks: a token by query, form, header, or (for reading pages only) cookie.
import type { Metadata } from '@grpc/grpc-js';
import type { FastifyRequest } from 'fastify';
import type { User } from '@sortie/common/users';
import { invalidToken, RestError, tokenRequired } from './arcgis/errors.js';
import type { Bearer, Tokens } from './arcgis/tokens.js';
import type { Context } from './context.js';
import { parameter, parametersOf } from './parameters.js';

export const cookieName = 'sortie_token';

const bearer = (header: unknown): string =>
  /^Bearer\s+(\S+)$/i.exec(typeof header === 'string' ? header : '')?.[1] ?? '';

function cookie(request: FastifyRequest): string {
  // A page of another site must not be able to act with it.
  if (request.method !== 'GET' && request.method !== 'HEAD') return '';
  const entries = (request.headers.cookie ?? '').split(/;\s*/);
  return entries.find((entry) => entry.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1) ?? '';
}

/** The token as it came; empty when there is none. Header before parameter, as ArcGIS prefers it. */
export function tokenOf(request: FastifyRequest): string {
  const { headers } = request;
  return (
    bearer(headers['x-esri-authorization']) ||
    bearer(headers.authorization) ||
    parameter(parametersOf(request), 'token') ||
    cookie(request)
  );
}

/** Throws 499 without a token, 498 with one that does not hold. */
export function userOf(request: FastifyRequest, tokens: Tokens, token = tokenOf(request)): Bearer {
  if (token === '') throw tokenRequired();
  const presented = { referer: request.headers.referer ?? '', ip: request.ip };
  const user = tokens.check(token, presented, Date.now());
  if (!user) throw invalidToken();
  return user;
}

/** What a call for the user carries. */
export const speaking = ({ identity }: Context, { username, role }: User): Metadata =>
  identity.speakFor({ username, administrator: role === 'administrator' });

/** Throws 403 for those who may only look. */
export function publisherOf(request: FastifyRequest, tokens: Tokens, token = tokenOf(request)): Bearer {
  const user = userOf(request, tokens, token);
  if (user.role === 'viewer') throw new RestError(403, 'Publishing needs the role publisher or administrator.');
  return user;
}
