// Signing in to the pages with a provider of OpenID Connect, and access tokens of its making.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Result } from '@sortie/common/gen/sortie/audit/v1/audit';
import { invalidToken, RestError } from '../arcgis/errors.js';
import { defaultMinutes } from '../arcgis/tokens.js';
import { tokenInHeader } from '../auth.js';
import { baseUrl, originOf, type Context } from '../context.js';
import { clearPending, cookieWith, pendingCookie, pendingIn } from '../cookie.js';
import type { Provider } from '../oidc/provider.js';
import { signedInPage } from '../pages/sign-in.js';
import { parameter, parametersOf } from '../parameters.js';
import { sendError, sendPlainPage } from '../respond.js';
import { ourAddress } from '../site.js';

/** Three parts, as a signed JWT has (RFC 7515 section 3.1); ours have two. */
const isJwt = (token: string): boolean => token.split('.').length === 3;

/** Access tokens come in headers, where no log has them (RFC 6750 section 5.3). */
async function lookAtHeader(request: FastifyRequest, context: Context, provider: Provider): Promise<void> {
  const token = tokenInHeader(request);
  if (!isJwt(token)) return;
  const bearer = await provider.check(token);
  if (!bearer) throw invalidToken();
  request.provided = {
    ...bearer,
    expires: Math.min(bearer.expires, bearer.issued + context.sessions.maxMinutes * 60_000),
  };
}

export function oidcRoutes(app: FastifyInstance, context: Context): void {
  app.decorateRequest('provided', null);
  const { provider, root, sessions } = context;
  if (!provider) return;
  const redirectUri = (request: FastifyRequest): string => `${baseUrl(context, request)}/rest/oidc/callback`;
  app.addHook('onRequest', (request) => lookAtHeader(request, context, provider));

  app.get(`${root}/rest/oidc/start`, async (request, reply) => {
    try {
      const next = ourAddress(parameter(parametersOf(request), 'next'), originOf(context, request), root);
      const { url, pending } = await provider.begin(redirectUri(request));
      const cookie = pendingCookie(context, { ...pending, next: next ?? `${root}/rest` });
      return await reply.headers({ 'set-cookie': cookie, 'cache-control': 'no-store' }).redirect(url.href, 303);
    } catch (thrown) {
      sendError(context, request, reply, thrown);
      return reply;
    }
  });

  app.get(`${root}/rest/oidc/callback`, async (request, reply) => {
    try {
      const pending = pendingIn(context, request.headers.cookie);
      if (!pending)
        throw new RestError(400, 'Signing in was not begun in this browser, or it took too long; begin anew.');
      const address = new URL(redirectUri(request));
      address.search = new URL(request.url, address).search;
      const { username, role } = await provider.finish(address, pending);
      if (sessions.isOurs(username)) {
        throw new RestError(403, `${username} is the name of a user of this Sortie's own; sign in with its password.`);
      }
      const wanted = { username, role, lifeMs: defaultMinutes * 60_000, binding: { kind: 'none' } } as const;
      const { token, expires } = sessions.issue(wanted, Date.now());
      context.trail.signIn(request, username, Result.RESULT_DONE);
      void reply.header('set-cookie', [cookieWith(context, token, expires, Date.now()), clearPending(context)]);
      // A redirect would go on from the provider, and a cookie that is SameSite=Strict would stay at home.
      sendPlainPage(context, request, reply, 'Signed in', () => signedInPage(pending.next));
    } catch (thrown) {
      sendError(context, request, reply, thrown);
    }
    return reply;
  });
}
