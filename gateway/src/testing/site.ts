// A whole site for tests: real NATS, real Job service, real Ingest API, and the gateway on a real port.
import { mkdtemp, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { AuditLog } from '@sortie/common/audit/audit';
import { deliverTo } from '@sortie/common/audit/deliver';
import { AuditServiceClient } from '@sortie/common/gen/sortie/audit/v1/audit';
import { IngestServiceClient } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { askHealth, clientOptions, connect, transferOptions } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { openStorage, type Storage } from '@sortie/common/storage';
import { clientOfAll, identity } from '@sortie/common/testing/identities';
import { startNats } from '@sortie/common/testing/nats';
import type { Registry } from 'prom-client';
import { saveUser, Users } from '@sortie/common/users';
import { newVitals } from '@sortie/common/vitals';
import { startIngestApi } from '@sortie/ingest/api';
import { startJobService, type JobService } from '@sortie/job/service';
import { newApp } from '../app.js';
import { Tokens } from '../arcgis/tokens.js';
import { Jobs } from '../jobs.js';
import { OwnRevocations } from '../sessions/revocations.js';
import { Rates } from '../rates.js';
import { Sessions } from '../sessions/sessions.js';
import { usualEventStreams } from '../settings/settings.js';
import { Passwords } from '../sign-in/passwords.js';
import { Trail } from '../trail.js';

export interface Site {
  url: string;
  app: FastifyInstance;
  /** As the operator and as a worker. */
  jobs: JobServiceClient;
  ingest: IngestServiceClient;
  storage: Storage;
  sessions: Sessions;
  registry: Registry;
  usersFile: string;
  /** Of one of the users of `roles`; the password is `password`. */
  token(username: string): string;
  stopJobService(): Promise<void>;
  /** At the port that it had. */
  startJobService(): Promise<void>;
  stop(): Promise<void>;
}

export const password = 'correct horse battery';
const roles = { root: 'administrator', ana: 'publisher', ben: 'publisher', vera: 'viewer' } as const;
export const maxUploadBytes = 8 * 1024 * 1024;
export const maxUnsignedUploadBytes = 4 * 1024 * 1024;

export async function startSite(settings: { maxConnectionAgeSeconds?: number } = {}): Promise<Site> {
  const log = newLogger('test', 'silent');
  const directory = await mkdtemp(join(tmpdir(), 'sortie-site-'));
  const nats = await startNats();
  const startJobs = (port: number): Promise<JobService> =>
    startJobService(
      {
        listen: `127.0.0.1:${port}`,
        database: join(directory, 'book'),
        natsUrl: nats.url,
        identity: identity('job'),
        ...settings,
      },
      log,
    );
  let job = await startJobs(0);
  const { port: jobPort } = job;
  const api = await startIngestApi(
    {
      listen: '127.0.0.1:0',
      storage: join(directory, 'storage'),
      jobAddress: `127.0.0.1:${jobPort}`,
      identity: identity('ingest-api'),
      maxUploadBytes,
    },
    log,
  );
  const asWorkers = clientOfAll(JobServiceClient, `127.0.0.1:${jobPort}`, clientOptions);
  const asOperator = connect(IngestServiceClient, `127.0.0.1:${api.port}`, identity('operator'));
  const usersFile = join(directory, 'users.json');
  for (const [username, role] of Object.entries(roles)) await saveUser(usersFile, { username, role }, password);
  const key = [randomBytes(32)];
  const jobs = connect(JobServiceClient, `127.0.0.1:${jobPort}`, identity('gateway'));
  const ingest = connect(IngestServiceClient, `127.0.0.1:${api.port}`, identity('gateway'));
  const transfers = connect(IngestServiceClient, `127.0.0.1:${api.port}`, identity('gateway'), transferOptions);
  const users = new Users(usersFile);
  await users.refresh();
  users.watch(log);
  const revocations = new OwnRevocations();
  const sessions = new Sessions({
    tokens: new Tokens(() => key),
    find: (username) => users.find(username),
    revocations,
    maxMs: 24 * 3_600_000,
  });
  const { health, registry } = newVitals();
  await Promise.all([
    health.watch({ name: 'job', needed: false, ask: () => askHealth(jobs) }),
    health.watch({ name: 'ingest', needed: false, ask: () => askHealth(ingest) }),
  ]);
  const auditEvents = connect(AuditServiceClient, `127.0.0.1:${jobPort}`, identity('gateway'));
  const audit = new AuditLog({
    deliver: deliverTo(auditEvents),
    registry,
    log,
    retryMs: 50,
  });
  const app = newApp(
    {
      jobs: new Jobs(jobs),
      ingest,
      transfers,
      auditEvents,
      trail: new Trail(audit),
      identity: identity('gateway'),
      passwords: new Passwords((username, password) => users.check(username, password)),
      sessions,
      rates: new Rates(Infinity),
      maxEventStreams: usualEventStreams,
      provider: null,
      root: '/arcgis',
      publicUrl: null,
      maxUploadBytes,
      maxUnsignedUploadBytes,
      health,
      registry,
      log,
    },
    false,
  );
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    app,
    jobs: asWorkers,
    ingest: asOperator,
    storage: await openStorage(join(directory, 'storage')),
    sessions,
    registry,
    usersFile,
    token: (username) => sessions.issue({ username, lifeMs: 600_000, binding: { kind: 'none' } }, Date.now()).token,
    stopJobService: () => job.stop(),
    startJobService: async () => {
      job = await startJobs(jobPort);
    },
    stop: async () => {
      health.stop();
      users.stop();
      await app.close();
      await audit.stop();
      auditEvents.close();
      jobs.close();
      asWorkers.close();
      asOperator.close();
      ingest.close();
      transfers.close();
      await api.stop();
      await job.stop();
      await nats.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
