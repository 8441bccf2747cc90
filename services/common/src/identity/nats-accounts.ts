// Who may do what in NATS: the Job service keeps the queue, a worker takes from it and acknowledges, nobody else comes in.
// Subjects of JetStream's API: https://docs.nats.io/reference/reference-protocols/nats_api_reference

import { stream, workers } from '../nats.js';

/** Programs that sign in. */
export const natsUsers = ['job', 'worker'] as const;
export type NatsUser = (typeof natsUsers)[number];

interface Permissions {
  publish: readonly string[];
  subscribe: readonly string[];
}

const consumer = `${stream}.${workers}`;

const permissions: Record<NatsUser, Permissions> = {
  job: {
    publish: ['$JS.API.>', 'sortie.job.v1.>'],
    subscribe: ['sortie.job.v1.changed.*', '_INBOX.job.>'],
  },
  worker: {
    publish: [
      `$JS.API.CONSUMER.INFO.${consumer}`,
      `$JS.API.CONSUMER.MSG.NEXT.${consumer}`,
      `$JS.ACK.${consumer}.>`,
      // Where the domain and the account stand in it, too (nats-architecture-and-design, ADR-15).
      `$JS.ACK.*.*.${consumer}.>`,
    ],
    subscribe: ['_INBOX.worker.>'],
  },
};

const list = (subjects: readonly string[]): string => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`; // prettier-ignore

/** The part of nats-server's configuration that says so. `passwordOf`: as JSON writes it. */
export const natsAuthorization = (passwordOf: (user: NatsUser) => string): string => `authorization {
  users: [
${natsUsers
  .map(
    (user) => `    {
      user: ${user}
      password: ${passwordOf(user)}
      permissions: {
        publish: ${list(permissions[user].publish)}
        subscribe: ${list(permissions[user].subscribe)}
      }
    }`,
  )
  .join('\n')}
  ]
}
`;
