// The Job service as a whole, from its settings to its stop.
import { migrate, openDatabase } from '@sortie/common/database';
import { JobServiceService } from '@sortie/common/gen/sortie/job/v1/job';
import { newServer, startServer } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import { connectNats, ensureWorkQueue, natsAnswers, ringChanged } from '@sortie/common/nats';
import { defaultPolicy, type Policy } from './job.js';
import { migrations } from './migrations/index.js';
import { Outbox } from './outbox.js';
import { startReconciler } from './reconcile.js';
import { newJobServer } from './server.js';
import { Store } from './store.js';

export interface JobServiceSettings {
  /** host:port; port 0 for any free one. */
  listen: string;
  /** `postgres://…`, or a directory for the embedded database. */
  database: string;
  natsUrl: string;
  policy?: Policy;
}

export interface JobService {
  port: number;
  stop(): Promise<void>;
}

const healthMs = 2_000;

export async function startJobService(settings: JobServiceSettings, log: Logger): Promise<JobService> {
  const policy = settings.policy ?? defaultPolicy;
  const [database, nats] = await Promise.all([
    openDatabase(settings.database),
    connectNats(settings.natsUrl, 'sortie-job'),
  ]);
  await migrate(database, migrations);
  await ensureWorkQueue(nats);
  const store = new Store(database);
  const outbox = new Outbox(store, nats, log);
  const reconciler = startReconciler(store, nats, outbox, policy, log, (jobId, lastSequence) =>
    ringChanged(nats, jobId, lastSequence),
  );
  const server = newServer();
  server.addService(JobServiceService, newJobServer({ store, outbox, nats, policy, log }));
  const running = await startServer(server, 'sortie.job.v1.JobService', settings.listen);
  // The book is what this service cannot be without; the bell may be away for a while.
  const health = setInterval(() => {
    void store.answers().then((serving) => running.setServing(serving));
    void natsAnswers(nats).then((answers) => {
      if (!answers) log.warn('NATS does not answer');
    });
  }, healthMs);
  log.info({ port: running.port }, 'job service is up');
  return {
    port: running.port,
    stop: async () => {
      clearInterval(health);
      await running.stop();
      await reconciler.stop();
      await nats.close();
      await database.close();
    },
  };
}
