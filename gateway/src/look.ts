// Reading for whoever looks: a user by their token, or a visitor, who sees what is public and is asked for a token for all else,
// whether it is there or not.
import { Metadata } from '@grpc/grpc-js';
import type { FastifyRequest } from 'fastify';
import { SortieError } from '@sortie/common/errors';
import { Sharing, type Layer, type Service } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { tokenRequired } from './arcgis/errors.js';
import { signedIn, speaking, tokenInHeader, userOf } from './auth.js';
import type { Context } from './context.js';
import { parameter, parametersOf } from './parameters.js';
import { networkOf } from './sign-in/limits.js';
import type { Bearer } from './sessions/sessions.js';

/** Each request is asked several times who makes it. */
const lookers = new WeakMap<FastifyRequest, Bearer | null>();

/**
 * Null for a visitor. A cookie that does not hold any more counts as none; throws 498 for any other token that does not, 429 for
 * who asks too often.
 */
export function lookerOf(request: FastifyRequest, context: Context): Bearer | null {
  const known = lookers.get(request);
  if (known !== undefined) return known;
  const token = tokenInHeader(request) || parameter(parametersOf(request), 'token');
  const user = token === '' ? signedIn(request, context) : userOf(request, context, token);
  context.rates.take(user?.username ?? `a visitor at ${networkOf(request.ip)}`, request);
  lookers.set(request, user);
  return user;
}

/**
 * `ask` is given for whom it asks. Throws 499 for what a visitor may not see. What they are shown must say of itself that it is
 * public: an Ingest API of the version before does not look who asks.
 */
export async function lookAt<T>(
  request: FastifyRequest,
  context: Context,
  ask: (speaking: Metadata) => Promise<T>,
  isPublic: (found: T) => boolean,
): Promise<T> {
  const user = lookerOf(request, context);
  if (user) return ask(speaking(context, user));
  try {
    const found = await ask(new Metadata());
    if (isPublic(found)) return found;
  } catch (thrown) {
    if (SortieError.from(thrown).code !== 'NOT_FOUND') throw thrown;
  }
  throw tokenRequired();
}

export const isPublicLayer = ({ effectiveSharing }: Layer): boolean => effectiveSharing === Sharing.SHARING_PUBLIC;
export const isPublicService = ({ sharing, layers }: Service): boolean =>
  sharing === Sharing.SHARING_PUBLIC && layers.every(isPublicLayer);

/** Whether the one who looks may change what belongs to one of these owners. */
export function mayChange(request: FastifyRequest, context: Context, owners: readonly string[]): boolean {
  const user = lookerOf(request, context);
  if (!user || user.role === 'viewer') return false;
  return user.role === 'administrator' || owners.includes(user.username);
}
