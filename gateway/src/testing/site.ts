// A whole site for tests: real NATS, real Job service, real Ingest API, and the gateway on a real port.
import { mkdtemp, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { IngestServiceClient } from '@sortie/common/gen/sortie/ingest/v1/ingest';
import { JobServiceClient } from '@sortie/common/gen/sortie/job/v1/job';
import { askHealth, clientCredentials, clientOptions, transferOptions } from '@sortie/common/grpc';
import { newLogger } from '@sortie/common/log';
import { openStorage, type Storage } from '@sortie/common/storage';
import { startNats } from '@sortie/common/testing/nats';
import { saveUser, Users } from '@sortie/common/users';
import { newVitals } from '@sortie/common/vitals';
import { startIngestApi } from '@sortie/ingest/api';
import { startJobService, type JobService } from '@sortie/job/service';
import { newApp } from '../app.js';
import { Tokens } from '../arcgis/tokens.js';
import { Jobs } from '../jobs.js';
import { Passwords } from '../sign-in/passwords.js';

export interface Site {
  url: string;
  app: FastifyInstance;
  jobs: JobServiceClient;
  ingest: IngestServiceClient;
  storage: Storage;
  tokens: Tokens;
  /** What a user of this role is called; the password is `password`. */
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
      { listen: `127.0.0.1:${port}`, database: join(directory, 'book'), natsUrl: nats.url, ...settings },
      log,
    );
  let job = await startJobs(0);
  const { port: jobPort } = job;
  const api = await startIngestApi(
    { listen: '127.0.0.1:0', storage: join(directory, 'storage'), jobAddress: `127.0.0.1:${jobPort}`, maxUploadBytes },
    log,
  );
  const usersFile = join(directory, 'users.json');
  await saveUser(usersFile, { username: 'ana', role: 'publisher' }, password);
  const tokens = new Tokens(randomBytes(32));
  const jobs = new JobServiceClient(`127.0.0.1:${jobPort}`, clientCredentials(), clientOptions);
  const ingest = new IngestServiceClient(`127.0.0.1:${api.port}`, clientCredentials(), clientOptions);
  const transfers = new IngestServiceClient(`127.0.0.1:${api.port}`, clientCredentials(), transferOptions);
  const users = new Users(usersFile);
  const { health, registry } = newVitals();
  await Promise.all([
    health.watch({ name: 'job', needed: false, ask: () => askHealth(jobs) }),
    health.watch({ name: 'ingest', needed: false, ask: () => askHealth(ingest) }),
  ]);
  const app = newApp(
    {
      jobs: new Jobs(jobs),
      ingest,
      transfers,
      passwords: new Passwords((username, password) => users.check(username, password)),
      tokens,
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
    jobs,
    ingest,
    storage: await openStorage(join(directory, 'storage')),
    tokens,
    token: (username) => {
      const role = roles[username as keyof typeof roles];
      return tokens.issue({ username, role }, Date.now() + 600_000, { kind: 'none' });
    },
    stopJobService: () => job.stop(),
    startJobService: async () => {
      job = await startJobs(jobPort);
    },
    stop: async () => {
      health.stop();
      await app.close();
      jobs.close();
      ingest.close();
      transfers.close();
      await api.stop();
      await job.stop();
      await nats.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
