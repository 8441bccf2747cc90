// A gateway by itself for tests of who is let in: no services behind it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noAudit } from '@sortie/common/audit/audit';
import { AuditServiceClient } from '@sortie/common/gen/sortie/audit/v1/audit';
import { IngestServiceClient } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { connect } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { identity } from '@sortie/common/testing/identities';
import { saveUser, Users } from '@sortie/common/users';
import { newVitals } from '@sortie/common/vitals';
import { newApp } from '../app.js';
import { Tokens } from '../arcgis/tokens.js';
import type { Context } from '../context.js';
import { Jobs } from '../jobs.js';
import { OwnRevocations } from '../sessions/revocations.js';
import { Rates } from '../rates.js';
import { Sessions } from '../sessions/sessions.js';
import { usualEventStreams } from '../settings/settings.js';
import type { TrustProxy } from '../settings/trust-proxy.js';
import { Passwords } from '../sign-in/passwords.js';
import { Trail } from '../trail.js';

export interface Door {
  /** With the root. */
  url: string;
  sessions: Sessions;
  stop(): Promise<void>;
}

export const password = 'correct horse battery';

/** With the publisher `ana`. */
export async function openDoor(
  change: Partial<Pick<Context, 'root' | 'publicUrl' | 'provider'>> & { trustProxy?: TrustProxy; port?: number } = {},
): Promise<Door> {
  const { trustProxy = false, port = 0, ...over } = change;
  const log = newLogger('test', 'silent');
  const directory = await mkdtemp(join(tmpdir(), 'sortie-door-'));
  const usersFile = join(directory, 'users.json');
  await saveUser(usersFile, { username: 'ana', role: 'publisher' }, password);
  const users = new Users(usersFile);
  await users.refresh();
  const key = [randomBytes(32)];
  const sessions = new Sessions({
    tokens: new Tokens(() => key),
    find: (username) => users.find(username),
    revocations: new OwnRevocations(),
    maxMs: 24 * 3_600_000,
  });
  const jobs = connect(JobServiceClient, '127.0.0.1:1', identity('gateway'));
  const ingest = connect(IngestServiceClient, '127.0.0.1:1', identity('gateway'));
  const { health, registry } = newVitals();
  const context: Context = {
    jobs: new Jobs(jobs),
    ingest,
    transfers: ingest,
    auditEvents: connect(AuditServiceClient, '127.0.0.1:1', identity('gateway')),
    trail: new Trail(noAudit),
    identity: identity('gateway'),
    passwords: new Passwords((username, given) => users.check(username, given)),
    sessions,
    rates: new Rates(Infinity),
    maxEventStreams: usualEventStreams,
    provider: null,
    root: '/arcgis',
    publicUrl: null,
    maxUploadBytes: 1024,
    maxUnsignedUploadBytes: 0,
    health,
    registry,
    log,
    ...over,
  };
  const app = newApp(context, trustProxy);
  const origin = await app.listen({ host: '127.0.0.1', port });
  return {
    url: `${origin}${context.root}`,
    sessions,
    stop: async () => {
      await app.close();
      jobs.close();
      ingest.close();
      await rm(directory, { recursive: true });
    },
  };
}
