// Signing in to the pages and out of everything.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Action, Result } from '@sortie/common/gen/sortie/audit/v1/audit';
import type { User } from '@sortie/common/users';
import { invalidToken, RestError } from '../arcgis/errors.js';
import { defaultMinutes } from '../arcgis/tokens.js';
import { presentedBy, userOf } from '../auth.js';
import { originOf, type Context } from '../context.js';
import { cookieWith, noCookie } from '../cookie.js';
import type { Html } from '../pages/html.js';
import { signInPage } from '../pages/sign-in.js';
import { formatOf, parameter, parametersOf, requiredParameter } from '../parameters.js';
import { respond, sendError, sendPlainPage } from '../respond.js';
import { ourAddress, siteOf } from '../site.js';

/** The user whose name and password are in the form. */
export async function passwordOf(context: Context, request: FastifyRequest): Promise<User> {
  const { passwords, sessions, trail, log } = context;
  const parameters = parametersOf(request);
  const username = requiredParameter(parameters, parameters.has('username') ? 'username' : 'user');
  const password = requiredParameter(parameters, 'password');
  // A name that nobody has may be a password in the wrong field.
  const known = sessions.isOurs(username) ? username : '';
  const user = await passwords.signIn({ username, password, address: request.ip }).catch((thrown: unknown) => {
    if (thrown instanceof RestError) trail.signIn(request, known, Result.RESULT_LIMITED);
    throw thrown;
  });
  trail.signIn(request, known, user ? Result.RESULT_DONE : Result.RESULT_REFUSED);
  if (user) return user;
  log.warn({ ip: request.ip }, 'wrong user name or password');
  throw new RestError(400, 'Unable to generate token.', ['Invalid username or password.']);
}

/** Throws 403 for what a page of another site sends. */
function fromOurs(context: Context, request: FastifyRequest): void {
  if (siteOf(request.headers, originOf(context, request)) !== 'other') return;
  throw new RestError(403, 'This was sent by a page of another site; use a page of this one.');
}

export function signInRoutes(app: FastifyInstance, context: Context): void {
  const { root, sessions } = context;

  /** The cookie for whoever shows a good token, or a name and a password. */
  async function cookieFor(request: FastifyRequest): Promise<string> {
    const now = Date.now();
    const shown = parameter(parametersOf(request), 'token');
    if (shown !== '') {
      const bearer = sessions.check(shown, presentedBy(request), now);
      if (!bearer) throw invalidToken();
      return cookieWith(context, shown, bearer.expires, now);
    }
    const { username } = await passwordOf(context, request);
    const wanted = { username, lifeMs: defaultMinutes * 60_000, binding: { kind: 'none' } } as const;
    const { token, expires } = sessions.issue(wanted, Date.now());
    return cookieWith(context, token, expires, now);
  }

  app.get(`${root}/rest/signIn`, (request, reply) => {
    const next = ourAddress(parameter(parametersOf(request), 'next'), originOf(context, request), root) ?? '';
    const body = (): Html => signInPage(root, next, '', context.provider?.name ?? null);
    sendPlainPage(context, request, reply, 'Sign in', body);
    return reply;
  });

  app.post(`${root}/rest/signIn`, async (request, reply) => {
    try {
      fromOurs(context, request);
      const cookie = await cookieFor(request);
      // Only to pages of our own: an address of somebody else's would be an open redirect.
      const next = ourAddress(parameter(parametersOf(request), 'next'), originOf(context, request), root);
      return await reply
        .headers({ 'set-cookie': cookie, 'cache-control': 'no-store' })
        .redirect(next ?? `${root}/rest`, 303);
    } catch (thrown) {
      sendError(context, request, reply, thrown);
      return reply;
    }
  });

  app.post(`${root}/rest/signOut`, async (request, reply): Promise<FastifyReply> => {
    const page = formatOf(parametersOf(request)) === 'html';
    try {
      fromOurs(context, request);
      // What was fetched while signed in stays in no cache of the browser (W3C Clear Site Data, section 3.1).
      void reply.headers({
        'set-cookie': noCookie(context),
        'clear-site-data': '"cache"',
        'cache-control': 'no-store',
      });
      const user = userOf(request, context);
      await sessions.end(user, Date.now());
      context.trail.done(request, user.username, Action.ACTION_SIGN_OUT, '');
    } catch (thrown) {
      // A browser whose token has ended already is signed out all the same.
      const ended = thrown instanceof RestError && (thrown.code === 498 || thrown.code === 499);
      if (!page || !ended) {
        sendError(context, request, reply, thrown);
        return reply;
      }
    }
    if (page) return reply.redirect(`${root}/rest`, 303);
    return respond(context, request, reply, () => ({ title: 'Sign out', crumbs: [], document: { success: true } }));
  });
}
