// Generate Token, under the admin and the REST root, and signing in to the pages.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { User } from '@sortie/common/users';
import { RestError } from '../arcgis/errors.js';
import { defaultMinutes, maxMinutes, type Binding } from '../arcgis/tokens.js';
import { cookieName } from '../auth.js';
import type { Context } from '../context.js';
import { html } from '../pages/html.js';
import { parameter, parametersOf, requiredParameter, type Parameters } from '../parameters.js';
import { respond, sendError } from '../respond.js';

function minutesOf(parameters: Parameters): number {
  const text = parameter(parameters, 'expiration');
  if (text === '') return defaultMinutes;
  const minutes = Number(text);
  if (!Number.isFinite(minutes) || minutes <= 0) throw new RestError(400, "'expiration' must be a number of minutes.");
  return Math.min(minutes, maxMinutes);
}

/** client=referer|ip|requestip with its companion. */
function bindingOf(parameters: Parameters, request: FastifyRequest): Binding {
  const client = parameter(parameters, 'client').toLowerCase();
  switch (client) {
    case '':
      return { kind: 'none' };
    case 'referer':
      return { kind: 'referer', value: requiredParameter(parameters, 'referer') };
    case 'ip':
    case 'ipaddress':
      return { kind: 'ip', value: requiredParameter(parameters, 'ip') };
    case 'requestip':
      return { kind: 'ip', value: request.ip };
    default:
      throw new RestError(400, "'client' must be referer, ip or requestip.");
  }
}

export function tokenRoutes(app: FastifyInstance, context: Context): void {
  const { root, passwords, tokens, log } = context;

  async function signIn(parameters: Parameters, request: FastifyRequest): Promise<User> {
    const username = requiredParameter(parameters, parameters.has('username') ? 'username' : 'user');
    const password = requiredParameter(parameters, 'password');
    const user = await passwords.signIn({ username, password, address: request.ip });
    if (user) return user;
    log.warn({ ip: request.ip }, 'wrong user name or password');
    throw new RestError(400, 'Unable to generate token.', ['Invalid username or password.']);
  }

  const generate = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    respond(context, request, reply, async () => {
      const crumbs = [
        { text: 'Home', path: '/rest' },
        { text: 'Generate Token', path: '/rest/generateToken' },
      ];
      const parameters = parametersOf(request);
      const asked = parameters.has('username') || parameters.has('user');
      if (request.method === 'GET' && !asked) {
        const document = { parameters: ['username', 'password', 'client', 'referer', 'ip', 'expiration', 'f'] };
        return { title: 'Generate Token', crumbs, document, body: () => generateForm(root) };
      }
      // A password in an address ends in logs and histories.
      if (request.method === 'GET') throw new RestError(405, 'Generate Token takes POST only.');
      const expires = Math.round(Date.now() + minutesOf(parameters) * 60_000);
      const binding = bindingOf(parameters, request);
      const user = await signIn(parameters, request);
      void reply.header('cache-control', 'no-store');
      return {
        title: 'Generate Token',
        crumbs,
        document: { expires, loginAsPSA: user.role === 'administrator', token: tokens.issue(user, expires, binding) },
      };
    });
  for (const path of ['/admin/generateToken', '/rest/generateToken']) {
    app.route({ method: ['GET', 'POST'], url: `${root}${path}`, handler: generate });
  }

  app.post(`${root}/rest/signIn`, async (request, reply) => {
    try {
      const parameters = parametersOf(request);
      const user = await signIn(parameters, request);
      const token = tokens.issue(user, Date.now() + defaultMinutes * 60_000, { kind: 'none' });
      const secure = request.protocol === 'https' ? '; Secure' : '';
      // Only to pages of our own: an address of somebody else's would be an open redirect.
      const next = parameter(parameters, 'next');
      const target = next.startsWith(`${root}/`) && !/[\\\r\n]/.test(next) ? next : `${root}/rest`;
      return await reply
        .header(
          'set-cookie',
          `${cookieName}=${token}; Path=${root}; HttpOnly; SameSite=Strict; Max-Age=${defaultMinutes * 60}${secure}`,
        )
        .redirect(target, 303);
    } catch (thrown) {
      sendError(context, request, reply, thrown);
      return reply;
    }
  });
}

const generateForm = (root: string): ReturnType<typeof html> =>
  html` <h1>Generate Token</h1>
    <form method="post" action="${root}/rest/generateToken" class="sign-in">
      <label>User name <input name="username" autocomplete="username" required /></label>
      <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
      <label
        >Client
        <select name="client">
          <option value="requestip">this address</option>
          <option value="referer">referer</option>
        </select></label
      >
      <label>Referer <input name="referer" /></label>
      <label
        >Expiration, minutes
        <input name="expiration" type="number" value="${defaultMinutes}" min="1" max="${maxMinutes}"
      /></label>
      <label
        >Format
        <select name="f">
          <option>html</option>
          <option>json</option>
        </select></label
      >
      <button>Generate</button>
    </form>`;
