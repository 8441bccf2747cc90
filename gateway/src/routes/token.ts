// Generate Token, under the admin and the REST root.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RestError } from '../arcgis/errors.js';
import { defaultMinutes, type Binding } from '../arcgis/tokens.js';
import type { Context } from '../context.js';
import { html } from '../pages/html.js';
import { parameter, parametersOf, requiredParameter, type Parameters } from '../parameters.js';
import { respond } from '../respond.js';
import { passwordOf } from './sign-in.js';

function minutesOf(parameters: Parameters): number {
  const text = parameter(parameters, 'expiration');
  if (text === '') return defaultMinutes;
  const minutes = Number(text);
  if (!Number.isFinite(minutes) || minutes <= 0) throw new RestError(400, "'expiration' must be a number of minutes.");
  return minutes;
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
  const { root, sessions } = context;

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
        return { title: 'Generate Token', crumbs, document, body: () => generateForm(context) };
      }
      // A password in an address ends in logs and histories.
      if (request.method === 'GET') throw new RestError(405, 'Generate Token takes POST only.');
      const lifeMs = minutesOf(parameters) * 60_000;
      const binding = bindingOf(parameters, request);
      const { username, role } = await passwordOf(context, request);
      const { token, expires } = sessions.issue({ username, lifeMs, binding }, Date.now());
      return {
        title: 'Generate Token',
        crumbs,
        document: { expires, loginAsPSA: role === 'administrator', token },
      };
    });
  for (const path of ['/admin/generateToken', '/rest/generateToken']) {
    app.route({ method: ['GET', 'POST'], url: `${root}${path}`, handler: generate });
  }
}

const generateForm = ({ root, sessions }: Context): ReturnType<typeof html> =>
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
        <input
          name="expiration"
          type="number"
          value="${Math.min(defaultMinutes, sessions.maxMinutes)}"
          min="1"
          max="${sessions.maxMinutes}"
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
