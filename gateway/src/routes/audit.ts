// The audit log, for administrators.
import type { FastifyInstance } from 'fastify';
import { read } from '@sortie/common/grpc';
import { actionWords, askedAction, askedTime, auditDocument } from '../arcgis/audit.js';
import { RestError } from '../arcgis/errors.js';
import { speaking, userOf } from '../auth.js';
import type { Context } from '../context.js';
import { auditPage } from '../pages/audit.js';
import { parameter, parametersOf } from '../parameters.js';
import { respond } from '../respond.js';

const defaultNum = 100;
const mostNum = 1000;

export function auditRoutes(app: FastifyInstance, context: Context): void {
  const { root, auditEvents } = context;

  app.get(`${root}/rest/audit`, (request, reply) =>
    respond(context, request, reply, async () => {
      const user = userOf(request, context);
      if (user.role !== 'administrator') throw new RestError(403, 'The audit log is for administrators.');
      const parameters = parametersOf(request);
      const num = Number(parameter(parameters, 'num') || defaultNum);
      if (!(Number.isInteger(num) && num >= 1 && num <= mostNum))
        throw new RestError(400, `'num' must be a number from 1 to ${mostNum}.`);
      const asked = {
        pageSize: num,
        pageToken: parameter(parameters, 'pageToken'),
        user: parameter(parameters, 'user'),
        action: askedAction(parameters),
        resource: parameter(parameters, 'resource'),
        after: askedTime(parameters, 'from'),
        before: askedTime(parameters, 'to'),
      };
      const found = await read(auditEvents.listEvents.bind(auditEvents), asked, { speaking: speaking(context, user) });
      const events = found.events.map(auditDocument);
      const next = new URLSearchParams([...parameters].filter(([name]) => name !== 'pageToken'));
      next.set('pageToken', found.nextPageToken);
      return {
        title: 'Audit log',
        crumbs: [
          { text: 'Home', path: '/rest' },
          { text: 'audit', path: '/rest/audit' },
        ],
        document: { events, nextPageToken: found.nextPageToken },
        body: () =>
          auditPage({
            events,
            asked: parameters,
            actions: actionWords,
            action: `${root}/rest/audit`,
            next: found.nextPageToken === '' ? null : `${root}/rest/audit?${next.toString()}`,
          }),
      };
    }),
  );
}
