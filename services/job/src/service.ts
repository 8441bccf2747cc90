// The Job service as a whole, from its settings to its stop.
import { isAway, migrate, openDatabase, type Database } from '@sortie/common/database';
import { JobServiceService } from '@sortie/common/gen/sortie/job/v1/job';
import { newServer, startServer } from '@sortie/common/grpc';
import type { Logger } from '@sortie/common/log';
import { askNats, Nats, ringChanged } from '@sortie/common/nats';
import { newVitals, type Vitals } from '@sortie/common/vitals';
import { defaultPolicy, type Policy } from './job.js';
import { JobMetrics } from './metrics.js';
import { migrations } from './migrations/index.js';
import { Outbox } from './outbox.js';
import { QueueKeeper } from './queue-keeper.js';
import { startReconciler } from './reconcile.js';
import { newJobServer } from './server.js';
import { Store } from './store.js';

export interface JobServiceSettings {
  /** host:port; port 0 for any free one. */
  listen: string;
  /** `postgres://…`, or a directory for the embedded database. */
  database: string;
  natsUrl: string;
  /** Servers of the NATS cluster that hold a copy of the queue each. */
  natsReplicas?: number;
  policy?: Policy;
  /** After so long a client's connection is renewed. */
  maxConnectionAgeSeconds?: number;
}

export interface JobService {
  port: number;
  stop(hurry?: AbortSignal): Promise<void>;
}

const databaseWaitMs = 1_000;
const natsWaitMs = 2_000;

/** A database that starts at the same time is waited for; one that refuses is an error. */
async function migrateWhenThere(database: Database, log: Logger): Promise<void> {
  for (;;) {
    try {
      await migrate(database, migrations);
      return;
    } catch (error) {
      if (!isAway(error)) throw error;
      log.warn({ err: error }, 'the database does not answer yet');
      await new Promise((resolve) => setTimeout(resolve, databaseWaitMs));
    }
  }
}

export async function startJobService(
  settings: JobServiceSettings,
  log: Logger,
  vitals: Vitals = newVitals(),
): Promise<JobService> {
  const policy = settings.policy ?? defaultPolicy;
  const { health, registry } = vitals;
  const nats = new Nats(settings.natsUrl, 'sortie-job');
  const database = await openDatabase(settings.database);
  await migrateWhenThere(database, log);
  const queue = new QueueKeeper(nats, settings.natsReplicas ?? 1, log);
  // One that starts at the same time is waited for; without it the book is kept all the same.
  await nats.wait(natsWaitMs);
  // A cluster that is still coming together has no room for replicas; the reconciler goes on trying.
  await queue.look().catch((error: unknown) => log.warn({ err: error }, 'the work queue cannot be made yet'));
  const metrics = new JobMetrics(registry);
  const store = new Store(database, (change) => metrics.note(change));
  metrics.watchQueue(store, nats);
  const outbox = new Outbox(store, nats, log);
  const reconciler = startReconciler({ store, nats, outbox, policy, log, queue }, (jobId, lastSequence) =>
    ringChanged(nats, jobId, lastSequence),
  );
  const server = newServer(vitals, settings.maxConnectionAgeSeconds);
  server.addService(JobServiceService, newJobServer({ store, outbox, nats, policy, log }));
  const running = await startServer(server, 'sortie.job.v1.JobService', settings.listen, vitals);
  // The book is what this service cannot be without; the bell may be away for a while.
  await Promise.all([
    health.watch({ name: 'database', needed: true, ask: () => store.ask() }),
    health.watch({ name: 'nats', needed: false, ask: () => askNats(nats) }),
  ]);
  health.start();
  log.info({ port: running.port }, 'job service is up');
  return {
    port: running.port,
    stop: async (hurry) => {
      health.stop();
      await running.stop(undefined, hurry);
      await reconciler.stop();
      await nats.close();
      await database.close();
    },
  };
}
